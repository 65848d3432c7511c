"""Where a request comes from: what a caller can make up is not believed."""

from typing import Any

import pytest

from waypost.api import callers


def _scope(peer: str, **headers: str) -> Any:
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "client": (peer, 4711) if peer else None, "headers": sent}


@pytest.mark.parametrize(
    ("scope", "behind_proxy", "address"),
    [
        (_scope("192.0.2.1"), False, "192.0.2.1"),
        (_scope("192.0.2.1", x_forwarded_for="10.0.0.1"), False, "192.0.2.1"),
        (_scope("192.0.2.1", x_forwarded_for="10.0.0.1"), True, "10.0.0.1"),
        (_scope("192.0.2.1", x_forwarded_for="made up, 10.0.0.1"), True, "10.0.0.1"),
        (_scope("192.0.2.1"), True, "192.0.2.1"),
        (_scope("192.0.2.1", x_forwarded_for="10.0.0.1:4711"), True, "10.0.0.1"),
        (_scope("192.0.2.1", x_forwarded_for="[2001:db8::1]:4711"), True, "2001:db8::1"),
        (_scope("192.0.2.1", x_forwarded_for="2001:db8::1"), True, "2001:db8::1"),
        (_scope(""), False, ""),
    ],
)
def test_addresses(scope: Any, behind_proxy: bool, address: str) -> None:
    """Behind a proxy the caller is who the proxy has seen last; else the header means nothing."""
    assert callers.address(scope, behind_proxy=behind_proxy) == address


@pytest.mark.parametrize(
    ("scope", "local"),
    [
        (_scope("127.0.0.1"), True),
        (_scope("::1"), True),
        (_scope("127.0.0.1", host="localhost:8630"), True),
        (_scope("::1", host="[::1]:8630"), True),
        (_scope("127.0.0.1", host="rebound.example:8630"), False),
        (_scope("192.0.2.1"), False),
        (_scope("127.0.0.1", x_forwarded_for="127.0.0.1"), False),
        (_scope("127.0.0.1", forwarded="for=192.0.2.1"), False),
        (_scope("127.0.0.1", via="1.1 proxy"), False),
        (_scope(""), False),
    ],
)
def test_who_is_this_machine(scope: Any, local: bool) -> None:
    """Whoever comes through a proxy on this machine, or by a name that was made to lead here, is not this machine."""
    assert callers.local(scope) is local
