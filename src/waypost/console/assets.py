"""The files that pages load: style, script, picture. All of them are Waypost's own and come from Waypost itself."""

import hashlib
from importlib import resources
from typing import Final

import msgspec

_KINDS: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


class Asset(msgspec.Struct, frozen=True):
    """A file as it is sent; `url` changes with its content, so that browsers may keep it for ever."""

    url: str
    media_type: str
    content: bytes


def _load(name: str) -> Asset:
    content = resources.files("waypost.console").joinpath("assets", name).read_bytes()
    version = hashlib.sha256(content).hexdigest()[:12]
    return Asset(f"/connect/assets/{name}?v={version}", _KINDS[name.rpartition(".")[2]], content)


ALL: Final = {name: _load(name) for name in ("connect.css", "connect.js", "waypost.svg")}


def url(name: str) -> str:
    """Where a page finds a file."""
    return ALL[name].url
