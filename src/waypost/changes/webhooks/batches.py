"""What one delivery carries: entries of the feed, as the API gives them, until there are enough of them."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

import msgspec

from waypost.changes import feed, following
from waypost.changes.feed import Place, Window
from waypost.storage.database import Connection
from waypost.unified.filters import Filters
from waypost.unified.words import ChangeKind

MOST_BYTES: Final = 256_000
"""Of a body; many receivers read no more. A single entry is sent however long it is."""


class Addressee(Protocol):
    """What is asked of a webhook to know what it is told."""

    @property
    def webhook_uuid(self) -> uuid.UUID: ...
    @property
    def most(self) -> int: ...
    @property
    def kinds(self) -> Sequence[int]: ...
    @property
    def organization_id(self) -> int | None: ...
    @property
    def connection_ids(self) -> Sequence[int] | None: ...


class Batch(msgspec.Struct, frozen=True):
    """What lies between two places of the feed.

    Attributes:
        body: What is sent; empty if nothing between them is for this webhook.
        entries: How many it has.
        end: The place behind it.
        is_behind: There is more.
    """

    body: bytes
    entries: int
    end: Place
    is_behind: bool


async def next_of(db: Connection, to: Addressee, after: Place) -> Batch:
    """The next batch of a webhook.

    Raises:
        FeedForgottenError: The place is older than what is kept.
    """
    window = await feed.read(
        db,
        after,
        limit=to.most,
        kinds=[ChangeKind(kind) for kind in to.kinds],
        organization_id=to.organization_id,
        connection_ids=to.connection_ids,
    )
    if not window.items:
        return Batch(b"", 0, window.end, window.has_more)
    return _packed(to.webhook_uuid, window)


def ping(webhook_uuid: uuid.UUID) -> bytes:
    """What a ping carries."""
    return _body("ping", {"endpoint": webhook_uuid})


def _packed(webhook_uuid: uuid.UUID, window: Window) -> Batch:
    entries: list[msgspec.Raw] = []
    size = 0
    for item in window.items:
        entry = msgspec.json.encode(item)
        if entries and size + len(entry) > MOST_BYTES:
            break
        entries.append(msgspec.Raw(entry))
        size += len(entry)
    is_whole = len(entries) == len(window.items)
    end = window.end if is_whole else window.places[len(entries) - 1]
    cursor = following.cursor_at(Filters(), end)
    body = _body("changes", {"endpoint": webhook_uuid, "items": entries, "cursor": cursor})
    return Batch(body, len(entries), end, window.has_more or not is_whole)


def _body(kind: str, data: dict[str, object]) -> bytes:
    return msgspec.json.encode({"type": kind, "timestamp": datetime.now(UTC), "data": data})
