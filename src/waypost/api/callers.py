"""Where a request comes from."""

import ipaddress
from typing import Final

from litestar.types import Scope

_FORWARDED: Final = (b"x-forwarded-for", b"forwarded", b"x-real-ip", b"via")


def address(scope: Scope, *, behind_proxy: bool) -> str:
    """The caller's address; behind a proxy the last one that the proxy has seen, which no caller can choose."""
    peer = _peer(scope)
    if not behind_proxy:
        return peer
    told = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == _FORWARDED[0]]
    return ",".join(told).rpartition(",")[2].strip()[:64] or peer


def local(scope: Scope) -> bool:
    """Whether the caller is this machine itself, and nobody through a proxy on it."""
    if any(name.lower() in _FORWARDED for name, _ in scope["headers"]):
        return False
    try:
        return ipaddress.ip_address(_peer(scope)).is_loopback
    except ValueError:
        return False


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""
