"""Page cursors: where a page of a list ended, as a text that only goes on with the list that it came from.

A cursor holds the key of the page's last row and a digest of the list's name and filters. Its checksum tells
one that was cut short or altered on its way; it guards against slips, not against people.
"""

import base64
import hashlib
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from waypost import errors

_CHECKSUM_BYTES: Final = 6


def write(kind: str, filters: object, key: Sequence[Any]) -> str:  # Any: values of different columns
    """The cursor of a page whose last row has this key."""
    text = msgspec.json.encode([_digest(kind, filters), *key])
    # The text comes first: it always begins with a letter, and no command line takes it for an option.
    return base64.urlsafe_b64encode(text + _checksum(text)).decode().rstrip("=")


def read(cursor: str, kind: str, filters: object, parts: int) -> list[Any]:  # Any: as above
    """Where a cursor says that its page ended; nothing for the first page.

    Raises:
        FilterError: It has been altered, or belongs to another list.
    """
    if not cursor:
        return [None] * parts
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except ValueError:
        raw = b""
    text = raw[:-_CHECKSUM_BYTES]
    if _checksum(text) != raw[-_CHECKSUM_BYTES:]:
        raise errors.FilterError(
            "The cursor has been cut short or altered.", remedy="Start from the first page.", field="cursor"
        )
    digest, *key = msgspec.json.decode(text, type=list[Any])
    if digest != _digest(kind, filters) or len(key) != parts:
        raise errors.FilterError(
            "The cursor belongs to a list with other filters.",
            remedy="Give the same filters, or no cursor.",
            field="cursor",
        )
    return key


def _checksum(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=_CHECKSUM_BYTES).digest()


def _digest(kind: str, filters: object) -> str:
    return hashlib.blake2b(kind.encode() + msgspec.json.encode(filters), digest_size=8).hexdigest()
