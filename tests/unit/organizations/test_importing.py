"""Organizations from a CSV file: matched, previewed, stored as a whole or not at all, and exported again."""

import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.hub import Hub
from waypost import errors
from waypost.access.audit import SERVICE, Actor
from waypost.organizations import importing, registry
from waypost.organizations.importing import COLUMNS, Action, Outcome
from waypost.organizations.organization import described, paths

ADA = Actor("key", "k1 Ada")
HEADER = ",".join(COLUMNS)


async def imported(hub: Hub, *lines: str, header: str = HEADER) -> Outcome:
    """What an import did, which is what its preview said."""
    content = "\n".join([header, *lines]).encode()
    foreseen = await importing.preview(hub.db, content)
    done = await importing.store(hub.db, ADA, content)
    assert foreseen == done
    return done


async def stored(hub: Hub) -> dict[str, Any]:
    """What is said of each organization, by path; without what moves by itself."""
    found = await registry.find(hub.db, archived=None)
    path = paths(found)
    said = ("external_id", "domains", "aliases", "tags")
    return {path[one.organization_id]: {part: described(one)[part] for part in said} for one in found}


async def refusal(hub: Hub, *lines: str, header: str = HEADER) -> list[tuple[int, str]]:
    """What is said of the lines of a file that is refused, by preview and import alike; nothing is stored."""
    before = await hub.rows("SELECT o::text FROM organization o ORDER BY 1")
    content = "\n".join([header, *lines]).encode()
    with pytest.raises(errors.SheetError) as foreseen:
        await importing.preview(hub.db, content)
    with pytest.raises(errors.SheetError) as refused:
        await importing.store(hub.db, ADA, content)
    assert foreseen.value.lines == refused.value.lines
    assert await hub.rows("SELECT o::text FROM organization o ORDER BY 1") == before
    return list(refused.value.lines)


async def test_new_ones(hub: Hub) -> None:
    """A file makes organizations, parents below children in it too, and says what it made of each line."""
    done = await imported(
        hub,
        "Branch,7,branch.example;corp,The Branch;a\\;b,Holding / North,gold;24/7",
        "North,,,,Holding,",
        "Holding,,,,,",
    )
    assert (done.added, done.changed, done.unchanged) == (3, 0, 0)
    assert [(item.line, item.action, item.path) for item in done.items] == [
        (2, Action.ADD, "Holding / North / Branch"),
        (3, Action.ADD, "Holding / North"),
        (4, Action.ADD, "Holding"),
    ]
    nothing: dict[str, Any] = {"external_id": None, "domains": [], "aliases": [], "tags": []}
    assert await stored(hub) == {
        "Holding": nothing,
        "Holding / North": nothing,
        "Holding / North / Branch": {
            "external_id": "7", "domains": ["branch.example", "corp"], "aliases": ["The Branch", "a;b"],
            "tags": ["gold", "24/7"],
        },
    }  # fmt: skip
    told = await hub.rows("SELECT action, actor, subject_name, after FROM audit ORDER BY subject_name")
    assert [row[:3] for row in told] == [
        ("organization.added", "k1 Ada", name) for name in ("Branch", "Holding", "North")
    ]
    assert told[0][3]["parent"] == "North"


async def test_those_that_there_are(hub: Hub) -> None:
    """A line changes the one with its external id, else of its name and parent; the rest of it is told as before."""
    await imported(hub, "ACME,1,,,,", "Branch,,,,ACME,", "same,,,,,")
    done = await imported(hub, "Acme Inc,1,acme.example,,,", "Branch,2,,,Acme Inc,x", "same,,,,,", "new,,,,,")
    assert (done.added, done.changed, done.unchanged) == (1, 2, 1)
    changed = {item.path: (item.before, item.after) for item in done.items}
    assert changed == {
        "Acme Inc": ({"name": "ACME", "domains": ()}, {"name": "Acme Inc", "domains": ("acme.example",)}),
        "Acme Inc / Branch": (
            {"external_id": None, "tags": (), "parent": "ACME"},
            {"external_id": "2", "tags": ("x",), "parent": "Acme Inc"},
        ),
        "new": ({}, {"name": "new"}),
    }
    assert set(await stored(hub)) == {"Acme Inc", "Acme Inc / Branch", "same", "new"}
    again = await importing.preview(hub.db, (await importing.export(hub.db)).encode())
    assert (again.items, again.unchanged) == ((), 4)


async def test_columns_that_are_not_there(hub: Hub) -> None:
    """What a file says nothing of stays as it is; an empty cell empties it."""
    await registry.add(hub.db, SERVICE, "Holding")
    await registry.add(hub.db, SERVICE, "ACME", parent="Holding", external_id="1", aliases=["a"], tags=["t"])
    await imported(hub, "ACME,new", header="name,tags")
    assert (await stored(hub))["Holding / ACME"] == {
        "external_id": "1", "domains": [], "aliases": ["a"], "tags": ["new"],
    }  # fmt: skip
    await imported(hub, "ACME,,", header="name,aliases,external_id")
    assert (await stored(hub))["Holding / ACME"]["aliases"] == []
    assert (await stored(hub))["Holding / ACME"]["external_id"] is None


async def test_names_and_ids_that_change_hands(hub: Hub) -> None:
    """Two may swap names, or external ids, in one file, and a new one take what another gives up."""
    await imported(hub, "one,1,,,,", "other,2,,,,")
    await imported(hub, "other,1,,,,", "one,2,,,,")
    assert {name: said["external_id"] for name, said in (await stored(hub)).items()} == {
        "other": "1",
        "one": "2",
    }
    await imported(hub, "third,1,,,,", "other,3,,,,", "one,2,,,third,")
    assert {name: said["external_id"] for name, said in (await stored(hub)).items()} == {
        "third": "1", "other": "3", "third / one": "2",
    }  # fmt: skip
    lines = (
        "fourth,3,,,,",
        "other,4,,,,",
        "one,2,,,other,",
    )  # is the parent the one of now, or the one to come?
    assert dict(await refusal(hub, *lines)).keys() == {4}


async def test_archived_ones_are_let_be(hub: Hub) -> None:
    """What is archived is not woken by a file: its name and external id make a new one."""
    old = await registry.add(hub.db, SERVICE, "ACME", external_id="1")
    await registry.archive(hub.db, SERVICE, old)
    assert (await imported(hub, "ACME,1,,,,")).added == 1
    assert "ACME" not in (await importing.export(hub.db)).splitlines()[0]
    assert len((await importing.export(hub.db)).splitlines()) == 2


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["ACME,,,,,", "ACME,,,,,"], {3: "in line 2 already"}),
        (["a,5,,,,", "b,5,,,,"], {3: "external id '5' is in line 2"}),
        (["there,9,,,,"], {2: "another external id, '1'"}),
        (["x,1,,,,", "there,,,,other,", "x,,,,,"], {4: "in line 2 already"}),
        (["x,1,,,,", "y,1,,,,"], {3: "the same organization as in line 2"}),
        (["other,1,,,,"], {2: "is there already"}),
        (["a,,,,nobody,"], {2: "no organization 'nobody'"}),
        (["a,,,,a,"], {2: "no organization 'a'"}),
        (["a,,,,b,", "b,,,,c,", "c,,,,a,"], {2: "", 3: "", 4: ""}),
        (["there,1,,,below,"], {2: "above itself"}),
        (["a,,,,twin,"], {2: "2 organizations are called 'twin'"}),
        (["a,,,,old,"], {2: "no organization 'old'"}),
        (
            ["-x,,,,,", "a,,nonsense!,,,", "b,,,,,", "c,\x01,,,,"],
            {2: "name:", 3: "domains:", 5: "external_id:"},
        ),
        ([",x,,,,"], {2: "name:"}),
        (["d2,,,,a,", "d3,,,,d2,", "a,,,,d3,"], {2: "", 3: "", 4: ""}),
    ],
)
async def test_lines_that_cannot_be(hub: Hub, lines: list[str], told: dict[int, str]) -> None:
    """Each line that cannot be is named with its reason, and nothing of the file is stored."""
    await imported(
        hub, "there,1,,,,", "below,,,,there,", "other,,,,,", "twin,,,,there,", "twin,,,,other,", "old,,,,,"
    )
    await registry.archive(hub.db, SERVICE, await registry.get(hub.db, "old"))
    found = dict(await refusal(hub, *lines))
    assert set(found) == set(told), found
    for line, words in told.items():
        assert words in found[line], found


async def test_a_name_that_tells_no_parent(hub: Hub) -> None:
    """Without a column for parents, a name that two have does not say which is meant."""
    await imported(hub, "a,,,,,", "b,,,,,", "twin,,,,a,", "twin,,,,b,")
    assert (await refusal(hub, "twin,x", header="name,tags"))[0][0] == 2


async def test_depth(hub: Hub) -> None:
    """A file makes no tree deeper than eight levels, neither of new ones nor by moving those that there are."""
    chain = [f"l{level},e{level},,,{f'l{level - 1}' if level > 1 else ''}," for level in range(1, 10)]
    assert await refusal(hub, *chain)
    assert await refusal(hub, *reversed(chain))
    await imported(hub, *chain[:8], "top,,,,,")
    assert await refusal(hub, "l1,e1,,,top,") == [(2, "It would make more than 8 levels.")]
    await imported(hub, "l8,e8,,,top,", "l1,e1,,,,")
    await imported(hub, "l1,e1,,,top,")


async def test_a_parent_by_its_path_or_id(hub: Hub) -> None:
    """Of two with one name the path tells the parent; where two have one path, the id does, and export writes it."""
    await imported(hub, "a,,,,,", "b,,,,,", "twin,,,,a,", "twin,,,,b,")
    await imported(hub, "under,,,,b / twin,")
    assert "b / twin / under" in await stored(hub)
    await imported(hub, "a / twin,,,,,")
    odd = next(one for one in await registry.find(hub.db, ["a / twin"]))
    await imported(hub, f"below,,,,{odd.organization_uuid},")
    assert str(odd.organization_uuid) in await importing.export(hub.db)
    again = await importing.preview(hub.db, (await importing.export(hub.db)).encode())
    assert (again.items, again.unchanged) == ((), 7)


VALUE = st.text(st.sampled_from("ab;\\,\"'=-+@ é"), min_size=1, max_size=8).map(str.strip).filter(bool)
NAME = st.text(st.sampled_from("ab;\\,\"'=/ é"), max_size=6).map(lambda text: " ".join(f"x{text}".split()))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(NAME, st.integers(-1, 4), VALUE | st.none(), st.lists(VALUE, max_size=3)), max_size=6)
)
async def test_export_and_import(hub: Hub, wanted: list[Any]) -> None:
    """Whatever organizations there are, their export changes nothing, and makes them anew where there are none."""
    async with hub.db.transaction(force_rollback=True):
        made: list[Any] = []
        for name, above, external_id, values in wanted:
            parent = str(made[above].organization_uuid) if 0 <= above < len(made) else None
            try:
                async with hub.db.transaction():
                    made.append(
                        await registry.add(
                            hub.db,
                            SERVICE,
                            name,
                            parent=parent,
                            external_id=external_id,
                            aliases=values,
                            tags=values,
                        )
                    )
            except errors.UsageError:
                continue
        content = (await importing.export(hub.db)).encode()
        assert (await importing.preview(hub.db, content)).items == ()
        before = await stored(hub)
        if len(before) == len(
            made
        ):  # where no two have one path, which the file tells by ids of this database
            await hub.db.execute("DELETE FROM organization")
            assert (await importing.store(hub.db, ADA, content)).added == len(made)
            assert await stored(hub) == before


async def test_ten_thousand(hub: Hub) -> None:
    """Ten thousand organizations are stored in a few seconds, and changed in as many."""
    lines = [
        f"Client {place},{place},client{place}.example,Alias {place};C{place},,gold"
        for place in range(10_000)
    ]
    content = "\n".join([HEADER, *lines]).encode()
    began = time.monotonic()
    assert (await importing.store(hub.db, ADA, content)).added == 10_000
    assert (await importing.store(hub.db, ADA, content)).unchanged == 10_000
    assert (await importing.store(hub.db, ADA, content.replace(b"gold", b"silver"))).changed == 10_000
    assert time.monotonic() - began < 30
    assert await hub.rows("SELECT count(*) FROM audit") == [(20_000,)]
