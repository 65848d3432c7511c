"""Organizations as they are stored: unique by name, found by name or id."""

import asyncio
import uuid

import pytest

from support.hub import Hub
from waypost import errors
from waypost.access.audit import SERVICE, Actor
from waypost.organizations import registry

ADA = Actor("key", "k1 Ada")


async def test_adding(hub: Hub) -> None:
    """An organization keeps its name without what is around it, and the audit log says who added it."""
    added = await registry.add(hub.db, ADA, "  Łódź \u00a0 GmbH\n")
    assert added.name == "Łódź GmbH"
    assert await registry.find(hub.db) == [added]
    told = await hub.rows("SELECT action, actor, subject_id, subject_name, organization_id FROM audit")
    assert told == [
        ("organization.added", "k1 Ada", str(added.organization_uuid), "Łódź GmbH", added.organization_id)
    ]


async def test_finding(hub: Hub) -> None:
    """An organization is found by its name as people write it, or by its id in any case."""
    acme, other = [await registry.add(hub.db, SERVICE, name) for name in ("ACME", "other")]
    for wanted in ("ACME", " ACME ", str(acme.organization_uuid), str(acme.organization_uuid).upper()):
        assert await registry.get(hub.db, wanted) == acme
    assert await registry.find(hub.db, ["other", "nobody"]) == [other]
    for wanted in ("acm", "", str(uuid.uuid4())):
        with pytest.raises(errors.NoSuchOrganizationError) as refusal:
            await registry.get(hub.db, wanted)
        assert refusal.value.field == "organization"


async def test_pages(hub: Hub) -> None:
    """A page goes on after a name, and holds one organization alone where it is given."""
    made = [await registry.add(hub.db, SERVICE, name) for name in ("c", "a", "b")]
    assert [one.name for one in await registry.after(hub.db, None, limit=2)] == ["a", "b"]
    assert [one.name for one in await registry.after(hub.db, "a", limit=9)] == ["b", "c"]
    only = await registry.after(hub.db, None, limit=9, organization_id=made[0].organization_id)
    assert only == [made[0]]


@pytest.mark.parametrize("name", ["", "  ", "-x", "x" * 201, "a\0b", "a\u202eb", "a\nb"])
async def test_names_that_are_none(hub: Hub, name: str) -> None:
    """A name that hides something is refused at its field, and nothing is stored."""
    with pytest.raises(errors.OrganizationNameError, match="is no name") as refusal:
        await registry.add(hub.db, SERVICE, name)
    assert refusal.value.field == "name"
    assert await registry.find(hub.db) == []
    await registry.add(hub.db, SERVICE, "x" * 200)


async def test_one_name_at_once(hub: Hub) -> None:
    """Of several that are added at once under one name, one is stored, and one entry tells of it."""

    async def add() -> bool:
        async with hub.means.database.connect() as db:
            try:
                await registry.add(db, SERVICE, "ACME")
            except errors.OrganizationNameError:
                return False
            return True

    assert sum(await asyncio.gather(*(add() for _ in range(6)))) == 1
    assert await hub.rows("SELECT count(*) FROM audit") == [(1,)]
