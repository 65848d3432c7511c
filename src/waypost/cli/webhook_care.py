"""`waypost webhook ping|deliveries|replay|rotate|enable`: what a stored webhook needs in time."""

import uuid
from datetime import timedelta
from typing import Annotated, Final

from cyclopts import App, Parameter

from waypost import errors
from waypost.changes.webhooks import deliveries as log
from waypost.changes.webhooks import pinging, registry, secret
from waypost.changes.webhooks.items import DeliveryItem, webhook_item
from waypost.cli import means, output
from waypost.cli.output import Json
from waypost.unified import filters
from waypost.unified.paging import ListPage

Flag = Annotated[bool, Parameter(negative=())]

_FAILED: Final = 1


def register(app: App) -> None:
    """Add these commands to the group."""
    for command in (ping, deliveries, replay, rotate, enable):
        app.command(command)


def ping(name: str, *, as_json: Json = False) -> int:
    """Send a webhook a ping now, signed like every delivery, and tell what came of it.

    Parameters
    ----------
    name
        Its name or id.
    """

    async def work() -> int:
        async with means.session() as session:
            able, found = session.means(), await registry.named(session.db, name)
        came = await pinging.ping(able.database, able.vault, able.allowed, found)
        if as_json:
            output.json(came)
        elif came.accepted:
            output.out.print(f"{output.cell(found.name)} answered {came.status} in {came.seconds:g} s.")
        else:
            output.err.print(
                f"[bold red]{output.cell(found.name)}[/] did not accept it: {output.cell(came.error)}",
                soft_wrap=True,
            )
        return 0 if came.accepted else _FAILED

    return means.run(work())


def deliveries(
    name: str,
    *,
    state: str = "",
    delivery: uuid.UUID | None = None,
    limit: int = 20,
    cursor: str = "",
    as_json: Json = False,
) -> None:
    """List what was sent to a webhook, the newest first; or show one delivery with its body.

    Parameters
    ----------
    name
        Its name or id.
    state
        Only those that are pending, accepted, failed or dropped.
    delivery
        The id of one, which is shown with what was sent, as a JSON document.
    limit
        Rows.
    cursor
        Where the page before this one ended.
    """

    async def work() -> None:
        async with means.session() as session:
            found = await registry.named(session.db, name)
            if delivery is not None:
                one, body = await log.get(session.db, found, delivery)
                output.json({"delivery": one, "body": body})
                return
            items, following = await log.page(session.db, found, state=state, limit=limit, cursor=cursor)
        columns = ["at", "kind", "entries", "state", "tries", "status", "error", "id"]
        output.listing(
            ListPage(items, following),
            columns,
            _row,
            as_json=as_json,
            numbers="entries tries status",
            whole="at,kind,state,id",
        )

    means.run(work())


def replay(name: str, *, since: str = "", after: str = "", as_json: Json = False) -> None:
    """Tell a webhook again what changed, from a time or a cursor on, in new deliveries.

    Parameters
    ----------
    name
        Its name or id.
    since
        Like 2026-11-01 or 2026-11-01T08:00:00Z.
    after
        The data.cursor of a delivery, or a cursor of `waypost change list --after` without filters.
    """

    async def work() -> None:
        time = filters.time(since, "since")
        if (time is None) == (not after):
            raise errors.UsageError("Either --since or --after.", remedy="Give one of them.")
        async with means.session() as session:
            found = await registry.named(session.db, name)
            moved = await registry.replay(session.db, session.actor, found, since=time, after=after)
        if as_json:
            output.json(webhook_item(moved))
        else:
            output.out.print(f"{output.cell(moved.name)} is told again from there on.")

    means.run(work())


def rotate(name: str, *, overlap: timedelta = secret.OVERLAP, as_json: Json = False) -> None:
    """Give a webhook a new secret, and show it this once.

    Parameters
    ----------
    name
        Its name or id.
    overlap
        How long deliveries are signed with the old one as well, like 1h or 2d; at most 7d.
    """

    async def work() -> None:
        async with means.session() as session:
            able, found = session.means(), await registry.named(session.db, name)
            text = await registry.rotate(session.db, able.vault, session.actor, found, overlap=overlap)
        if as_json:
            output.json({"secret": text})
            return
        output.out.print(text, markup=False, soft_wrap=True)
        output.err.print(
            f"The new secret of {output.cell(found.name)} is not shown again. The old one signs as well for"
            f" {output.cell(overlap)}.",
            soft_wrap=True,
        )

    means.run(work())


def enable(name: str, *, skip: Flag = False, as_json: Json = False) -> None:
    """Try a webhook again at once, whether it is disabled or waits for its next try.

    Parameters
    ----------
    name
        Its name or id.
    skip
        Leave out what changed meanwhile.
    """

    async def work() -> None:
        async with means.session() as session:
            found = await registry.named(session.db, name)
            enabled = await registry.enable(session.db, session.actor, found, skip=skip)
        if as_json:
            output.json(webhook_item(enabled))
        else:
            output.out.print(f"{output.cell(enabled.name)} is {enabled.state}.")

    means.run(work())


def _row(item: DeliveryItem) -> list[object]:
    return [
        item.created_at, item.kind, item.entries, item.state, len(item.tries), item.status, item.error, item.id,
    ]  # fmt: skip
