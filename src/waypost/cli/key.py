"""`waypost key`: keys to the API."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from cyclopts import App, Parameter

from waypost import errors
from waypost.access import keys
from waypost.access.keys import Key, Scope
from waypost.cli import master_key, means, output
from waypost.cli.output import Json
from waypost.organizations import registry as organizations

app = App(name="key", help="API keys, and the key that seals the tokens.")
app.command(master_key.rotate_master)

_SPAN: Final = re.compile(r"([0-9]{1,4})([hdwy])")
_UNITS: Final = {
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}


@app.command
def create(
    name: str,
    *,
    scope: Annotated[list[Scope], Parameter(negative=())],
    organization: str = "",
    expires: str = "",
    as_json: Json = False,
) -> None:
    """Make an API key, and show it this once.

    Parameters
    ----------
    name
        Who or what will use it.
    scope
        What it may do: read looks, manage changes what Waypost stores and asks consoles, act acts in consoles.
        May be repeated.
    organization
        Name or id of the organization that it is bound to; nothing else exists for it then.
    expires
        How long it lasts: hours, days, weeks or years, like 12h, 90d or 1y. Without it, until it is revoked.
    """
    means.run(_create(name, scope, organization, _span(expires), as_json=as_json))


async def _create(
    name: str, scopes: list[Scope], organization: str, lasts: timedelta | None, *, as_json: bool
) -> None:
    async with means.session() as session:
        expires_at = datetime.now(UTC) + lasts if lasts else None
        if session.principal:
            expires_at = keys.within(session.principal, scopes, expires_at)
        bound = (await organizations.get(session.db, organization)).organization_id if organization else None
        key, text = await keys.create(
            session.db,
            session.actor,
            name=name,
            scopes=scopes,
            organization_id=bound,
            expires_at=expires_at,
        )
    if as_json:
        output.json(_described(key) | {"key": text})
        return
    output.out.print(text, markup=False, soft_wrap=True)
    output.err.print(f"The key of {output.cell(key.name)} is shown this once.", soft_wrap=True)


@app.command(name="list")
def list_(*, as_json: Json = False) -> None:
    """List the API keys, revoked and expired ones too."""
    means.run(_list(as_json=as_json))


async def _list(*, as_json: bool) -> None:
    async with means.session(whole=False) as session:
        found = await keys.listed(session.db, organization_id=session.organization_id)
    if as_json:
        output.json({"items": [_described(key) for key in found], "next_cursor": None})
        return
    if not found:
        output.out.print("There is no key yet. Make one: waypost key create NAME --scope read")
        return
    output.table(
        ["id", "name", "scopes", "organization", "state", "expires", "last used"],
        [
            [
                key.id,
                key.name,
                ", ".join(key.scopes),
                key.organization_name,
                _state(key),
                _day(key.expires_at),
                _day(key.last_used_at),
            ]
            for key in found
        ],
        whole="id,scopes,state,expires,last used",
    )


@app.command
def revoke(key: str) -> None:
    """End an API key at once.

    Parameters
    ----------
    key
        Its id, as `waypost key list` shows it: the part between wp_ and the secret.
    """

    async def work() -> None:
        async with means.session() as session:
            await keys.revoke(session.db, session.actor, key)
        output.out.print(f"Revoked {output.cell(key)}; it opens nothing any more.")

    means.run(work())


def _span(text: str) -> timedelta | None:
    if not text:
        return None
    match = _SPAN.fullmatch(text.strip().lower())
    if match is None or int(match[1]) == 0:
        raise errors.InvalidFieldError(
            f"{text[:20]!r} is no length of time.",
            field="expires",
            remedy="Use hours, days, weeks or years, like 12h, 90d or 1y.",
        )
    length = int(match[1]) * _UNITS[match[2]]
    if length > keys.LONGEST:
        raise errors.InvalidFieldError("A key lasts a hundred years at most.", field="expires")
    return length


def _state(key: Key) -> str:
    if key.revoked_at:
        return "revoked"
    return "expired" if key.expires_at and key.expires_at <= datetime.now(UTC) else "active"


def _day(moment: datetime | None) -> str | None:
    """The day alone, so that at 80 columns the id stays whole, which `key revoke` asks for."""
    return f"{moment.astimezone(UTC):%Y-%m-%d}" if moment else None


def _described(key: Key) -> dict[str, Any]:  # Any: JSON
    organization = key.organization_id and {"id": key.organization_id, "name": key.organization_name}
    document: dict[str, Any] = msgspec.to_builtins(key)  # as above
    del document["organization_id"], document["organization_name"]
    return document | {"organization": organization, "state": _state(key)}
