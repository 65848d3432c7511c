"""Whatever is decided in whatever order: whose a site is follows by the rules, and no site is ever two organizations'.

The reference below knows nothing of the database, of versions as numbers or of how decisions are stored.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support import hub as hubs
from support.estates import Client, Grounds
from waypost import errors
from waypost.access.audit import SERVICE
from waypost.organizations.mapping import estate as estates
from waypost.organizations.mapping import saving, undoing, view
from waypost.organizations.mapping.decisions import Decided, Kind, Saved, Wish

CLIENTS = ("ACME", "Initech", "Umbrella")
ADDRESSES = ("https://usea1-one.sentinelone.net", "https://usea1-two.sentinelone.net")
ACCOUNTS, SITES = (1, 2), (11, 12, 13)

Key = tuple[str, Kind, int]
Held = tuple[Decided, str | None]
OPEN: Held = (Decided.UNDECIDED, None)

CONSOLES = st.lists(
    st.fixed_dictionaries(
        {
            "address": st.sampled_from(ADDRESSES),
            "client": st.sampled_from((None, None, *CLIENTS)),
            "sites": st.dictionaries(st.sampled_from(SITES), st.sampled_from((None, *ACCOUNTS)), min_size=1),
        }
    ),
    min_size=1,
    max_size=3,
)
DECISIONS = st.one_of(
    st.tuples(st.just(Decided.MAPPED), st.sampled_from(CLIENTS)),
    st.just((Decided.IGNORED, None)),
    st.just(OPEN),
)
WISHES = st.fixed_dictionaries(
    {
        "scope": st.integers(0, 1000),
        "held": DECISIONS,
        "sees": st.sampled_from(("now", "now", "now", "none", "then")),
    }
)
STEPS = st.lists(
    st.one_of(st.lists(WISHES, min_size=1, max_size=4), st.integers(0, 1000)), min_size=1, max_size=8
)


class Reference:
    """The rules, in as few words as they can be put."""

    def __init__(self, consoles: list[dict[str, Any]]) -> None:
        self.consoles = {f"console {number}": console for number, console in enumerate(consoles)}
        self.decided: dict[Key, Held] = {}
        self.keys: list[Key] = [
            (name, kind, scope_id)
            for name, console in self.consoles.items()
            for kind, ids in ((Kind.ACCOUNT, ACCOUNTS), (Kind.SITE, console["sites"]))
            for scope_id in ids
        ]

    def holds(self, name: str, site_id: int, decided: dict[Key, Held] | None = None) -> Held:
        decided = self.decided if decided is None else decided
        console = self.consoles[name]
        levels = [decided.get((name, Kind.SITE, site_id), OPEN)]
        levels.append(decided.get((name, Kind.ACCOUNT, console["sites"][site_id]), OPEN))
        levels.append((Decided.MAPPED, console["client"]) if console["client"] else OPEN)
        return next((level for level in levels if level != OPEN), OPEN)

    def owners(self, decided: dict[Key, Held] | None = None) -> dict[tuple[str, int], str]:
        every = {
            (name, site_id): self.holds(name, site_id, decided)[1]
            for name, console in self.consoles.items()
            for site_id in console["sites"]
        }
        return {place: owner for place, owner in every.items() if owner}

    def torn(self, decided: dict[Key, Held], changed: set[Key]) -> bool:
        """Whether a site that the changes concern would be two organizations'."""
        owners = self.owners(decided)
        for (name, site_id), owner in owners.items():
            moved = self.owners().get((name, site_id)) != owner
            account = self.consoles[name]["sites"][site_id]
            if (name, Kind.SITE, site_id) in changed or (moved and (name, Kind.ACCOUNT, account) in changed):
                address = self.consoles[name]["address"]
                through = {
                    other
                    for (twin, twin_id), other in owners.items()
                    if twin_id == site_id and self.consoles[twin]["address"] == address
                }
                if through != {owner}:
                    return True
        return False


class Play:
    """Carries out steps on both sides, and holds them against each other after each."""

    def __init__(self, grounds: Grounds, reference: Reference, clients: dict[str, Client]) -> None:
        self.grounds = grounds
        self.reference = reference
        self.clients = clients
        self.versions: dict[Key, int] = {}
        self.numbers: dict[UUID, int] = {}
        self.saves: list[tuple[UUID, dict[Key, Held], list[Any]]] = []
        self.undone: set[UUID] = set()

    async def save(self, wishes: list[dict[str, Any]]) -> None:
        keys = self.reference.keys
        wanted = {keys[wish["scope"] % len(keys)]: (wish["held"], wish["sees"]) for wish in wishes}
        before = await self.everything()
        expected = self._expected(wanted)
        try:
            saved = await saving.save(
                self.grounds.db, SERVICE, [self._wish(key, *wish) for key, wish in wanted.items()]
            )
        except (errors.OutdatedMappingError, errors.TwoOrganizationsError) as refusal:
            refused: type[Exception] | None = type(refusal)
        else:
            refused = None
        assert refused is expected
        if refused is not None:
            assert await self.everything() == before
            return
        after = {key: held for key, (held, _) in wanted.items() if self.held(key) != held}
        self._remember(saved, after, before)

    async def undo(self, number: int) -> None:
        if not self.saves:
            return
        save, former, then = self.saves[number % len(self.saves)]
        before = await self.everything()
        try:
            undone = await undoing.undo(self.grounds.db, SERVICE, save)
        except (errors.UndoError, errors.TwoOrganizationsError):
            assert await self.everything() == before
            overtaken = any(self.versions[key] != self.numbers[save] for key in former)
            decided = self.reference.decided | former
            assert save in self.undone or overtaken or self.reference.torn(decided, set(former))
            return
        assert save not in self.undone
        self.undone.add(save)
        latest = self.numbers[save] == max(self.versions.values())
        self._remember(undone, former, before)
        if latest:  # nothing came after it: everything is as it was before it
            assert await self.everything() == then

    async def check(self) -> None:
        """Both sides say the same, in every way in which it can be asked."""
        owners = await self.grounds.owners()
        assert owners == self.reference.owners()
        estate = await estates.load(self.grounds.db)
        names = {client.id: client.name for client in self.clients.values()}
        held = {
            (estate.console(site).name, site.scope_id): (
                ruling.decision,
                names.get(ruling.organization_id or 0),
            )
            for site in estate.sites
            for ruling in (estate.effective(site),)
        }
        assert held == {place: self.reference.holds(*place) for place in held}
        shown = await view.scopes(self.grounds.db, kind=Kind.SITE, limit=None)
        assert held == {
            (item.connection, int(item.id)): (
                item.effective.decision,
                item.effective.organization.name if item.effective.organization else None,
            )
            for item in shown
        }

    def held(self, key: Key) -> Held:
        return self.reference.decided.get(key, OPEN)

    async def everything(self) -> list[Any]:
        decided = "SELECT connection_id, kind, scope_id, decision, organization_id FROM mapping"
        return [
            await self.grounds.hub.rows(f"{decided} WHERE decision <> 'undecided' ORDER BY 1, 2, 3"),
            # Further names have no order of their own.
            await self.grounds.hub.rows(
                "SELECT name, ARRAY(SELECT unnest(aliases) ORDER BY 1) FROM organization ORDER BY 1"
            ),
        ]

    def _expected(self, wanted: dict[Key, tuple[Held, str]]) -> type[Exception] | None:
        """The error that is to be expected."""
        changes = {key: held for key, (held, _) in wanted.items() if self.held(key) != held}
        for key in changes:
            sees = wanted[key][1]
            known = {"now": True, "none": self.held(key) == OPEN, "then": False}
            if not known[sees]:
                return errors.OutdatedMappingError
        decided = self.reference.decided | changes
        return errors.TwoOrganizationsError if self.reference.torn(decided, set(changes)) else None

    def _wish(self, key: Key, held: Held, sees: str) -> Wish:
        name, kind, scope_id = key
        now = self.versions.get(key, 0)
        return Wish(
            connection=name,
            kind=kind,
            id=str(scope_id),
            decision=held[0],
            organization=held[1],
            reason="why" if held[0] is Decided.IGNORED else None,
            version={"now": now, "none": None, "then": now + 1_000}[sees],
        )

    def _remember(self, saved: Saved, changes: dict[Key, Held], before: list[Any]) -> None:
        former = {key: self.held(key) for key in changes}
        self.reference.decided |= changes
        self.versions |= dict.fromkeys(changes, saved.version)
        if saved.id is None:
            assert changes == {}
        else:
            self.numbers[saved.id] = saved.version
            self.saves.append((saved.id, former, before))


async def play(url: str, consoles: list[dict[str, Any]], steps: list[Any]) -> None:
    async with hubs.opened(url) as hub:
        grounds, reference = Grounds(hub), Reference(consoles)
        clients = {name: await grounds.client(name) for name in CLIENTS}
        for name, console in reference.consoles.items():
            owner = clients[console["client"]].id if console["client"] else None
            connection = await grounds.console(name, origin=console["address"], organization_id=owner)
            for account_id in ACCOUNTS:
                await grounds.account(connection, account_id, f"account {account_id} of {name}")
            for site_id, account_id in console["sites"].items():
                await grounds.site(connection, site_id, f"Place {site_id}", account_id)
        played = Play(grounds, reference, clients)
        for step in steps:
            await (played.save(step) if isinstance(step, list) else played.undo(step))
            await played.check()


def alone(coroutine: Coroutine[Any, Any, None]) -> None:
    """In a loop of its own, since one example follows another within one test."""
    asyncio.run(coroutine)


@pytest.mark.timeout(600)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(CONSOLES, STEPS)
def test_whatever_is_decided(database_url: str, consoles: list[dict[str, Any]], steps: list[Any]) -> None:
    """Owners follow by the rules after every save and undo; a refused one changes nothing; an undo restores it all."""
    with psycopg.connect(database_url, autocommit=True, options="-c search_path=waypost") as db:
        db.execute(
            "TRUNCATE connection, organization, mapping, mapping_save, site, account, change, audit CASCADE"
        )
    alone(play(database_url, consoles, steps))
