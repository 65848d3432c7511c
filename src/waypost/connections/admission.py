"""Whether a connection may be stored: its name, what its check said, and whether it is there already."""

from typing import Final

import msgspec

from waypost import errors
from waypost.access.audit import Actor
from waypost.connections.examination import token
from waypost.connections.examination.result import GROUPS, Report
from waypost.storage import queries
from waypost.storage.database import Connection as DatabaseConnection
from waypost.unified import names

LONGEST_NAME: Final = 80

_REFUSED: Final = frozenset({token.REFUSED, token.EXPIRED})
"""Codes of the lines that say that a token is of no use."""


def name(text: str) -> str:
    """The name of a connection, as it is kept.

    Raises:
        ConnectionNameError: It is none.
    """
    cleaned = names.cleaned(text)
    if problem := names.problem(cleaned, LONGEST_NAME):
        shown = names.shown(cleaned, LONGEST_NAME)
        raise errors.ConnectionNameError(f"{shown!r} is no name for a connection: it {problem}.")
    return cleaned


def judge(report: Report, *, force: bool) -> None:
    """Let a check decide: its address and its token must be right, unless it is forced.

    Raises:
        CheckFailedError: They are not.
    """
    if not report.refused or force:
        return
    first = report.refused[0]
    attention = errors.Reaction.NEEDS_ATTENTION if refusal(report) else errors.Reaction.TERMINAL
    raise errors.CheckFailedError(
        f"The check failed, and nothing was saved. {GROUPS[first.group]}: {first.found}",
        remedy=first.remedy,
        owner=errors.Owner(first.owner) if first.owner else None,
        field="token" if first.group == "token" else "url",
        reaction=attention,
        results=msgspec.to_builtins(report.results),
    )


def refusal(report: Report) -> errors.TokenRefusedError | None:
    """Why the console refused the token, if it did."""
    for line in report.refused:
        if line.details.get("code") in _REFUSED:
            return errors.TokenRefusedError(line.found, remedy=line.remedy)
    return None


async def refuse_archived(db: DatabaseConnection, organization_id: int | None) -> None:
    """See that whatever is made for an organization is made for one that is not archived.

    Raises:
        OrganizationStateError: It is.
    """
    cursor = await db.execute(queries.connections.archived, {"organization_id": organization_id})
    if (row := await cursor.fetchone()) is not None:
        raise errors.OrganizationStateError(f"The organization {row[0]!r} is archived.")


async def refuse_taken(db: DatabaseConnection, actor: Actor, name: str, identity_key: str | None) -> None:
    """Say whose a name, or a console and identity, is already; whose, only to an actor who may know of it.

    Raises:
        ConnectionExistsError: The name is taken.
        SameIdentityError: The console and identity are.
    """
    facts = {"name": name, "identity_key": identity_key}
    row = await (await db.execute(queries.connections.taken, facts)).fetchone()
    if row is None:
        return
    by_name, first, base_url, organization_id = row
    known = actor.organization_id in (None, organization_id)
    if by_name:
        where = f", to {base_url}" if known else ""
        raise errors.ConnectionExistsError(f"There is a connection {name!r} already{where}.", field="name")
    whose = f"The connection {first!r}" if known else "Another connection"
    raise errors.SameIdentityError(f"{whose} has this console and user already.")
