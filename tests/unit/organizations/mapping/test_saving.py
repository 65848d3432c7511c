"""Decisions are saved all or nothing, over nothing that was not seen, and data follows at once."""

from typing import Any

import pytest

from support.estates import Client, Grounds, ignored, mapped, undecided
from waypost import errors
from waypost.access.audit import SERVICE, Actor
from waypost.connections import lifecycle
from waypost.connections.connection import Connection
from waypost.organizations.mapping import saving
from waypost.organizations.mapping.decisions import Decided, Kind, Wish

pytestmark = pytest.mark.usefixtures("main", "acme", "initech")
ADA, BEN = Actor("key", "k1 Ada", "request 1"), Actor("command", "ben@host")


@pytest.fixture
async def main(grounds: Grounds) -> Connection:
    """A console `main`: account 1 with the sites 11 and 12, account 2 with site 21."""
    connection = await grounds.console("main")
    for account_id, sites in ((1, (11, 12)), (2, (21,))):
        await grounds.account(connection, account_id, f"account {account_id}")
        for site_id in sites:
            await grounds.site(connection, site_id, f"Site {site_id}", account_id)
    return connection


@pytest.fixture
async def acme(grounds: Grounds) -> Client:
    return await grounds.client("ACME")


@pytest.fixture
async def initech(grounds: Grounds) -> Client:
    return await grounds.client("Initech")


async def stored(grounds: Grounds) -> list[tuple[Any, ...]]:
    """Everything that a save writes to."""
    return [
        await grounds.hub.rows(f"SELECT t::text FROM {table} t ORDER BY 1")  # noqa: S608  # tables of ours
        for table in ("mapping", "mapping_save", "mapping_change", "change", "organization", "audit")
    ]


async def test_data_follows_at_once(grounds: Grounds, main: Connection, acme: Client) -> None:
    """Rule 7: findings from before the decision are the organization's as soon as it is saved, and no longer after."""
    await grounds.devices(main, 11, 2, findings=3)
    await grounds.devices(main, 12, 1, findings=1)
    assert await grounds.open_findings(acme) == 0
    saved = await saving.save(grounds.db, ADA, [mapped("main", 11, "ACME")])
    assert await grounds.open_findings(acme) == 6
    await saving.save(grounds.db, ADA, [undecided("main", 11, version=saved.version)])
    assert await grounds.open_findings(acme) == 0


async def test_the_difference(grounds: Grounds, main: Connection, acme: Client) -> None:
    """What a save is about to do is told first, with sites, devices and open findings, and saving does just that."""
    await grounds.devices(main, 11, 2, findings=3)
    await grounds.devices(main, 21, 1, findings=4)
    wishes = [
        mapped("main", 1, acme.uuid, kind=Kind.ACCOUNT),
        ignored("main", 21),
        undecided("main", 12),
    ]
    told = await saving.preview(grounds.db, wishes)
    account, site = told.items
    assert (account.kind, account.id, account.sites, account.devices, account.open_findings) == (
        Kind.ACCOUNT, "1", 2, 2, 6,
    )  # fmt: skip
    assert (account.before.decision, account.after.decision) == (Decided.UNDECIDED, Decided.MAPPED)
    assert account.after.organization is not None
    assert account.after.organization.id == acme.uuid
    assert (site.after.decision, site.after.reason, site.after.origin) == (Decided.IGNORED, "a lab", "site")
    assert (told.unchanged, told.devices, told.open_findings) == (1, 3, 10)
    assert await grounds.owners() == {}

    saved = await saving.save(grounds.db, ADA, wishes)

    assert [(step.before, step.after, step.sites) for step in saved.difference.items] == [
        (step.before, step.after, step.sites) for step in told.items
    ]
    assert {step.version for step in saved.difference.items} == {saved.version}
    assert await grounds.owners() == {("main", 11): "ACME", ("main", 12): "ACME"}


async def test_a_site_with_a_change_of_its_own_is_counted_there(
    grounds: Grounds, main: Connection, acme: Client, initech: Client
) -> None:
    """Of an account and a site in it that change together, each site and its devices are counted once."""
    await grounds.devices(main, 11, 2)
    await grounds.devices(main, 12, 5)
    wishes = [mapped("main", 1, acme.uuid, kind=Kind.ACCOUNT), mapped("main", 11, initech.uuid)]
    told = await saving.preview(grounds.db, wishes)
    assert [(step.kind, step.sites, step.devices) for step in told.items] == [
        (Kind.ACCOUNT, 1, 5), (Kind.SITE, 1, 2),
    ]  # fmt: skip
    assert told.devices == 7


async def test_what_moves_nothing_counts_nothing(grounds: Grounds, main: Connection) -> None:
    """A site's own decision for the organization that its account is mapped to moves no data."""
    await grounds.devices(main, 11, 2, findings=1)
    await saving.save(grounds.db, ADA, [mapped("main", 1, "ACME", kind=Kind.ACCOUNT)])
    told = await saving.preview(grounds.db, [mapped("main", 11, "ACME")])
    assert [(step.sites, step.devices, step.open_findings) for step in told.items] == [(0, 0, 0)]


async def test_the_nearest_decision_wins(grounds: Grounds, main: Connection, acme: Client) -> None:
    """Site over account over connection; a site that comes later follows its account."""
    await grounds.db.execute("UPDATE connection SET organization_id = %s", [acme.id])
    assert set((await grounds.owners()).values()) == {"ACME"}
    saved = await saving.save(
        grounds.db, ADA, [mapped("main", 1, "Initech", kind=Kind.ACCOUNT), ignored("main", 12)]
    )
    await grounds.site(main, 13, "new", 1)
    assert await grounds.owners() == {("main", 11): "Initech", ("main", 13): "Initech", ("main", 21): "ACME"}
    await saving.save(grounds.db, ADA, [undecided("main", 12, version=saved.version)])
    assert (await grounds.owners())["main", 12] == "Initech"


async def test_what_is_fulfilled_already(grounds: Grounds) -> None:
    """Wishing what is decided already saves nothing, whichever version it names."""
    await saving.save(grounds.db, ADA, [mapped("main", 11, "ACME")])
    before = await stored(grounds)
    for version in (None, 0, 7):
        again = await saving.save(grounds.db, BEN, [mapped("main", 11, "ACME", version=version)])
        assert (again.id, again.version, again.difference.unchanged) == (None, 0, 1)
    assert await stored(grounds) == before


async def test_what_is_kept_of_a_save(grounds: Grounds, main: Connection, acme: Client) -> None:
    """The history has who, when and what it was before; the change log and the audit log each tell of it."""
    await grounds.devices(main, 11, 1, domain="Corp.Example")
    saved = await saving.save(
        grounds.db, ADA, [mapped("main", 11, "ACME"), ignored("main", 2, kind=Kind.ACCOUNT)]
    )
    assert await grounds.hub.rows(
        "SELECT save_uuid, actor_kind, actor, request_id, source FROM mapping_save"
    ) == [(saved.id, "key", "k1 Ada", "request 1", "save")]
    ((seen, version),) = await grounds.hub.rows("SELECT seen, save_id FROM mapping WHERE kind = 'site'")
    assert seen == {"name": "Site 11", "account_id": 1, "domains": ["corp.example"], "standing": "active"}
    assert version == saved.version
    changes = "SELECT kind, before, after->>'decision' FROM mapping_change ORDER BY kind"
    assert await grounds.hub.rows(changes) == [("account", None, "ignored"), ("site", None, "mapped")]
    entries = await grounds.hub.rows(
        "SELECT subject_id, site_id, detail FROM change WHERE kind = 51 ORDER BY site_id"
    )
    assert entries[0][:2] == (main.connection_uuid, 11)
    assert entries[0][2] == {
        "kind": "site",
        "id": "11",
        "name": "Site 11",
        "before": {"decision": "undecided", "organization": None, "reason": None},
        "after": {
            "decision": "mapped",
            "organization": {"id": str(acme.uuid), "name": "ACME"},
            "reason": None,
        },
    }
    assert entries[1][1] is None
    audited = "SELECT actor, subject_id, after FROM audit WHERE action = 'mapping.saved'"
    assert await grounds.hub.rows(audited) == [
        ("k1 Ada", str(saved.id), {"source": "save", "mapped": 1, "ignored": 1, "undecided": 0})
    ]


def wrong(**more: Any) -> Wish:
    return Wish(**{"connection": "main", "kind": Kind.SITE, "id": "11", "decision": Decided.MAPPED, **more})


@pytest.mark.parametrize(
    ("wish", "error", "match"),
    [
        (mapped("nobody", 11, "ACME"), errors.NoSuchConnectionError, "no connection 'nobody'"),
        (mapped("main", 99, "ACME"), errors.NoSuchScopeError, "'main' has no site with the id '99'"),
        (mapped("main", 31, "ACME"), errors.NoSuchScopeError, "it is one of 'other'"),
        (mapped("main", 1, "ACME"), errors.NoSuchScopeError, "has no site with the id '1'"),
        (wrong(id="11; DROP", organization="ACME"), errors.NoSuchScopeError, "has no site"),
        (wrong(id="9" * 30, organization="ACME"), errors.NoSuchScopeError, "has no site"),
        (wrong(id="", name="nothing", organization="ACME"), errors.NoSuchScopeError, "no site 'nothing'"),
        (wrong(id="", organization="ACME"), errors.NoSuchScopeError, "not said which site"),
        (
            wrong(id="", name="twice", organization="ACME"),
            errors.NoSuchScopeError,
            "2 sites 'twice'.* 14, 15",
        ),
        (mapped("main", 11, "Nobody"), errors.NoSuchOrganizationError, "no organization 'Nobody'"),
        (mapped("main", 11, "Branch"), errors.OrganizationNameError, "'East / Branch', 'West / Branch'"),
        (mapped("main", 11, "Bygone"), errors.OrganizationStateError, "'Bygone' is archived"),
        (wrong(), errors.DecisionError, "no organization is named"),
        (wrong(organization="ACME", reason="why"), errors.DecisionError, "only for what is ignored"),
        (ignored("main", 11, None), errors.DecisionError, "no reason is given"),
        (ignored("main", 11, " \t"), errors.DecisionError, "no reason is given"),
        (ignored("main", 11, "x" * 501), errors.DecisionError, "at most 500"),
        (ignored("main", 11, "a\nb"), errors.DecisionError, "on one line"),
        (ignored("main", 11, organization="ACME"), errors.DecisionError, "an organization is named"),
        (undecided("main", 12, organization="ACME"), errors.DecisionError, "an organization is named"),
        (mapped("main", 12, "ACME", version=3), errors.OutdatedMappingError, "never decided about"),
    ],
)
async def test_wishes_that_cannot_be(
    grounds: Grounds, main: Connection, wish: Wish, error: type[Exception], match: str
) -> None:
    """Each fault is an error of its own that tells which decision it is about, and with it nothing is saved."""
    other = await grounds.console("other")
    await grounds.site(other, 31, "elsewhere")
    for site_id in (14, 15):
        await grounds.site(main, site_id, "twice")
    for parent in ("East", "West"):
        await grounds.client("Branch", parent=await grounds.client(parent))
    await grounds.archive(await grounds.client("Bygone"))
    before = await stored(grounds)
    with pytest.raises(error, match=match):
        await saving.preview(grounds.db, [wish])
    good = mapped("main", 21, "ACME")
    with pytest.raises(error, match=f"^Decision 2: .*{match}.* Nothing was saved"):
        await saving.save(grounds.db, ADA, [good, wish])
    assert [(fault.place, type(fault.error)) for fault in await saving.faults(grounds.db, [good, wish])] == [
        (1, error)
    ]
    assert await stored(grounds) == before
    assert (await saving.save(grounds.db, ADA, [good])).id


async def test_ways_to_name_things(grounds: Grounds, main: Connection, acme: Client) -> None:
    """A connection by name or id, a site by id or name, an organization by id, name or path."""
    await grounds.site(main, 14, "twice")
    await grounds.site(main, 15, "twice", gone=True)
    await grounds.archive(await grounds.client("ACME", parent=await grounds.client("Old")))
    branch = await grounds.client("Branch", parent=acme)
    await grounds.client("Branch", parent=await grounds.client("West"))
    wishes = [
        mapped(str(main.connection_uuid), 11, str(acme.uuid).upper()),
        mapped("main", 0, " ACME ", id="", name="twice"),
        mapped("main", 12, "ACME / Branch"),
        mapped("main", 21, branch.uuid),
    ]
    await saving.save(grounds.db, ADA, wishes)
    assert await grounds.owners() == {
        ("main", 11): "ACME", ("main", 14): "ACME", ("main", 12): "Branch", ("main", 21): "Branch",
    }  # fmt: skip


async def test_the_same_twice(grounds: Grounds, acme: Client) -> None:
    """The same wish twice is once; two different ones about one site are refused."""
    twice = [mapped("main", 11, "ACME"), mapped("main", 0, acme.uuid, id="", name="Site 11")]
    with pytest.raises(errors.DecisionError, match=r"Decision 3: .*'Site 11'.* twice, in different ways"):
        await saving.save(grounds.db, ADA, [*twice, mapped("main", 11, "Initech")])
    saved = await saving.save(grounds.db, ADA, twice)
    assert (len(saved.difference.items), saved.difference.unchanged) == (1, 0)


async def test_several_faults(grounds: Grounds) -> None:
    """The first fault is told, and how many more there are."""
    wishes = [ignored("main", 11, None), mapped("main", 99, "ACME"), mapped("main", 98, "ACME")]
    with pytest.raises(errors.DecisionError, match=r"Decision 1: .* 2 more of the decisions"):
        await saving.save(grounds.db, ADA, wishes)


async def test_an_outdated_view(grounds: Grounds) -> None:
    """Who decides over a version that is no longer there is told who decided what, and can look and decide again."""
    first = await saving.save(grounds.db, ADA, [mapped("main", 11, "ACME"), ignored("main", 12)])
    second = await saving.save(grounds.db, ADA, [mapped("main", 11, "Initech", version=first.version)])
    before = await stored(grounds)
    stale = [
        mapped("main", 11, "ACME", version=first.version),
        mapped("main", 12, "ACME", version=first.version),
    ]
    with pytest.raises(errors.OutdatedMappingError, match=r"'Site 11'.* mapped to 'Initech'") as refusal:
        await saving.save(grounds.db, BEN, stale)
    (told,) = refusal.value.scopes
    assert "k1 Ada decided that at 20" in told
    assert f"(version {second.version})" in told
    assert await stored(grounds) == before
    seen = [mapped("main", 11, "ACME", version=second.version), stale[1]]
    assert (await saving.save(grounds.db, BEN, seen)).id


async def test_nothing_decided_is_overwritten_unseen(grounds: Grounds) -> None:
    """A wish that names no version replaces nothing that is decided, and may decide what is open, again too."""
    saved = await saving.save(grounds.db, ADA, [mapped("main", 11, "ACME"), ignored("main", 12)])
    for wish in (mapped("main", 11, "Initech"), undecided("main", 11), ignored("main", 11)):
        with pytest.raises(errors.OutdatedMappingError, match="is mapped to 'ACME'"):
            await saving.save(grounds.db, ADA, [wish])
    with pytest.raises(errors.OutdatedMappingError, match=r"is ignored \(a lab\)"):
        await saving.save(grounds.db, ADA, [mapped("main", 12, "ACME")])
    await saving.save(grounds.db, ADA, [undecided("main", 11, version=saved.version)])
    await saving.save(grounds.db, ADA, [mapped("main", 11, "Initech")])
    assert await grounds.owners() == {("main", 11): "Initech"}


async def test_one_site_is_never_two_organizations(grounds: Grounds) -> None:
    """A site that two connections list belongs to the same organization through both, or the save is refused."""
    second = await grounds.console("second")
    await grounds.account(second, 1, "account 1")
    await grounds.site(second, 11, "Site 11", 1)
    other = await grounds.console("elsewhere", origin="https://usea1-other.sentinelone.net")
    await grounds.site(other, 11, "another site with this id")
    await saving.save(grounds.db, ADA, [mapped("main", 11, "ACME"), mapped("elsewhere", 11, "Initech")])
    before = await stored(grounds)
    by_account = mapped("second", 1, "Initech", kind=Kind.ACCOUNT)
    for wish in (mapped("second", 11, "Initech"), by_account):
        with pytest.raises(errors.TwoOrganizationsError, match="'Initech''s, and 'ACME''s through 'main'"):
            await saving.save(grounds.db, ADA, [wish])
    assert await stored(grounds) == before
    await saving.save(grounds.db, ADA, [by_account, ignored("second", 11)])
    assert ("second", 11) not in await grounds.owners()


async def test_two_organizations_within_one_save(grounds: Grounds) -> None:
    """The same holds of what one save decides; and a site may change hands on both connections together."""
    second = await grounds.console("second")
    await grounds.site(second, 11, "Site 11")
    with pytest.raises(errors.TwoOrganizationsError):
        await saving.save(grounds.db, ADA, [mapped("main", 11, "ACME"), mapped("second", 11, "Initech")])
    saved = await saving.save(grounds.db, ADA, [mapped("main", 11, "ACME"), mapped("second", 11, "ACME")])
    both = [mapped(name, 11, "Initech", version=saved.version) for name in ("main", "second")]
    await saving.save(grounds.db, ADA, both)
    assert set((await grounds.owners()).values()) == {"Initech"}


async def test_what_is_torn_already(
    grounds: Grounds, main: Connection, acme: Client, initech: Client
) -> None:
    """A site that came to be two organizations' holds up nothing but decisions about itself, until it is settled."""
    theirs = await grounds.console("theirs", organization_id=initech.id)
    await grounds.site(theirs, 11, "Site 11")
    await grounds.db.execute(
        "UPDATE connection SET organization_id = %s WHERE connection_id = %s", [acme.id, main.connection_id]
    )
    with pytest.raises(errors.TwoOrganizationsError):
        await saving.save(grounds.db, ADA, [mapped("main", 11, "ACME")])
    await saving.save(grounds.db, ADA, [mapped("main", 1, "ACME", kind=Kind.ACCOUNT), ignored("main", 21)])
    await saving.save(grounds.db, ADA, [ignored("theirs", 11)])
    await saving.save(grounds.db, ADA, [mapped("main", 11, "ACME")])


async def aliases(grounds: Grounds) -> dict[str, list[str]]:
    return dict(await grounds.hub.rows("SELECT name, aliases FROM organization"))


async def test_a_choice_is_remembered(grounds: Grounds, main: Connection) -> None:
    """The name of what a person maps becomes an alias, unless it says nothing or is somebody's name already."""
    names = {
        41: "Wile E. Coyote Supplies", 42: "wile e coyote SUPPLIES", 43: "Default site", 44: "ACME GmbH",
        45: "Initech Ltd.", 46: None, 47: "Shared name", 48: "Shared name", 49: "Road Runner",
    }  # fmt: skip
    for site_id, name in names.items():
        await grounds.site(main, site_id, name)
    wishes = [mapped("main", site_id, "ACME") for site_id in names if site_id not in (48, 49)]
    wishes += [mapped("main", 48, "Initech"), mapped("main", 49, "Initech")]
    await saving.save(grounds.db, ADA, wishes)
    assert await aliases(grounds) == {"ACME": ["Wile E. Coyote Supplies"], "Initech": ["Road Runner"]}
    remembered = "SELECT scope_id, alias FROM mapping_change WHERE alias IS NOT NULL ORDER BY 1"
    assert await grounds.hub.rows(remembered) == [(41, "Wile E. Coyote Supplies"), (49, "Road Runner")]


async def test_what_is_ignored_teaches_nothing(grounds: Grounds) -> None:
    """Only a mapping gives a name to an organization."""
    await saving.save(grounds.db, ADA, [ignored("main", 11), undecided("main", 12)])
    assert await aliases(grounds) == {"ACME": [], "Initech": []}


async def test_a_connection_that_was_removed(grounds: Grounds, main: Connection) -> None:
    """Nothing can be decided about a removed connection, and what was decided owns nothing any more."""
    await saving.save(grounds.db, ADA, [mapped("main", 11, "ACME")])
    await lifecycle.remove(grounds.db, SERVICE, main)
    assert await grounds.owners() == {}
    with pytest.raises(errors.NoSuchConnectionError):
        await saving.save(grounds.db, ADA, [mapped("main", 12, "ACME")])


async def test_purging_takes_the_decisions_along(grounds: Grounds, main: Connection) -> None:
    """Of a purged connection no decision is left, and no history of one; that there was a save stays."""
    other = await grounds.console("other")
    await grounds.site(other, 11, "Site 11 elsewhere")
    await saving.save(grounds.db, ADA, [mapped("main", 11, "ACME"), ignored("other", 11)])
    await lifecycle.remove(grounds.db, SERVICE, main, purge=True)
    for table in ("mapping", "mapping_change"):
        left = await grounds.hub.rows(f"SELECT DISTINCT connection_id FROM {table}")  # noqa: S608  # a table of ours
        assert left == [(other.connection_id,)]
    assert await grounds.hub.rows("SELECT count(*) FROM mapping_save") == [(1,)]
