"""Organizations from the consoles themselves: one for each site or account that is nobody's, and first which.

Nothing is mapped by it: that is suggested afterwards, and decided by a person.
"""

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from waypost import errors
from waypost.access.audit import Actor
from waypost.organizations import drift, fields, storing
from waypost.organizations.mapping import directory, estate
from waypost.organizations.mapping.decisions import Kind
from waypost.organizations.mapping.directory import Directory
from waypost.organizations.mapping.estate import Estate, Scope
from waypost.organizations.matching import cleaning
from waypost.storage.database import Connection

_APART: Final = re.compile(r"\s*#\w+\s*|\s*[\[\](){}<>#_|/]+\s*|\s+[-–—•·]+\s+")  # noqa: RUF001  # dashes as people write them
"""What sets a decoration apart from a name, like the brackets of `[MDR]`."""
_BRACKETS: Final = ("[]", "()", "{}", "<>")
_DELETED: Final = "deleted"


class Action(StrEnum):
    """What becomes of a site or account."""

    ADD = "add"
    SKIP = "skip"


class Item(msgspec.Struct, frozen=True):
    """A site or account that is nobody's, and the organization that is made of it, or why none is.

    Attributes:
        id: The console's.
        name: Of the organization to be, or that there is; None where the site or account has no usable name.
        external_id: The console's external id of it, which becomes the organization's.
        reason: Why none is made.
    """

    action: Action
    connection: str
    connection_id: UUID
    kind: Kind
    id: str
    scope_name: str | None
    account: str | None
    name: str | None
    external_id: str | None
    reason: str | None


class Outcome(msgspec.Struct, frozen=True):
    """What was made, or would be."""

    added: int
    skipped: int
    items: tuple[Item, ...]


async def preview(db: Connection, *, connection: str | None = None, kind: Kind = Kind.SITE) -> Outcome:
    """Which organizations would be made.

    Args:
        db: Where the sites are.
        connection: Name or id of the only connection to look at.
        kind: Whether each is made of a site or of a whole account.

    Raises:
        NoSuchConnectionError: There is no such connection.
    """
    known = await estate.load(db)
    items = tuple(_items(known, _wanted(known, connection, kind), await directory.load(db)))
    added = sum(item.action is Action.ADD for item in items)
    return Outcome(added, len(items) - added, items)


async def store(
    db: Connection, actor: Actor, *, connection: str | None = None, kind: Kind = Kind.SITE
) -> Outcome:
    """Make them; as for `preview`."""
    async with db.transaction():
        await storing.alone(db)
        outcome = await preview(db, connection=connection, kind=kind)
        made = [item for item in outcome.items if item.action is Action.ADD and item.name]
        new = [
            storing.New(organization_id, fields.Fields(item.name or "", item.external_id))
            for item, organization_id in zip(made, await storing.ids(db, len(made)), strict=True)
        ]
        await storing.store(db, actor, added=new)
    await drift.look(db)
    return outcome


def _wanted(known: Estate, connection: str | None, kind: Kind) -> Iterable[Scope]:
    """The sites or accounts that are nobody's and still there, in the order that people read them in."""
    consoles = {
        console.connection_id
        for console in known.consoles.values()
        if connection is None or connection in (console.name, str(console.connection_uuid))
    }
    if not consoles and connection is not None:
        raise errors.NoSuchConnectionError(f"There is no connection {connection!r}.")
    found = [
        scope
        for scope in known.scopes.values()
        if scope.kind is kind
        and scope.connection_id in consoles
        and not scope.gone
        and _nobodys(known, scope)
    ]
    return sorted(found, key=lambda one: (known.console(one).name, one.name or "", one.scope_id))


def _nobodys(known: Estate, scope: Scope) -> bool:
    if scope.state == _DELETED or known.effective(scope).decides:
        return False
    sites = known.below(scope)
    return not sites or any(not known.effective(site).decides for site in sites)


def _items(known: Estate, scopes: Iterable[Scope], there: Directory) -> Iterator[Item]:
    external_ids = {entry.external_id for entry in there.by_id.values() if not entry.archived}
    made: dict[str, str] = {}
    for scope in scopes:
        name, reason = _name(scope.name or "")
        clean = cleaning.cleaned(scope.name or "")
        if not reason and (spoken_of := there.index.speaks_of(scope.name or "")):
            reason = f"There is {there.by_id[min(spoken_of)].name!r} already."
        elif not reason and clean in made:
            reason = f"It is called like {made[clean]!r}, of which one is made already."
        external_id = None
        if not reason:
            made[clean] = name
            external_id = _external_id(scope, external_ids)
            external_ids.add(external_id)
        console, account = known.console(scope), known.account(scope)
        yield Item(
            Action.SKIP if reason else Action.ADD,
            console.name,
            console.connection_uuid,
            scope.kind,
            str(scope.scope_id),
            scope.name,
            account.name if account else None,
            name or None,
            external_id,
            reason or None,
        )


def _name(text: str) -> tuple[str, str]:
    """What an organization is called that is made of this, and what keeps it from being made."""
    if cleaning.generic(text) or not cleaning.cleaned(text):
        return "", "Its name says nothing of whose it is."
    try:
        return fields.name_of(_bare(text)), ""
    except errors.OrganizationNameError as problem:
        return "", problem.message


def _bare(text: str) -> str:
    """A name without the decorations that are set apart at either end; its legal form stays."""
    clean = cleaning.cleaned(text)
    bare = text
    while shorter := next((cut for cut in _cuts(bare) if _same(cut, clean)), ""):
        bare = shorter
    return bare


def _cuts(text: str) -> Iterator[str]:
    """The text without what is before the first or second mark, or after the last or the one before it."""
    marks = list(_APART.finditer(text))
    yield from (text[mark.end() :] for mark in marks[:2])
    yield from (text[: mark.start()] for mark in marks[:-3:-1])


def _same(text: str, clean: str) -> bool:
    """Whether this is that name, and whole: no bracket is left open or closed alone."""
    return (
        bool(text)
        and cleaning.cleaned(text) == clean
        and all(text.count(opening) == text.count(closing) for opening, closing in _BRACKETS)
    )


def _external_id(scope: Scope, taken: set[str | None]) -> str | None:
    """The console's external id, if no other organization has it and it can be one."""
    try:
        found = fields.external_id_of(scope.external_id)
    except errors.InvalidFieldError:
        return None
    return None if found in taken else found
