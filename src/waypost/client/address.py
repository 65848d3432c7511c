"""Where a service is, and the key it is asked with."""

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

_KEY: Final = re.compile(r"[!-~]+")


class Key:
    """A key that nothing shows by accident.

    Raises:
        ValueError: It is blank, or cannot travel in a header.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        if not _KEY.fullmatch(text):
            raise ValueError("A key is one word like wp_…, without spaces or line ends.")
        self._text = text

    def __repr__(self) -> str:
        return "Key(…)"

    def header(self) -> str:
        """How it is shown to the service."""
        return f"Bearer {self._text}"


def origin(url: str) -> str:
    """The address of a service without what does not belong to it; a path is kept, for services behind a proxy.

    Raises:
        ValueError: It is no address, holds a password, or a key would travel in clear to another machine.
    """
    parts = urlsplit(url.strip())
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("The address of a service is like https://waypost.example.com, and nothing more.")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is not an address like https://waypost.example.com.")
    if parts.scheme == "http" and not _loopback(parts.hostname):
        raise ValueError(f"{url!r} is not https: the key would travel in clear.")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/api/v1')}"


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
