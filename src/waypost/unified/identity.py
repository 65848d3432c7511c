"""Ids that Waypost gives (rule 5): derived from what a thing is, so that the same thing keeps its id.

All are BLAKE2b of the parts, each behind its length so that no two lists of parts read the same. An
attacker who names software cannot choose a collision, which a faster hash would allow.
"""

import hashlib
import uuid
from collections.abc import Iterable


def finding(connection: bytes, device_id: int, cve: str, name: str, vendor: str, version: str) -> bytes:
    """The 16 bytes of a finding's UUID (version 8).

    Args:
        connection: The connection's UUID, as bytes.
        device_id: The agent's id.
        cve: As sent.
        name: Of the application, unescaped.
        vendor: Of the application, unescaped.
        version: Of the application.
    """
    text = f"{device_id}\0{cve}\0{len(name)}\0{name}\0{len(vendor)}\0{vendor}\0{version}"
    digest = bytearray(hashlib.blake2b(text.encode(), digest_size=16, key=connection).digest())
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return bytes(digest)


def device(connection: uuid.UUID, device_id: int) -> uuid.UUID:
    """A device's UUID (version 8), from its agent's id."""
    digest = hashlib.blake2b(str(device_id).encode(), digest_size=16, key=connection.bytes).digest()
    return uuid.UUID(int=int.from_bytes(digest) & ~(0xF << 76) & ~(0x3 << 62) | 0x8 << 76 | 0x2 << 62)


def content(parts: Iterable[object]) -> int:
    """The key of a dimension row: 63 bits of its content."""
    text = "\0".join(f"{len(part)}:{part}" for part in (repr(part) for part in parts))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1
