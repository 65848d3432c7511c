"""Organizations as they are stored: named, placed, changed, archived, found."""

import asyncio
import uuid
from typing import Any

import pytest

from support.hub import Hub
from waypost import errors
from waypost.access.audit import SERVICE, Actor
from waypost.organizations import registry
from waypost.organizations.organization import Organization

ADA = Actor("key", "k1 Ada")


async def family(hub: Hub, *names: str) -> list[Organization]:
    """Organizations, each below the one before it."""
    made: list[Organization] = []
    for name in names:
        parent = str(made[-1].organization_uuid) if made else None
        made.append(await registry.add(hub.db, SERVICE, name, parent=parent))
    return made


async def audited(hub: Hub) -> list[Any]:
    return await hub.rows("SELECT action, actor, subject_name, before, after FROM audit ORDER BY audit_id")


async def test_adding(hub: Hub) -> None:
    """An organization keeps its name without what is around it, and the audit log says who added it."""
    added = await registry.add(hub.db, ADA, "  Łódź \u00a0 GmbH\n")
    assert added.name == "Łódź GmbH"
    assert await registry.find(hub.db) == [added]
    told = await hub.rows("SELECT action, actor, subject_id, subject_name, organization_id FROM audit")
    assert told == [
        ("organization.added", "k1 Ada", str(added.organization_uuid), "Łódź GmbH", added.organization_id)
    ]


async def test_all_that_is_said(hub: Hub) -> None:
    """Every field is kept as it is written best: once, in order, domains in lower case and without an @."""
    await registry.add(hub.db, SERVICE, "Holding")
    added = await registry.add(
        hub.db,
        ADA,
        "ACME",
        parent="Holding",
        external_id=" CRM-1 ",
        aliases=["Acme Inc", " Acme Inc", "", "[MDR] acme"],
        domains=["@ACME.example", "acme.example.", "CORP", "straße.example"],
        tags=["gold", "gold", "24/7"],
    )
    assert (added.parent_name, added.external_id) == ("Holding", "CRM-1")
    assert added.aliases == ["Acme Inc", "[MDR] acme"]
    assert added.domains == ["acme.example", "corp", "strasse.example"]
    assert added.tags == ["gold", "24/7"]
    after = (await audited(hub))[-1][-1]
    assert after == {
        "external_id": "CRM-1", "aliases": added.aliases, "domains": added.domains, "tags": added.tags,
        "parent": "Holding", "name": "ACME",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("external_id", "x" * 201, "201 characters"),
        ("external_id", "a\tb", "control characters"),
        ("aliases", ["x" * 1_001], "1,001 characters"),
        ("aliases", ["a\0b"], "control characters"),
        ("aliases", [f"a{place}" for place in range(201)], "at most 200 aliases"),
        ("domains", ["joe@acme.example"], "no domain"),
        ("domains", ["https://acme.example/"], "no domain"),
        ("domains", ["a..b"], "no domain"),
        ("domains", ["@"], "no domain"),
        ("domains", [".".join(["x" * 60] * 5)], "no domain"),
        ("tags", ["x" * 51], "51 characters"),
        ("tags", ["a\nb"], "control characters"),
    ],
)
async def test_fields_that_cannot_be(hub: Hub, field: str, value: Any, words: str) -> None:
    """What cannot be is refused at its field when adding and when changing, and nothing is stored."""
    there = await registry.add(hub.db, SERVICE, "there")
    with pytest.raises(errors.InvalidFieldError, match=words) as refusal:
        await registry.add(hub.db, SERVICE, "ACME", **{field: value})
    assert refusal.value.field == field
    with pytest.raises(errors.InvalidFieldError, match=words):
        await registry.change(hub.db, SERVICE, there, **{field: value})
    assert await registry.find(hub.db) == [there]
    await registry.change(hub.db, SERVICE, there, name="ACME")


async def test_finding(hub: Hub) -> None:
    """An organization is found by its name as people write it, by its id in any case, or by its path."""
    acme, branch, other = [
        *await family(hub, "ACME", "A / B branch"),
        await registry.add(hub.db, SERVICE, "x"),
    ]
    for wanted in ("ACME", " ACME ", str(acme.organization_uuid), str(acme.organization_uuid).upper()):
        assert await registry.get(hub.db, wanted) == acme
    for wanted in ("A / B branch", "ACME / A / B branch", "ACME  /  A / B branch"):
        assert await registry.get(hub.db, wanted) == branch
    assert await registry.find(hub.db, ["x", "nobody"]) == [other]
    for wanted in ("acm", "", str(uuid.uuid4()), "B branch", "ACME / x", "x / ACME", "ACME/A / B branch"):
        with pytest.raises(errors.NoSuchOrganizationError) as refusal:
            await registry.get(hub.db, wanted)
        assert refusal.value.field == "organization"


async def test_a_name_that_several_have(hub: Hub) -> None:
    """Names repeat below different parents; what is meant by one is asked for, with the paths and ids."""
    north, _ = [await family(hub, name, "Branch") for name in ("North", "South")]
    with pytest.raises(errors.OrganizationNameError, match=r"'North / Branch' .*'South / Branch'") as refusal:
        await registry.get(hub.db, "Branch")
    assert str(north[1].organization_uuid) in refusal.value.message
    assert await registry.get(hub.db, "North / Branch") == north[1]
    with pytest.raises(errors.OrganizationNameError, match="already below this parent"):
        await registry.add(hub.db, SERVICE, "Branch", parent="North")


async def test_searching(hub: Hub) -> None:
    """A search looks at all that an organization is called; tags and the archive narrow a list too."""
    acme = await registry.add(
        hub.db,
        SERVICE,
        "ACME",
        external_id="CRM-7",
        aliases=["Wile"],
        domains=["acme.example"],
        tags=["Gold"],
    )
    old = await registry.archive(hub.db, SERVICE, await registry.add(hub.db, SERVICE, "old acme"))
    for search in ("acm", "rm-7", "WILE", "E.EXAMPLE"):
        assert await registry.find(hub.db, search=search) == [acme]
    assert await registry.find(hub.db, search="%") == []
    assert await registry.find(hub.db, tag="gold") == [acme]
    assert await registry.find(hub.db, tag="gol") == []
    assert await registry.find(hub.db, archived=True) == [old]
    assert await registry.find(hub.db, archived=None, search="acme") == [acme, old]


async def test_pages(hub: Hub) -> None:
    """A page goes on after a name and id, though names repeat, and holds one organization alone where it is given."""
    for name in ("c", "a"):
        await family(hub, name, "b")
    seen: list[Organization] = []
    while page := await registry.after(
        hub.db, (seen[-1].name, seen[-1].organization_uuid) if seen else None, limit=1
    ):
        seen += page
    assert [one.name for one in seen] == ["a", "b", "b", "c"]
    assert seen == await registry.find(hub.db)
    only = await registry.after(hub.db, None, limit=9, organization_id=seen[2].organization_id)
    assert only == [seen[2]]


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


async def test_changing(hub: Hub) -> None:
    """What is given changes and the rest stays; the audit log has what it was and is; the same again is nothing."""
    parent, acme = await family(hub, "Holding", "ACME")
    changed = await registry.change(hub.db, ADA, acme, name="Acme", external_id="1", aliases=["ACME"])
    assert (changed.name, changed.external_id, changed.aliases) == ("Acme", "1", ["ACME"])
    assert (changed.parent_id, changed.created_at) == (parent.organization_id, acme.created_at)
    assert changed.changed_at > acme.changed_at
    changed = await registry.change(hub.db, ADA, changed, parent=None, external_id=None)
    assert (changed.parent_id, changed.external_id) == (None, None)
    assert (await audited(hub))[2:] == [
        ("organization.changed", "k1 Ada", "Acme", {"name": "ACME", "external_id": None, "aliases": []},
         {"name": "Acme", "external_id": "1", "aliases": ["ACME"]}),
        ("organization.changed", "k1 Ada", "Acme", {"external_id": "1", "parent": "Holding"},
         {"external_id": None, "parent": None}),
    ]  # fmt: skip
    assert await registry.change(hub.db, ADA, changed, name=" Acme ", parent=None) == changed
    assert len(await audited(hub)) == 4


async def test_an_alias_that_came_meanwhile(hub: Hub) -> None:
    """What another has added since an organization was read is not lost by changing something else of it."""
    acme = await registry.add(hub.db, SERVICE, "ACME")
    await registry.change(hub.db, SERVICE, acme, aliases=["Acme Inc"])
    assert (await registry.change(hub.db, SERVICE, acme, tags=["gold"])).aliases == ["Acme Inc"]


async def test_external_ids(hub: Hub) -> None:
    """No two organizations have one external id, whichever way it would come about; any number have none."""
    await registry.add(hub.db, SERVICE, "ACME", external_id="1")
    other = await registry.add(hub.db, SERVICE, "other")
    with pytest.raises(errors.ExternalIdError, match="'1'") as refusal:
        await registry.add(hub.db, SERVICE, "third", external_id=" 1")
    assert refusal.value.field == "external_id"
    with pytest.raises(errors.ExternalIdError):
        await registry.change(hub.db, SERVICE, other, external_id="1")
    assert [one.external_id for one in await registry.find(hub.db)] == ["1", None]
    await registry.add(hub.db, SERVICE, "third", external_id="2")


async def test_circles(hub: Hub) -> None:
    """Nothing is above itself, by whatever way round; and then it is placed where it can be."""
    top, middle, low = await family(hub, "top", "middle", "low")
    for child, parent in ((top, "top"), (top, "low"), (middle, "low")):
        with pytest.raises(errors.ParentError, match="itself, or below it") as refusal:
            await registry.change(hub.db, SERVICE, child, parent=parent)
        assert refusal.value.field == "parent"
    assert (await registry.change(hub.db, SERVICE, low, parent="top")).parent_id == top.organization_id
    assert (await registry.change(hub.db, SERVICE, middle, parent="low")).parent_id == low.organization_id


async def test_two_that_would_make_a_circle_together(hub: Hub) -> None:
    """Of two changes at once, each right by itself, that make a circle of parents, one is refused."""
    one, other = [await registry.add(hub.db, SERVICE, name) for name in ("one", "other")]

    async def move(child: Organization, parent: Organization) -> bool:
        async with hub.means.database.connect() as db:
            try:
                await registry.change(db, SERVICE, child, parent=parent.name)
            except errors.ParentError:
                return False
            return True

    assert sorted(await asyncio.gather(move(one, other), move(other, one))) == [False, True]


async def test_depth(hub: Hub) -> None:
    """A tree is eight levels deep at most, whether it grows at its end or is moved as a whole."""
    deep = await family(hub, *"abcdefgh")
    with pytest.raises(errors.ParentError, match="8 levels"):
        await registry.add(hub.db, SERVICE, "i", parent="h")
    above = await registry.add(hub.db, SERVICE, "above")
    with pytest.raises(errors.ParentError, match="8 levels"):
        await registry.change(hub.db, SERVICE, deep[0], parent="above")
    await registry.change(hub.db, SERVICE, deep[1], parent=str(above.organization_uuid))


@pytest.mark.parametrize("parent", ["nobody", "archived", "Branch"])
async def test_parents_that_cannot_be(hub: Hub, parent: str) -> None:
    """A parent that is not there, is archived, or could be two, is refused at its field, and nothing is stored."""
    for name in ("North", "South"):
        await family(hub, name, "Branch")
    await registry.archive(hub.db, SERVICE, await registry.add(hub.db, SERVICE, "archived"))
    with pytest.raises(errors.ParentError) as refusal:
        await registry.add(hub.db, SERVICE, "ACME", parent=parent)
    assert refusal.value.field == "parent"
    assert not await registry.find(hub.db, ["ACME"])
    await registry.add(hub.db, SERVICE, "ACME", parent="North / Branch")


async def test_archiving(hub: Hub) -> None:
    """An archived organization leaves the list, cannot be changed, frees its name and external id; twice is once."""
    acme = await registry.add(hub.db, SERVICE, "ACME", external_id="1")
    archived = await registry.archive(hub.db, ADA, acme)
    assert archived.archived_at is not None
    assert await registry.archive(hub.db, ADA, acme) == archived
    assert await registry.find(hub.db) == []
    assert await registry.get(hub.db, "ACME") == archived
    with pytest.raises(errors.OrganizationStateError, match="archived"):
        await registry.change(hub.db, SERVICE, acme, name="x")
    new = await registry.add(hub.db, SERVICE, "ACME", external_id="1")
    assert await registry.get(hub.db, "ACME") == new
    assert [row[0] for row in await audited(hub)] == [
        "organization.added", "organization.archived", "organization.added",
    ]  # fmt: skip


async def test_archiving_what_is_above_others(hub: Hub) -> None:
    """A parent is archived after its children: they are named, and nothing is archived with it unasked."""
    top, low = await family(hub, "top", "low")
    with pytest.raises(errors.OrganizationStateError, match="'low'"):
        await registry.archive(hub.db, SERVICE, top)
    await registry.archive(hub.db, SERVICE, low)
    await registry.archive(hub.db, SERVICE, top)
    with pytest.raises(errors.ParentError, match="archived"):
        await registry.restore(hub.db, SERVICE, low)
    await registry.restore(hub.db, SERVICE, top)
    assert (await registry.restore(hub.db, SERVICE, low)).parent_id == top.organization_id


@pytest.mark.parametrize(
    ("name", "external_id", "kind"),
    [("ACME", None, errors.OrganizationNameError), ("other", "1", errors.ExternalIdError)],
)
async def test_restoring(hub: Hub, name: str, external_id: str | None, kind: type[Exception]) -> None:
    """A restored organization has all that it had, unless another has its name or external id by now."""
    acme = await registry.add(hub.db, SERVICE, "ACME", external_id="1", tags=["gold"])
    await registry.archive(hub.db, SERVICE, acme)
    taker = await registry.add(hub.db, SERVICE, name, external_id=external_id)
    with pytest.raises(kind):
        await registry.restore(hub.db, SERVICE, acme)
    await registry.archive(hub.db, SERVICE, taker)
    restored = await registry.restore(hub.db, SERVICE, acme)
    assert (restored.archived_at, restored.external_id, restored.tags) == (None, "1", ["gold"])
    assert await registry.restore(hub.db, SERVICE, acme) == restored
