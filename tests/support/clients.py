"""Clients of one provider on two consoles, decided about in every way, and a key of each.

On the shared console Acme has a site by a decision of its own and others through their account, Globex a site of
that account by a decision of its own; one site is ignored and one undecided. Another console was connected for Globex.
Initech has nothing.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from support import hub as hubs
from support import simulator
from support.hub import Hub
from support.server import Server
from support.simulator import Document, Simulator
from waypost.access import audit, keys
from waypost.access.keys import Scope
from waypost.organizations import registry as organizations
from waypost.organizations.mapping import saving
from waypost.organizations.mapping.decisions import Decided, Kind, Wish

T = TypeVar("T")
SHARED, OWN = "shared console", "Globex console"
ACME, GLOBEX, INITECH = "Acme", "Globex", "Initech"
NAMES = (ACME, GLOBEX, INITECH)
UNKNOWN_KEY = "wp_" + "A" * 12 + "_" + "b" * 43


def apart(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run something to its end, whether or not the test has an event loop of its own."""
    found: list[T] = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(work())))
    thread.start()
    thread.join()
    return found[0]


class Clients:
    """The database of these clients, what the consoles know to be theirs, and their keys.

    Attributes:
        keys: Texts of keys: by organization those that read and manage; and `everybody`, `expired`, `revoked`.
        owner: Whose a site is, by connection and the console's id of it; sites of nobody are missing.
        sites: What stands at each site, as the consoles tell it.
    """

    def __init__(self, url: str, consoles: dict[str, Simulator]) -> None:
        self.url = url
        self.consoles = consoles
        self.keys: dict[str, str] = {}
        self.owner: dict[tuple[str, str], str] = {}
        self.sites: dict[tuple[str, str], Document] = {}
        self.ids: dict[str, str] = {}
        for connection, console in consoles.items():
            self._take(connection, console.truth())

    def _take(self, connection: str, truth: Document) -> None:
        for site in truth["sites"]:
            self.sites[connection, site["id"]] = site | {"devices": [], "findings": [], "cves": set()}
        for device in truth["devices"]:
            self.sites[connection, device["siteId"]]["devices"].append(device)
        for finding in truth["findings"]:
            self.sites[connection, finding["siteId"]]["findings"].append(finding)
        for finding in truth["findings"] + truth["removed"]:
            if finding["siteId"]:
                self.sites[connection, finding["siteId"]]["cves"].add(finding["cve"])

    def of(self, organization: str | None) -> list[Document]:
        """The sites of an organization, or of nobody, with what stands there."""
        return [site for key, site in self.sites.items() if self.owner.get(key) == organization]

    def secrets_from(self, organization: str) -> list[str]:
        """What nobody of this organization may ever read: names and ids of all that is not its own."""
        own = _texts(self.of(organization))
        others = _texts(site for key, site in self.sites.items() if self.owner.get(key) != organization)
        ids = [text for name, text in self.ids.items() if name not in (organization, SHARED)]
        names = {*NAMES, OWN} - {organization}
        if organization == GLOBEX:  # it is their own
            names, ids = names - {OWN}, [one for one in ids if one != self.ids[OWN]]
        return sorted((others - own) | names | {*ids})

    async def fill(self) -> None:
        async with hubs.opened(self.url) as hub:
            for name in NAMES:
                added = await organizations.add(hub.db, audit.SERVICE, name)
                self.ids[name] = str(added.organization_uuid)
            for connection, console in self.consoles.items():
                added_connection = await hub.add(console.url, console.token, connection)
                self.ids[connection] = str(added_connection.connection_uuid)
                await hub.pull(added_connection)
            await hub.db.execute(
                "UPDATE connection SET organization_id = (SELECT organization_id FROM organization WHERE name = %s)"
                " WHERE name = %s",
                [GLOBEX, OWN],
            )
            await self._decide(hub)
            await self._make_keys(hub)

    async def _decide(self, hub: Hub) -> None:
        by_account: dict[str, list[str]] = {}
        for (connection, site_id), site in self.sites.items():
            if connection == SHARED:
                by_account.setdefault(site["accountId"], []).append(site_id)
        full = {
            account: [site for site in sites if self.sites[SHARED, site]["findings"]]
            for account, sites in by_account.items()
        }
        single, whole = sorted(full, key=lambda account: len(full[account]), reverse=True)
        acme, ignored, _undecided = full[single][:3]
        globex, _through_the_account = full[whole][:2]
        await saving.save(
            hub.db,
            audit.SERVICE,
            [
                self.wish(acme, ACME),
                self.wish(globex, GLOBEX),
                Wish(SHARED, Kind.SITE, Decided.IGNORED, id=ignored, reason="ours"),
                Wish(SHARED, Kind.ACCOUNT, Decided.MAPPED, id=whole, organization=ACME),
            ],
        )
        self.owner = {(SHARED, site): ACME for site in [acme, *by_account[whole]]}
        self.owner[SHARED, globex] = GLOBEX
        self.owner |= {key: GLOBEX for key in self.sites if key[0] == OWN}

    @staticmethod
    def wish(site: str, organization: str, version: int | None = None) -> Wish:
        return Wish(SHARED, Kind.SITE, Decided.MAPPED, id=site, organization=organization, version=version)

    async def _make_keys(self, hub: Hub) -> None:
        both = [Scope.READ, Scope.MANAGE]
        for name in (*NAMES, "everybody", "expired", "revoked"):
            bound = await organizations.get(hub.db, name if name in NAMES else ACME)
            key, text = await keys.create(
                hub.db,
                audit.SERVICE,
                name=f"key of {name}",
                scopes=both,
                organization_id=None if name == "everybody" else bound.organization_id,
            )
            self.keys[name] = text
            if name == "expired":
                await hub.db.execute(
                    "UPDATE api_key SET expires_at = now() - interval '1 second' WHERE key_id = %s", [key.id]
                )
            if name == "revoked":
                await keys.revoke(hub.db, audit.SERVICE, key.id)


def _texts(sites: Any) -> set[str]:
    """Ids and names that stand for one site alone, or for what is at it."""
    found: set[str] = set()
    for site in sites:
        found |= {site["id"], site["name"], *site["cves"]}
        found |= {device[part] for device in site["devices"] for part in ("id", "name", "uuid")}
        found |= {finding["id"] for finding in site["findings"]}
    return found


@contextmanager
def running(postgres: Server) -> Iterator[Clients]:
    """Two consoles and a database, pulled and decided about."""
    with (
        postgres.fresh() as url,
        simulator.running(
            simulator.arguments(accounts=2, sites=8, agents=30, risks_per_agent=4, seed=5)
        ) as shared,
        simulator.running(
            simulator.arguments(accounts=1, sites=2, agents=8, risks_per_agent=4, seed=9)
        ) as own,
    ):
        clients = Clients(url, {SHARED: shared, OWN: own})
        apart(clients.fill)
        yield clients
