"""What became of accounts and sites: each that came, went, or is other than it was is an entry of the change log.

What an account or site is called, whose it is and how it stands are told apart from everything else that the
console says of it: licences and counts move by themselves and are nobody's news.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.sync.runs import Run
from waypost.unified.words import ChangeKind, word

ACTIVE: Final = "active"
GONE: Final = "gone"

ADDED: Final = {"account": ChangeKind.ACCOUNT_ADDED, "site": ChangeKind.SITE_ADDED}
RENAMED: Final = {"account": ChangeKind.ACCOUNT_RENAMED, "site": ChangeKind.SITE_RENAMED}
STANDS: Final = {
    "account": {
        ACTIVE: ChangeKind.ACCOUNT_REACTIVATED,
        "expired": ChangeKind.ACCOUNT_EXPIRED,
        "deleted": ChangeKind.ACCOUNT_DELETED,
        GONE: ChangeKind.ACCOUNT_GONE,
    },
    "site": {
        ACTIVE: ChangeKind.SITE_REACTIVATED,
        "expired": ChangeKind.SITE_EXPIRED,
        "deleted": ChangeKind.SITE_DELETED,
        GONE: ChangeKind.SITE_GONE,
    },
}
"""What it is called when an account or site stands otherwise than it did."""

WORDS: Final = frozenset(
    word(kind)
    for kind in (
        *ADDED.values(),
        *RENAMED.values(),
        ChangeKind.SITE_MOVED,
        *(kind for stands in STANDS.values() for kind in stands.values()),
    )
)
"""Everything that is told about accounts and sites, as counts of a run name it."""


class Written(msgspec.Struct, frozen=True):
    """A row that was written, with what it was before if it was `known`; of a site also whose it is."""

    id: int
    known: bool
    was_name: str | None
    was_state: str | None
    was_gone: bool
    name: str | None
    state: str | None
    was_account_id: int | None = None
    was_account: str | None = None
    account_id: int | None = None
    account: str | None = None


class Detail(msgspec.Struct, frozen=True):
    """What an entry of the change log says: of an account or site, what it was and what it is."""

    kind: str
    id: str
    name: str | None
    was: str | None
    is_: str | None = msgspec.field(name="is")


class Entry(msgspec.Struct, frozen=True):
    """An entry of the change log that is to be written."""

    kind: ChangeKind
    site_id: int | None
    detail: Detail


def standing(state: str | None, *, gone: bool = False) -> str:
    """How an account or site stands: `active`, `expired`, `deleted`, or `gone` from the list.

    A state that is not known is taken for active: the console lists it as one that it has.
    """
    if gone:
        return GONE
    return state if state in ("expired", "deleted") else ACTIVE


def entries(kind: str, row: Written) -> Iterator[Entry]:
    """What is news about a row, renamed before moved before how it stands."""
    now = standing(row.state)
    if not row.known:
        yield _entry(kind, ADDED[kind], row.id, row.name, None, now)
        return
    if row.name is not None and row.was_name is not None and row.name != row.was_name:
        yield _entry(kind, RENAMED[kind], row.id, row.name, row.was_name, row.name)
    if row.account_id is not None and row.was_account_id is not None and row.account_id != row.was_account_id:
        was, is_ = row.was_account or str(row.was_account_id), row.account or str(row.account_id)
        yield _entry(kind, ChangeKind.SITE_MOVED, row.id, row.name, was, is_)
    before = standing(row.was_state, gone=row.was_gone)
    if now != before:
        yield _entry(kind, STANDS[kind][now], row.id, row.name, before, now)


def gone(kind: str, scope_id: int, name: str | None, state: str | None) -> Entry:
    """That a complete walk no longer listed an account or site."""
    return _entry(kind, STANDS[kind][GONE], scope_id, name, standing(state), GONE)


async def log(db: Connection, run: Run, news: Iterable[Entry]) -> Counter[str]:
    """Enter it in the change log, inside the transaction that it happened in; counts by kind."""
    told = list(news)
    if told:
        facts = {
            "connection_id": run.connection_id,
            "connection_uuid": run.connection_uuid,
            "run_id": run.run_id,
            "events": msgspec.json.encode(told).decode(),
        }
        await db.execute(queries.tree.log, facts)
    return Counter(word(entry.kind) for entry in told)


def _entry(
    kind: str, change: ChangeKind, scope_id: int, name: str | None, was: str | None, is_: str | None
) -> Entry:
    detail = Detail(kind, str(scope_id), name, was, is_)
    return Entry(change, scope_id if kind == "site" else None, detail)
