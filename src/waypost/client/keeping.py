"""Connections, organizations and the mapping: what the service keeps, and how it is pulled."""

from collections.abc import Iterable
from typing import Any, Final, Unpack

from waypost.client import filters
from waypost.client.answers import (
    Added,
    Asked,
    Check,
    Connection,
    Mapped,
    NewDecision,
    Organization,
    Pull,
    Saved,
    Suggestion,
)
from waypost.client.lists import LIMIT, listing
from waypost.client.parameters import Id, Words, body, path
from waypost.client.walking import AsyncListing, Page
from waypost.client.wire import Wire

_LISTS: Final = ("aliases", "domains", "tags", "streams")


def connections(wire: Wire, *, limit: int = LIMIT) -> AsyncListing[Connection]:
    """The connections, by name."""
    return listing(wire, "/connections", Page[Connection], {"limit": limit})


async def connection(wire: Wire, connection_id: Id) -> Connection:
    """A connection: its state, its health, when its token expires."""
    return await wire.get(path("connections", connection_id), Connection)


async def add_connection(
    wire: Wire,
    name: str,
    url: str,
    token: str,
    *,
    organization: Id | None = None,
    default: bool = False,
    force: bool = False,
) -> Added:
    """Check a console and a token, and store them."""
    given = {
        "name": name, "url": url, "token": token, "organization": organization, "default": default, "force": force,
    }  # fmt: skip
    return await wire.send("POST", "/connections", Added, body(given))


async def check_connection(wire: Wire, connection_id: Id) -> Check:
    """Check a connection with the token that is stored."""
    return await wire.send("POST", path("connections", connection_id, "check"), Check)


async def pause_connection(wire: Wire, connection_id: Id) -> Connection:
    """Stop pulling a connection."""
    return await wire.send("POST", path("connections", connection_id, "pause"), Connection)


async def resume_connection(wire: Wire, connection_id: Id) -> Connection:
    """Pull a paused connection again."""
    return await wire.send("POST", path("connections", connection_id, "resume"), Connection)


async def remove_connection(
    wire: Wire, connection_id: Id, *, purge: bool = False, new_default: str = "", no_default: bool = False
) -> None:
    """Remove a connection; its token is destroyed at once."""
    given = {"purge": purge, "new_default": new_default, "no_default": no_default}
    await wire.remove(path("connections", connection_id), given)


async def sync(wire: Wire, connection_id: Id, *, full: bool = False, streams: Words | None = None) -> Asked:
    """Pull a connection now."""
    given = body({"full": full, "streams": streams}, _LISTS)
    return await wire.send("POST", path("connections", connection_id, "sync"), Asked, given)


async def pull(wire: Wire, pull_id: Id) -> Pull:
    """How far a pull is."""
    return await wire.get(path("syncs", pull_id), Pull)


def organizations(
    wire: Wire, *, limit: int = LIMIT, **narrowed: Unpack[filters.OrganizationFilters]
) -> AsyncListing[Organization]:
    """The organizations, by name."""
    return listing(wire, "/organizations", Page[Organization], {**narrowed, "limit": limit})


async def organization(wire: Wire, organization_id: Id) -> Organization:
    """An organization, an archived one too."""
    return await wire.get(path("organizations", organization_id), Organization)


async def add_organization(
    wire: Wire,
    name: str,
    *,
    parent: Id | None = None,
    external_id: str | None = None,
    aliases: Words = (),
    domains: Words = (),
    tags: Words = (),
) -> Organization:
    """Add an organization."""
    given = {
        "name": name, "parent": parent, "external_id": external_id,
        "aliases": aliases, "domains": domains, "tags": tags,
    }  # fmt: skip
    return await wire.send("POST", "/organizations", Organization, body(given, _LISTS))


async def change_organization(
    wire: Wire,
    organization_id: Id,
    /,
    **changes: Any,  # Any: texts, lists, or None to take away
) -> Organization:
    """Say something else of an organization: name, parent, external_id, aliases, domains, tags."""
    given = body({name: value for name, value in changes.items() if value is not None}, _LISTS)
    taken = {name: None for name, value in changes.items() if value is None}
    return await wire.send("PATCH", path("organizations", organization_id), Organization, given | taken)


async def archive_organization(wire: Wire, organization_id: Id) -> Organization:
    """Keep an organization for its history alone."""
    return await wire.send("POST", path("organizations", organization_id, "archive"), Organization)


async def restore_organization(wire: Wire, organization_id: Id) -> Organization:
    """Restore an archived organization."""
    return await wire.send("POST", path("organizations", organization_id, "restore"), Organization)


def mapping(
    wire: Wire, *, limit: int = LIMIT, **narrowed: Unpack[filters.MappingFilters]
) -> AsyncListing[Mapped]:
    """Whose each site and account is."""
    return listing(wire, "/mapping", Page[Mapped], {**narrowed, "limit": limit})


def suggestions(
    wire: Wire, *, connection: str = "", kind: str | None = None, grade: str | None = None, limit: int = LIMIT
) -> AsyncListing[Suggestion]:
    """Organizations for the sites and accounts about which nothing is decided."""

    async def fetch(cursor: str) -> Page[Suggestion]:
        given = {"connection": connection, "kind": kind, "grade": grade, "limit": limit, "cursor": cursor}
        return await wire.send("POST", "/mapping/suggest", Page[Suggestion], body(given))

    return AsyncListing(fetch)


async def save_mapping(
    wire: Wire, decisions: Iterable[NewDecision] = (), *, accept: str | None = None, dry_run: bool = False
) -> Saved:
    """Decide whose sites and accounts are: all of it, or nothing. `accept="sure"` takes every sure suggestion."""
    given = {"items": list(decisions), "accept": accept, "dry_run": dry_run}
    return await wire.send("PUT", "/mapping", Saved, body(given))
