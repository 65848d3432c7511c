"""Which organization a caller means, when he names one to narrow a list or to make something for it."""

from typing import Final

from waypost import errors
from waypost.organizations import registry
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.unified import filters, names

NONE: Final = "none"
"""Narrows a list to what belongs to no organization; one that has this name is named by its id."""


async def chosen(db: Connection, text: str, bound: int | None = None) -> int:
    """The organization of this name, path or id; for a caller who is bound to one there is only that one.

    A bound caller's text is compared with what his own organization is called, and nothing else is looked up: that
    another exists shows neither in the answer nor in the time that it takes.

    Raises:
        NoSuchOrganizationError: There is none, or not for this caller.
        OrganizationNameError: There are several of this name.
    """
    if bound is None:
        return (await registry.get(db, text)).organization_id
    cursor = await db.execute(
        queries.lists.is_called, {"organization_id": bound, "text": names.cleaned(text)}
    )
    if await cursor.fetchone() != (True,):
        raise errors.NoSuchOrganizationError(f"There is no organization {text!r}.")
    return bound


async def narrowed(db: Connection, text: str, bound: int | None = None) -> int | None:
    """What a list is to be narrowed to: nothing, the organization that is named, or `none` for what is nobody's.

    Raises:
        UsageError: As for `chosen`; to a bound caller `none` is an organization that does not exist.
    """
    if not text:
        return None
    if bound is None and text.lower() == NONE:
        return filters.NOBODY
    return await chosen(db, text, bound)
