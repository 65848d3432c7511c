"""Where a service may be, and a key that nothing shows."""

import pytest

from waypost.client import AsyncWaypost, Waypost
from waypost.client.address import Key, origin

KEY = "wp_abcdefghijkl_0123456789"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://waypost.example.com", "https://waypost.example.com"),
        (" https://waypost.example.com:8443/ ", "https://waypost.example.com:8443"),
        ("https://example.com/waypost/", "https://example.com/waypost"),
        ("https://example.com/api/v1", "https://example.com"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://localhost:8080", "http://localhost:8080"),
    ],
)
def test_addresses(url: str, expected: str) -> None:
    """It is https anywhere, plain http to this machine alone."""
    assert origin(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "http://waypost.example.com", "http://10.0.0.1", "http://127.0.0.1.example.com", "ftp://example.com",
        "example.com", "", "https://", "https://user:secret@example.com", "https://example.com?key=1",
    ],
)  # fmt: skip
def test_no_addresses(url: str) -> None:
    """A key is not sent in clear to another machine; an address with a password in it is not repeated."""
    for kind in (Waypost, AsyncWaypost):
        with pytest.raises(ValueError, match="https") as told:
            kind(url, KEY)
        assert "secret" not in str(told.value)


@pytest.mark.parametrize("key", ["", " ", "wp_a b", "wp_a\nHost: elsewhere", "wp_é"])
def test_no_keys(key: str) -> None:
    """What cannot be a key is refused without being repeated."""
    with pytest.raises(ValueError, match="A key is one word") as told:
        Waypost("https://waypost.example.com", key)
    assert not key.strip() or key not in str(told.value)


def test_keys_do_not_show() -> None:
    """No repr of a client or of what it holds has the key."""
    client = AsyncWaypost("https://waypost.example.com", KEY)
    assert repr(client) == "AsyncWaypost('https://waypost.example.com')"
    assert KEY not in repr(Key(KEY)) + str(Key(KEY)) + repr(vars(client)) + repr(vars(client._wire))
    with Waypost("https://waypost.example.com", KEY) as other:
        assert repr(other) == "Waypost('https://waypost.example.com')"
