"""What is kept for how long, and the deleting of what is older: a little at a time, so that nothing waits for it."""

from datetime import timedelta
from typing import Final, LiteralString

import msgspec

from waypost.changes import feed
from waypost.storage import queries
from waypost.storage.database import Connection


class Rule(msgspec.Struct, frozen=True):
    """Something that is deleted when it is older than this."""

    what: str
    kept: timedelta
    statement: LiteralString


_DAY: Final = timedelta(days=1)

RULES: Final = (
    Rule("runs that changed nothing", timedelta(hours=1), queries.schedule.forget_quiet_runs),
    Rule("other runs", 30 * _DAY, queries.schedule.forget_runs),
    Rule("entries of the change log", 365 * _DAY, queries.schedule.forget_changes),
    Rule("batches of the change log", 365 * _DAY, queries.schedule.forget_batches),
    Rule("outages that are over", 90 * _DAY, queries.schedule.forget_outages),
    Rule("drift that is over", 365 * _DAY, queries.drift.forget),
    Rule("pulls that were asked for", 7 * _DAY, queries.schedule.forget_requests),
    Rule("exports", 7 * _DAY, queries.exports.forget),
    Rule("deliveries to webhooks", 30 * _DAY, queries.webhooks.forget_deliveries),
    Rule("deliveries beyond the newest thousand of a webhook", timedelta(0), queries.webhooks.forget_surplus),
    Rule("secrets of webhooks that were replaced", timedelta(0), queries.webhooks.forget_secrets),
)

BATCH: Final = 5000


async def keep(db: Connection, *, batch: int = BATCH) -> dict[str, int]:
    """Apply the rules; how many rows each deleted."""
    while not await feed.number(db):  # what nobody reads gets old, too
        pass
    return {rule.what: await _apply(db, rule, batch) for rule in RULES}


async def _apply(db: Connection, rule: Rule, batch: int) -> int:
    total, count = 0, batch
    while count >= batch:
        cursor = await db.execute(rule.statement, {"kept": rule.kept, "batch": batch})
        count = cursor.rowcount
        total += count
    return total
