"""Where a request comes from."""

import ipaddress
import re
from typing import Final

from litestar.types import Scope

_FORWARDED: Final = (b"x-forwarded-for", b"forwarded", b"x-real-ip", b"via")
_WITH_PORT: Final = re.compile(r"(?:\[([^\]]+)\]|([^:\[\]]+))(?::\d+)?")
"""Some proxies tell the caller's port as well, which is another with each connection."""
_THIS_MACHINE: Final = ("localhost", "127.0.0.1", "::1")


def address(scope: Scope, *, behind_proxy: bool) -> str:
    """The caller's address; behind a proxy the last one that the proxy has seen, which no caller can choose."""
    peer = _peer(scope)
    if not behind_proxy:
        return peer
    told = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == _FORWARDED[0]]
    last = ",".join(told).rpartition(",")[2].strip()[:64]
    return _without_port(last) or peer


def local(scope: Scope) -> bool:
    """Whether the caller is this machine itself, and nobody through a proxy on it.

    A page of another site that has made its own name lead to this machine asks under that name, and so does who
    comes through a proxy that tells nothing of it.
    """
    if any(name.lower() in _FORWARDED for name, _ in scope["headers"]):
        return False
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"host"]
    if any(_without_port(host).lower() not in _THIS_MACHINE for host in hosts):
        return False
    try:
        return ipaddress.ip_address(_peer(scope)).is_loopback
    except ValueError:
        return False


def _without_port(text: str) -> str:
    match = _WITH_PORT.fullmatch(text)
    return (match[1] or match[2]) if match else text


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""
