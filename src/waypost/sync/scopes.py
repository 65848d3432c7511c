"""Loading the console's tree: accounts, sites, groups, and telling what became of them."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, LiteralString

import msgspec
from msgspec import UNSET
from psycopg.rows import class_row

from waypost.sentinelone import wire
from waypost.sentinelone.pages import Unreadable
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.sync import tree
from waypost.sync.runs import Reader, Run
from waypost.sync.walks import Fetched

Row = dict[str, Any]  # Any: columns of different types
Statement = tuple[LiteralString, str]
"""A query that stores, and what it stores: accounts or sites, whose changes are news, or groups, whose are not."""


class Loader:
    """Stores one level of the tree: its queries, and how a row as sent becomes columns."""

    def __init__(self, columns: Callable[[Any], Row], *statements: Statement) -> None:
        self._columns = columns
        self._statements = statements

    async def prepare(self, reader: Reader, pages: Sequence[Fetched]) -> "Prepared":
        del reader
        # The last of a row's versions counts, should a page have repeated it.
        rows = {row.value.id: self._columns(row) for fetched in pages for row in fetched.page.rows}
        return Prepared(self._statements, list(rows.values()), [])


class Prepared(msgspec.Struct):
    """Rows to be stored."""

    statements: Sequence[Statement]
    rows: list[Row]
    senseless: list[Unreadable]

    async def store(self, db: Connection, run: Run) -> Counter[str]:
        counts: Counter[str] = Counter()
        if self.rows:
            facts = {"connection_id": run.connection_id, "rows": msgspec.json.encode(self.rows).decode()}
            for statement, kind in self.statements:
                if kind == "group":
                    counts["written"] += (await db.execute(statement, facts)).rowcount
                else:
                    counts += await _store(db, run, statement, kind, facts)
        return counts


async def _store(db: Connection, run: Run, statement: LiteralString, kind: str, facts: Row) -> Counter[str]:
    """Write accounts or sites, and enter in the change log what is news about them."""
    async with db.cursor(row_factory=class_row(tree.Written)) as cursor:
        await cursor.execute(statement, facts)
        written = await cursor.fetchall()
    counts = await tree.log(db, run, (entry for row in written for entry in tree.entries(kind, row)))
    counts["written"] += len(written)
    return counts


def _account(row: wire.Sent[wire.Account]) -> Row:
    account = row.value
    return {
        "account_id": account.id,
        "name": _text(account.name),
        "state": _text(account.state),
        "vendor": row.vendor,
    }


def _site(row: wire.Sent[wire.Site]) -> Row:
    site = row.value
    return {
        "site_id": site.id,
        "account_id": site.accountId or None,
        "account_name": _text(site.accountName),
        "name": _text(site.name),
        "state": _text(site.state),
        "vendor": row.vendor,
    }


def _group(row: wire.Sent[wire.Group]) -> Row:
    group = row.value
    return {
        "group_id": group.id,
        "site_id": group.siteId or None,
        "name": _text(group.name),
        "vendor": row.vendor,
    }


def _text(value: object) -> object:
    return None if value is UNSET else value


LOADERS: Final[dict[str, Callable[[], Loader]]] = {
    "accounts": lambda: Loader(_account, (queries.scopes.upsert_accounts, "account")),
    "sites": lambda: Loader(
        _site, (queries.scopes.upsert_sites, "site"), (queries.scopes.accounts_of_sites, "account")
    ),
    "groups": lambda: Loader(_group, (queries.scopes.upsert_groups, "group")),
}
