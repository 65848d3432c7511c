"""Who decided what is kept, and any save can be undone as a whole, and the undo too."""

import uuid
from typing import Any

import pytest

from support.estates import Client, Grounds, ignored, mapped, undecided
from waypost import errors
from waypost.access.audit import SERVICE, Actor
from waypost.connections import lifecycle
from waypost.connections.connection import Connection
from waypost.organizations.mapping import history, saving, undoing
from waypost.organizations.mapping.decisions import Decided, Kind

ADA, BEN = Actor("key", "k1 Ada", "request 1"), Actor("command", "ben@host")


@pytest.fixture(autouse=True)
async def main(grounds: Grounds) -> Connection:
    connection = await grounds.console("main")
    await grounds.account(connection, 1, "account 1")
    for site_id, name in ((11, "Wile E. Coyote Supplies"), (12, "Road Runner"), (13, "Servers")):
        await grounds.site(connection, site_id, name, 1)
    return connection


@pytest.fixture(autouse=True)
async def acme(grounds: Grounds) -> Client:
    return await grounds.client("ACME")


@pytest.fixture(autouse=True)
async def initech(grounds: Grounds) -> Client:
    return await grounds.client("Initech")


async def what_holds(grounds: Grounds) -> list[Any]:
    """What is decided, with its evidence, and what the organizations are called; without versions."""
    decided = (
        "SELECT connection_id, kind, scope_id, decision, organization_id, reason, evidence, seen FROM mapping"
    )
    return [
        await grounds.owners(),
        await grounds.hub.rows(f"{decided} WHERE decision <> 'undecided' ORDER BY 1, 2, 3"),
        await grounds.hub.rows("SELECT name, aliases FROM organization ORDER BY 1"),
    ]


async def test_what_the_history_tells(grounds: Grounds, main: Connection, acme: Client) -> None:
    """The newest save first, each with who made it and what it decided; what it was before is told with it."""
    first = await saving.save(grounds.db, ADA, [mapped("main", 12, "ACME"), ignored("main", 13)])
    wishes = [mapped("main", 12, "Initech", version=first.version)]
    second = await saving.save(grounds.db, BEN, wishes, source="import")
    newest, oldest = await history.saves(grounds.db)
    assert (newest.id, newest.actor, newest.source, newest.changes, newest.mapped) == (
        second.id, "ben@host", "import", 1, 1,
    )  # fmt: skip
    assert (oldest.id, oldest.request_id, oldest.changes, oldest.mapped, oldest.ignored) == (
        first.id, "request 1", 2, 1, 1,
    )  # fmt: skip
    assert await history.saves(grounds.db, before=newest.version) == [oldest]
    assert await history.one(grounds.db, oldest.id) == oldest
    (change,) = await history.changes(grounds.db, save_uuid=second.id)
    assert change.before.organization is not None
    assert (change.before.organization.id, change.before.organization.name) == (acme.uuid, "ACME")
    assert (change.connection_id, change.kind, change.id) == (main.connection_uuid, Kind.SITE, "12")
    assert (change.actor, change.alias, change.evidence) == ("ben@host", None, history.Evidence())
    of_site = await history.changes(grounds.db, scope=(main.connection_id, Kind.SITE, 12))
    assert [one.save for one in of_site] == [second.id, first.id]
    assert of_site[1].alias == "Road Runner"


async def test_evidence_is_of_its_time(grounds: Grounds, main: Connection) -> None:
    """What was suggested when a decision was made stays with it, whatever would be suggested now."""
    await grounds.client("Umbrella", external_id="U-1")
    await grounds.site(main, 14, "Umbrella Ltd.", external_id="U-1")
    saved = await saving.save(grounds.db, ADA, [mapped("main", 14, "Umbrella")])
    await grounds.db.execute(
        "UPDATE organization SET name = 'Regenschirm', external_id = NULL WHERE name = 'Umbrella'"
    )
    (change,) = await history.changes(grounds.db, save_uuid=saved.id)
    assert change.evidence is not None
    assert change.evidence.grade == "sure"
    assert change.evidence.confidence is not None
    assert "U-1" in change.evidence.reasons[0]
    assert change.after.organization is not None
    assert change.after.organization.name == "Regenschirm"


async def test_pages_of_changes(grounds: Grounds) -> None:
    """A page goes on after the change that the last one ended with, and none is left out or told twice."""
    for decision in (mapped("main", 1, "ACME", kind=Kind.ACCOUNT), ignored("main", 11), ignored("main", 12)):
        await saving.save(grounds.db, ADA, [decision, ignored("main", 13, version=None)][:1])
    await saving.save(grounds.db, ADA, [ignored("main", 13), mapped("main", 12, "ACME", version=3)])
    every = await history.changes(grounds.db, limit=None)
    found, after = [], None
    while page := await history.changes(grounds.db, after=after, limit=2):
        found += page
        after = history.key(page[-1])
    assert found == every
    assert [(change.version, change.id) for change in every] == [
        (4, "12"), (4, "13"), (3, "12"), (2, "11"), (1, "1"),
    ]  # fmt: skip


async def test_undoing(grounds: Grounds) -> None:
    """An undone save is as if it had never been: decisions, evidence and aliases; and it says who undid it."""
    first = await saving.save(grounds.db, ADA, [mapped("main", 12, "ACME"), ignored("main", 13)])
    before = await what_holds(grounds)
    wishes = [
        mapped("main", 1, "Initech", kind=Kind.ACCOUNT),
        mapped("main", 11, "ACME"),
        mapped("main", 12, "Initech", version=first.version),
        undecided("main", 13, version=first.version),
    ]
    second = await saving.save(grounds.db, ADA, wishes)
    assert second.id is not None
    after = await what_holds(grounds)
    assert after != before

    told = await undoing.undo(grounds.db, BEN, second.id, dry_run=True)
    assert (told.id, len(told.difference.items)) == (None, 4)
    assert await what_holds(grounds) == after
    undone = await undoing.undo(grounds.db, BEN, second.id)

    assert await what_holds(grounds) == before
    assert [(step.before, step.after) for step in undone.difference.items] == [
        (step.before, step.after) for step in told.difference.items
    ]
    newest, former, _ = await history.saves(grounds.db)
    assert (newest.id, newest.source, newest.undoes, newest.actor) == (
        undone.id,
        "undo",
        second.id,
        "ben@host",
    )
    assert former.undone_by == undone.id
    audited = "SELECT subject_id, after->>'undoes' FROM audit WHERE action = 'mapping.undone'"
    assert await grounds.hub.rows(audited) == [(str(undone.id), str(second.id))]


async def test_undoing_an_undo(grounds: Grounds) -> None:
    """The undo of an undo brings everything back, aliases too, as often as one likes."""
    saved = await saving.save(grounds.db, ADA, [mapped("main", 11, "ACME"), ignored("main", 13)])
    with_it = await what_holds(grounds)
    assert with_it[2] == [("ACME", ["Wile E. Coyote Supplies"]), ("Initech", [])]
    for _ in range(3):
        saved = await undoing.undo(grounds.db, ADA, saved.id or uuid.uuid4())
        assert await what_holds(grounds) == [{}, [], [("ACME", []), ("Initech", [])]]
        saved = await undoing.undo(grounds.db, ADA, saved.id or uuid.uuid4())
        assert await what_holds(grounds) == with_it


async def test_a_name_that_somebody_else_has_by_now(grounds: Grounds) -> None:
    """An alias does not come back with its save if another organization is called so meanwhile."""
    saved = await saving.save(grounds.db, ADA, [mapped("main", 11, "ACME")])
    undone = await undoing.undo(grounds.db, ADA, saved.id or uuid.uuid4())
    await grounds.client("Wile E. Coyote Supplies, Inc.")
    await undoing.undo(grounds.db, ADA, undone.id or uuid.uuid4())
    aliases = dict(await grounds.hub.rows("SELECT name, aliases FROM organization"))
    assert aliases["ACME"] == []


async def test_what_cannot_be_undone(grounds: Grounds) -> None:
    """A save over which somebody has decided since is not undone, nor is one twice; what came after goes first."""
    first = await saving.save(grounds.db, ADA, [mapped("main", 11, "ACME"), mapped("main", 12, "ACME")])
    assert first.id is not None
    second = await saving.save(grounds.db, BEN, [mapped("main", 12, "Initech", version=first.version)])
    before = await what_holds(grounds)
    for dry_run in (True, False):
        with pytest.raises(errors.UndoError, match="decided since about: The site 'Road Runner'"):
            await undoing.undo(grounds.db, ADA, first.id, dry_run=dry_run)
    assert await what_holds(grounds) == before
    undone = await undoing.undo(grounds.db, ADA, second.id or uuid.uuid4())
    with pytest.raises(errors.UndoError, match="undone already, by k1 Ada at 20"):
        await undoing.undo(grounds.db, BEN, second.id or uuid.uuid4())
    assert undone.difference.items[0].after.organization is not None
    # what came after it is undone, so nothing is in its way
    last = await undoing.undo(grounds.db, ADA, first.id)
    assert {step.after.decision for step in last.difference.items} == {Decided.UNDECIDED}
    # that would bring back what was undone before
    with pytest.raises(errors.UndoError, match="decided since"):
        await undoing.undo(grounds.db, ADA, undone.id or uuid.uuid4())
    with pytest.raises(errors.NoSuchSaveError):
        await undoing.undo(grounds.db, ADA, uuid.uuid4())
    assert undone.id is not None
    with pytest.raises(errors.NoSuchSaveError):
        await history.one(grounds.db, uuid.uuid4())


async def test_an_organization_that_was_archived_since(grounds: Grounds, acme: Client) -> None:
    """What would be mapped to an archived organization again is not undone; restored, it is."""
    first = await saving.save(grounds.db, ADA, [mapped("main", 11, "ACME")])
    second = await saving.save(grounds.db, ADA, [mapped("main", 11, "Initech", version=first.version)])
    assert second.id is not None
    await grounds.archive(acme)
    with pytest.raises(errors.OrganizationStateError, match="'ACME' is archived"):
        await undoing.undo(grounds.db, ADA, second.id)
    await grounds.db.execute("UPDATE organization SET archived_at = NULL")
    await undoing.undo(grounds.db, ADA, second.id)
    assert await grounds.owners() == {("main", 11): "ACME"}


async def test_one_site_is_never_two_organizations_by_an_undo(grounds: Grounds) -> None:
    """An undo that would give a site to a second organization, through another connection, is refused."""
    second = await grounds.console("second")
    await grounds.site(second, 11, "the same")
    first = await saving.save(grounds.db, ADA, [mapped("main", 11, "ACME")])
    taken = await saving.save(grounds.db, ADA, [undecided("main", 11, version=first.version)])
    await saving.save(grounds.db, ADA, [mapped("second", 11, "Initech")])
    with pytest.raises(errors.TwoOrganizationsError):
        await undoing.undo(grounds.db, ADA, taken.id or uuid.uuid4())
    assert await grounds.owners() == {("second", 11): "Initech"}


async def test_a_connection_that_was_removed_since(grounds: Grounds, main: Connection) -> None:
    """Of a save about two connections the part of the one that is left is undone; with none left there is nothing."""
    other = await grounds.console("other")
    await grounds.site(other, 31, "elsewhere")
    only = await saving.save(grounds.db, ADA, [ignored("main", 12)])
    both = await saving.save(grounds.db, ADA, [mapped("main", 11, "ACME"), mapped("other", 31, "ACME")])
    await lifecycle.remove(grounds.db, SERVICE, main)
    undone = await undoing.undo(grounds.db, ADA, both.id or uuid.uuid4())
    assert [(step.connection, step.after.decision) for step in undone.difference.items] == [
        ("other", Decided.UNDECIDED)
    ]
    with pytest.raises(errors.UndoError, match="connections that it was about were removed"):
        await undoing.undo(grounds.db, ADA, only.id or uuid.uuid4())
