"""Ids that Waypost gives (rule 5): derived from what a thing is, so that the same thing keeps its id.

All are BLAKE2b of the parts, told apart by their lengths or by a NUL, which no text here can hold
(`sentinelone/wire.py`), so that no two lists of parts read the same. An attacker who names software cannot choose
a collision, which a faster hash would allow.
"""

import hashlib
from collections.abc import Iterable


def device(connection: bytes, device_id: int) -> bytes:
    """A device's UUID (version 8), from its agent's id.

    Args:
        connection: The connection's UUID, as bytes.
        device_id: The agent's id.
    """
    return _version_8(hashlib.blake2b(str(device_id).encode(), digest_size=16, key=connection).digest())


def finding(connection: bytes, device_uuid: bytes, cve: str, name: str, vendor: str, version: str) -> bytes:
    """A finding's UUID (version 8). Its first six bytes are its device's.

    The findings of a device are therefore a range of their primary key, which spares an index on the largest
    table: see `storage/queries/devices.sql`.

    Args:
        connection: The connection's UUID, as bytes.
        device_uuid: The device's, as `device` gives it.
        cve: As sent.
        name: Of the application, unescaped.
        vendor: Of the application, unescaped.
        version: Of the application.
    """
    text = f"{cve}\0{len(name)}\0{name}\0{len(vendor)}\0{vendor}\0{version}"
    digest = hashlib.blake2b(device_uuid + text.encode(), digest_size=10, key=connection).digest()
    return _version_8(device_uuid[:6] + digest)


def _version_8(digest: bytes) -> bytes:
    return digest[:6] + bytes((digest[6] & 0x0F | 0x80, digest[7], digest[8] & 0x3F | 0x80)) + digest[9:]


def content(parts: Iterable[object]) -> int:
    """The key of a dimension row: 63 bits of its content."""
    text = "\0".join(f"{len(part)}:{part}" for part in (repr(part) for part in parts))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1
