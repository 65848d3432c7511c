"""Page cursors: where a page of a list ended, as a text that only goes on with the list that it came from.

A cursor holds the key of the page's last row and a digest of the list's name and filters, and is signed: one that was
cut short, altered or made up is refused. What its holder may read is asked of his key alone, for every page.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from waypost import errors
from waypost.storage import queries
from waypost.storage.database import Connection

_SIGNATURE_BYTES: Final = 16


class _Signing:
    """What this process signs with: until it has adopted its database's, something of its own."""

    secret = secrets.token_bytes(32)


async def adopt(db: Connection) -> None:
    """Sign as all processes on this database do, so that a page of one goes on at another."""
    cursor = await db.execute(queries.lists.signing_key)
    ((_Signing.secret,),) = await cursor.fetchall()


def write(kind: str, filters: object, key: Sequence[Any]) -> str:  # Any: values of different columns
    """The cursor of a page whose last row has this key."""
    text = msgspec.json.encode([_digest(kind, filters), *key])
    # The text comes first: it always begins with a letter, and no command line takes it for an option.
    return _written(text + _signature(text)).decode()


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
    text = raw[:-_SIGNATURE_BYTES]
    # Python reads over foreign letters and spare bits, so that several texts would be one cursor.
    is_whole = hmac.compare_digest(_written(raw), cursor.encode())
    if not hmac.compare_digest(_signature(text), raw[-_SIGNATURE_BYTES:]) or not is_whole:
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


def _written(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _signature(text: bytes) -> bytes:
    return hashlib.blake2b(text, key=_Signing.secret, digest_size=_SIGNATURE_BYTES).digest()


def _digest(kind: str, filters: object) -> str:
    return hashlib.blake2b(kind.encode() + msgspec.json.encode(filters), digest_size=8).hexdigest()
