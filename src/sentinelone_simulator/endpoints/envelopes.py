"""The envelope around every answer (API notes 5)."""

from collections.abc import Iterable

import msgspec

from sentinelone_simulator.pages import Paging


def data(content: object) -> bytes:
    return msgspec.json.encode({"data": content})


def page(rows: bytes, total: int, cursor: str | None) -> bytes:
    """Wrap rows that are JSON objects joined by commas."""
    return b'{"data":[%b],%b}' % (rows, pagination(total, cursor))


def pagination(total: int, cursor: str | None) -> bytes:
    return msgspec.json.encode({"pagination": {"totalItems": total, "nextCursor": cursor}})[1:-1]


def rows(items: Iterable[dict[str, object]], count: int, paging: Paging, cursor: str | None) -> bytes:
    return page(msgspec.json.encode(list(items))[1:-1], paging.total(count), cursor)
