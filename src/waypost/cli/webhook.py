"""`waypost webhook`: add, list, show, remove; the group that its other commands belong to."""

from typing import Annotated

from cyclopts import App, Parameter

from waypost.changes.webhooks import registry
from waypost.changes.webhooks.items import WebhookItem, webhook_item
from waypost.cli import asking, means, output, webhook_care
from waypost.cli.asking import Yes
from waypost.cli.connection_care import quoted
from waypost.cli.output import Json
from waypost.organizations import registry as organizations
from waypost.unified.paging import ListPage

app = App(name="webhook", help="Webhooks: receivers that are told what changed, as Standard Webhooks asks.")
webhook_care.register(app)

Several = Annotated[list[str] | None, Parameter(negative=())]


@app.command
def add(
    name: str,
    *,
    url: str,
    kind: Several = None,
    connection: Several = None,
    organization: str = "",
    most: int = registry.USUAL,
    as_json: Json = False,
) -> None:
    """Add a webhook that is told what changes from now on, and show its secret this once.

    Parameters
    ----------
    name
        What the webhook shall be called.
    url
        Where deliveries go: an https address with a public name, or one that WAYPOST_ALLOWED_HOSTS allows.
    kind
        Like finding_opened, finding_resolved, device_added; several separated by commas. Without it all kinds.
    connection
        Name of a connection whose changes it is told of; may be repeated. Without it all.
    organization
        Name or id: it is told what a key of that organization could read.
    most
        Entries of one delivery.
    """

    async def work() -> None:
        async with means.session() as session:
            able = session.means()
            owner = await organizations.get(session.db, organization) if organization else None
            added, secret = await registry.add(
                session.db,
                able.vault,
                session.actor,
                name=name,
                url=url,
                allowed=able.allowed,
                kinds=_words(kind),
                connections=connection or (),
                organization_id=owner.organization_id if owner else None,
                most=most,
            )
        if as_json:
            output.json({"webhook": webhook_item(added), "secret": secret})
            return
        output.out.print(secret, markup=False, soft_wrap=True)
        output.err.print(
            f"{output.cell(added.name)} is told what changes from now on. Its secret is not shown again.",
            soft_wrap=True,
        )
        output.err.print(f"Next: waypost webhook ping {quoted(added.name)}", markup=False, soft_wrap=True)

    means.run(work())


@app.command(name="list")
def list_(*, limit: int = 100, cursor: str = "", as_json: Json = False) -> None:
    """List the webhooks by name: how each fares, and how far behind it is.

    Parameters
    ----------
    limit
        Rows.
    cursor
        Where the page before this one ended.
    """

    async def work() -> None:
        async with means.session() as session:
            found, following = await registry.page(session.db, limit=limit, cursor=cursor)
        if not (found or as_json or cursor):
            output.out.print("There is no webhook yet. Add one: waypost webhook add NAME --url URL")
            return
        page = ListPage([webhook_item(one) for one in found], following)
        columns = ["name", "id", "url", "organization", "state", "behind (s)"]
        output.listing(page, columns, _row, as_json=as_json, numbers="", whole="id,state,behind (s)")
        for one in () if as_json else page.items:
            _trouble(one)

    means.run(work())


@app.command
def show(name: str, *, as_json: Json = False) -> None:
    """Show a webhook: what it is told, how it fares, which secrets sign its deliveries.

    Parameters
    ----------
    name
        Its name or id.
    """

    async def work() -> None:
        async with means.session() as session:
            found = webhook_item(await registry.named(session.db, name))
        if as_json:
            output.json(found)
        else:
            _card(found)
            _trouble(found)

    means.run(work())


@app.command
def remove(name: str, *, yes: Yes = False) -> None:
    """Remove a webhook, its secrets and the log of what was sent.

    Parameters
    ----------
    name
        Its name or id.
    """

    async def work() -> None:
        async with means.session() as session:
            found = await registry.named(session.db, name)
            if asking.agreed(f"Remove {found.name!r} and its log?", yes=yes):
                await registry.remove(session.db, session.actor, found)
                output.out.print(f"Removed {output.cell(found.name)}.")

    means.run(work())


def _row(item: WebhookItem) -> list[object]:
    owner = item.organization.name if item.organization else None
    return [item.name, item.id, item.url, owner, item.state, round(item.lag_seconds)]


def _card(item: WebhookItem) -> None:
    connections = None if item.connections is None else ", ".join(str(one.name) for one in item.connections)
    rows: list[tuple[str, object]] = [
        ("name", item.name),
        ("id", item.id),
        ("url", item.url),
        ("organization", item.organization.name if item.organization else None),
        ("kinds", ", ".join(item.kinds) or "all"),
        ("connections", "all" if connections is None else connections),
        ("entries of a delivery", item.most),
        ("state", item.state),
        ("failing since", item.failing_since),
        ("tried again", item.next_at),
        ("behind (s)", round(item.lag_seconds)),
        ("added", item.created_at),
    ]
    rows += [("signed since", secret.created_at) for secret in item.secrets[:1]]
    rows += [("old secret ends", secret.ends_at) for secret in item.secrets[1:]]
    output.table(["", ""], rows)


def _trouble(item: WebhookItem) -> None:
    if item.reason:
        output.err.print(
            f"[bold red]{output.cell(item.name)}:[/] {output.cell(item.reason.message)} "
            f"Next: {output.cell(item.reason.remedy)}",
            soft_wrap=True,
        )


def _words(values: list[str] | None) -> list[str]:
    return [word.strip() for value in values or () for word in value.split(",") if word.strip()]
