"""Secrets that are planted and looked for, however they may have been written down."""

import base64
import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from urllib.parse import quote

_COMPRESSED = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]")
_LONGEST = 16 * 1024 * 1024


class Canary:
    """A secret, and every way in which it could be written.

    Args:
        name: What it is, for who finds it.
        secret: Long enough not to occur by chance.
    """

    def __init__(self, name: str, secret: str | bytes) -> None:
        self.name = name
        plain = secret.encode() if isinstance(secret, str) else secret
        assert len(plain) >= 16
        self.ways = {way: needle for way, needle in _ways(plain) if len(needle) >= 12}

    def found(self, hay: bytes) -> list[str]:
        """The ways in which it occurs, also inside of what is packed."""
        seen = []
        for part in (hay, *_unpacked(hay)):
            lower = part.lower()
            seen += [
                f"{self.name} ({way})"
                for way, needle in self.ways.items()
                if needle in (lower if way in _ANY_CASE else part)
            ]
        return seen


_ANY_CASE = frozenset({"hex", "hex with spaces", "percent", "escaped", "hash escapes"})


def found(canaries: Iterable[Canary], hay: bytes | str) -> list[str]:
    """Which of these occur in some output."""
    content = hay.encode("utf-8", "surrogateescape") if isinstance(hay, str) else hay
    return [way for canary in canaries for way in canary.found(content)]


def _ways(plain: bytes) -> Iterator[tuple[str, bytes]]:
    text = plain.decode("latin-1")
    yield "plain", plain
    yield "reversed", plain[::-1]
    yield "hex", plain.hex().encode()
    yield "hex with spaces", plain.hex(" ").encode()
    yield "percent", "".join(f"%{byte:02x}" for byte in plain).encode()
    yield "escaped", "".join(f"\\u{byte:04x}" for byte in plain).encode()
    yield "hash escapes", "".join(f"\\x{byte:02x}" for byte in plain).encode()
    yield "URL", quote(plain, safe="").encode()
    yield "JSON", text.replace("/", "\\/").replace('"', '\\"').encode("latin-1")
    yield "UTF-16", text.encode("utf-16-le")
    yield "UTF-16 the other way", text.encode("utf-16-be")[:-1]
    yield "list of numbers", ", ".join(map(str, plain)).encode()
    for shift in range(3):
        # Whatever stands around it, these characters depend on the secret alone.
        first, last = -(-shift * 8 // 6), (shift + len(plain)) * 8 // 6
        yield f"base64, shifted by {shift}", base64.b64encode(b"\0" * shift + plain)[first:last]
        yield f"base64url, shifted by {shift}", base64.urlsafe_b64encode(b"\0" * shift + plain)[first:last]


def _unpacked(hay: bytes) -> Iterator[bytes]:
    """What lies packed in some output, by zlib or gzip."""
    for match in _COMPRESSED.finditer(hay[:_LONGEST]):
        unpacker = zlib.decompressobj(wbits=47)  # either kind, by its header
        try:
            content = unpacker.decompress(hay[match.start() :], _LONGEST)
        except zlib.error:
            continue
        if content:
            yield content


def self_test() -> None:
    """What does not find anything would find nothing."""
    secret = "canary/+=0123456789abcdef"
    canary = Canary("canary", secret)
    for way, needle in canary.ways.items():
        assert canary.found(b"before " + needle + b" after"), way
    for shift in range(4):
        assert canary.found(base64.b64encode(b"x" * shift + secret.encode() + b"yz"))
    assert canary.found(b"log " + gzip.compress(b"a " + secret.encode()))
    assert canary.found(b"log " + zlib.compress(b"a " + secret.encode()))
    assert canary.found(secret.upper().encode().hex().upper().encode()) == []
    assert not canary.found(b"canary/+=0123456789")
