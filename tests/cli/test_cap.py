"""`WAYPOST_KEY`: the command line acts as a key, which sees and does no more than the API would let it."""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cyclopts import App

from support import clients as estates
from support import hub as hubs
from support.clients import ACME, GLOBEX, INITECH, NAMES, SHARED, UNKNOWN_KEY, Clients
from support.hub import MASTER_KEY
from support.server import Server
from waypost.access import audit
from waypost.cli import main
from waypost.organizations.mapping import saving

NOBODY = "00000000-0000-4000-8000-000000000000"
CAPPED = {
    "finding list", "finding show", "device list", "device show",
    "software list", "cve list", "site list", "account list", "group list",
    "summary findings", "summary trend", "summary resolution", "summary age", "change list", "connection list",
    "org list",
    "org show", "runs", "key list", "export findings", "export devices", "export software",
}  # fmt: skip
"""Commands that a bound key may run; they show its organization's own."""

NEEDED: dict[str, list[str]] = {
    "org show": [ACME],
    "finding show": [NOBODY],
    "device show": [NOBODY],
    "export findings": ["--format", "csv", "--output", "/dev/null"],
    "export devices": ["--format", "ndjson", "--output", "/dev/null"],
    "export software": ["--format", "ocsf", "--output", "/dev/null"],
}
"""Arguments that such a command must be given: those of Acme."""

CLOSED: dict[str, list[str]] = {
    "connection add": ["x", "--url", "https://x"],
    "connection check": [SHARED],
    "connection show": [SHARED],
    "connection rotate": [SHARED],
    "connection renew": [SHARED],
    "connection rename": [SHARED, "y"],
    "connection default": [SHARED],
    "connection pause": [SHARED],
    "connection resume": [SHARED],
    "connection rhythm": [SHARED],
    "connection health": [],
    "connection remove": [SHARED, "--yes"],
    "connection link": [],
    "connection link list": [],
    "connection link revoke": [NOBODY],
    "demo": [],
    "serve": ["--port", "0"],
    "worker": [],
    "sync": [SHARED],
    "db upgrade": [],
    "key create": ["x", "--scope", "read"],
    "key revoke": ["x"],
    "key rotate-master": [],
    "quarantine list": [],
    "org add": ["x"],
    "org archive": [ACME],
    "org change": [ACME, "--name", "y"],
    "org restore": [ACME],
    "org export": [],
    "org import": ["/dev/null", "--yes"],
    "mapping refresh": [],
    "mapping suggest": [],
    "mapping save": ["--accept", "sure", "--yes"],
    "mapping show": [],
    "mapping drift": [],
    "mapping export": [],
    "mapping import": ["/dev/null", "--yes"],
    "mapping history": [],
    "mapping undo": [NOBODY, "--yes"],
    "webhook add": ["x", "--url", "https://hooks.example.com"],
    "webhook list": [],
    "webhook show": ["x"],
    "webhook ping": ["x"],
    "webhook deliveries": ["x"],
    "webhook replay": ["x", "--since", "2026-11-01"],
    "webhook rotate": ["x"],
    "webhook enable": ["x"],
    "webhook remove": ["x", "--yes"],
}
"""Commands that no bound key may run, with arguments that are good."""


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def items(self) -> list[Any]:
        assert (self.code, self.err) == (0, ""), self
        return list(json.loads(self.out)["items"])

    def refused(self, *words: str) -> None:
        assert (self.code, self.out) == (1, ""), self
        assert all(word in self.err for word in words), self


Waypost = Callable[..., Ended]


@pytest.fixture(scope="module")
def clients(postgres: Server) -> Iterator[Clients]:
    with estates.running(postgres) as made:
        yield made


@pytest.fixture
def waypost(
    clients: Clients, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> Waypost:
    """Runs a command on the clients' database: `waypost(key, "finding", "list")`."""
    settings = {
        "HOME": str(tmp_path), "DATABASE_URL": clients.url, "ALLOWED_HOSTS": "127.0.0.1",
        "MASTER_KEY": base64.b64encode(MASTER_KEY).decode(), "TOKEN": "x" * 80,
    }  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setenv(f"WAYPOST_{name}", value)

    def run(key: str, *arguments: str) -> Ended:
        monkeypatch.setenv("WAYPOST_KEY", key)
        capfd.readouterr()
        code = main.run(arguments)
        out, err = capfd.readouterr()
        return Ended(code, out, err)

    return run


def _commands(app: App = main.app, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Every command that there is, by its words."""
    for name in app:
        if not name.startswith("-"):
            yield from _commands(app[name], (*path, name))
    if path and app.default_command is not None:
        yield " ".join(path)


def test_every_command_is_known_here() -> None:
    """A new command is open to bound keys and capped, or closed to them: whoever adds one says here which."""
    known = CAPPED | CLOSED.keys()
    unknown = {*_commands()} - known
    assert not unknown, f"add to CAPPED, or to CLOSED with arguments that are good: {sorted(unknown)}"
    assert known - {*_commands()} == set()


@pytest.mark.parametrize("command", sorted(CLOSED))
def test_closed_commands(waypost: Waypost, clients: Clients, command: str) -> None:
    """Every command that is not capped refuses a key that is bound to an organization, before it does anything."""
    ended = waypost(clients.keys[ACME], *command.split(), *CLOSED[command])
    ended.refused("Error:")
    assert "bound to one organization" in ended.err or "not for an API key" in ended.err, ended
    assert not [secret for secret in clients.secrets_from(ACME) if secret in ended.err]


@pytest.mark.parametrize("command", sorted(CAPPED | CLOSED.keys()))
def test_keys_that_are_none(waypost: Waypost, clients: Clients, command: str) -> None:
    """With a key that has expired, was revoked, is unknown or no key at all, no command does anything."""
    arguments = [*command.split(), *NEEDED.get(command, CLOSED.get(command, []))]
    for key, word in (
        (clients.keys["expired"], "expired"),
        (clients.keys["revoked"], "revoked"),
        (UNKNOWN_KEY, "no such"),
        ("wp_x", "no API key"),
    ):
        ended = waypost(key, *arguments)
        ended.refused()
        assert word in ended.err or "not for an API key" in ended.err, ended
        assert "WAYPOST_KEY" in ended.err


@pytest.mark.parametrize("command", sorted(CAPPED))
@pytest.mark.parametrize("organization", NAMES)
def test_nothing_of_others(waypost: Waypost, clients: Clients, command: str, organization: str) -> None:
    """What a capped command prints for one organization names nothing of another, and nothing that is nobody's."""
    arguments = [*command.split(), *NEEDED.get(command, [])]
    for more in (["--json"], []):
        ended = waypost(clients.keys[organization], *arguments, *more)
        shown = ended.out + ended.err.replace(repr(ACME), "")  # what was asked for is repeated
        assert not [secret for secret in clients.secrets_from(organization) if secret in shown]
        assert ended.code == (2 if command == "org show" and organization != ACME else _code(command)), ended


def _code(command: str) -> int:
    """Nothing has the id that one thing is asked for by."""
    return 2 if NEEDED.get(command) == [NOBODY] else 0


@pytest.mark.parametrize("command", ["finding", "device"])
def test_one_by_its_id(waypost: Waypost, clients: Clients, command: str) -> None:
    """Each finding and device is shown to its own organization; to another it does not exist."""
    (item,) = waypost(clients.keys[ACME], command, "list", "--json", "--limit", "1").items
    for key in (clients.keys[ACME], clients.keys["everybody"]):
        shown = waypost(key, command, "show", item["id"], "--json")
        assert json.loads(shown.out).items() >= item.items()
        assert json.loads(shown.out)["history"]
        table = waypost(key, command, "show", item["id"])
        assert (table.code, item["id"] in table.out, "history" in table.out) == (0, True, True)
    told = {waypost(clients.keys[GLOBEX], command, "show", one).err for one in (item["id"], NOBODY)}
    assert len(told) == 1
    assert f"There is no {command} with this id" in told.pop()


@pytest.mark.parametrize("organization", NAMES)
def test_the_own_is_there(waypost: Waypost, clients: Clients, organization: str) -> None:
    """A bound key reads all that the consoles have at its sites, and counts that are right."""
    key, sites = clients.keys[organization], clients.of(organization)

    def items(*command: str) -> list[Any]:
        return waypost(
            key, *command, "--json", *(["--limit", "10000"] if command[-1] == "list" else [])
        ).items

    findings = [item for item in items("finding", "list") if item["state"] != "resolved"]
    assert sorted(item["vendor_id"] for item in findings) == sorted(
        finding["id"] for site in sites for finding in site["findings"]
    )
    listed = items("site", "list")
    assert sorted(item["id"] for item in listed) == sorted(site["id"] for site in sites)
    assert {item["organization"]["name"] for item in listed} <= {organization}
    for item in listed:
        site = next(site for site in sites if site["id"] == item["id"])
        assert item["open_findings"] == len(site["findings"])
    agents = {item["agent_id"] for item in items("device", "list")}
    assert agents >= {device["id"] for site in sites for device in site["devices"]}
    assert sum(item["findings"] for item in items("software", "list")) == len(findings)
    changed = {item["subject_id"] for item in items("change", "list")}
    assert changed >= {item["id"] for item in findings}
    assert bool(sites) == bool(findings) == bool(changed) == (organization != INITECH)


def test_lists_of_the_own(waypost: Waypost, clients: Clients) -> None:
    """Connections, runs, organizations and keys of a bound key are its organization's own."""
    globex, acme = clients.keys[GLOBEX], clients.keys[ACME]
    assert [item["name"] for item in waypost(globex, "connection", "list", "--json").items] == [
        "Globex console"
    ]
    assert waypost(acme, "connection", "list", "--json").items == []
    assert {item["connection"] for item in waypost(globex, "runs", "--json").items} == {"Globex console"}
    assert waypost(acme, "runs", "--json").items == []
    told = [waypost(acme, "runs", name).err.replace(name, "…") for name in ("Globex console", "nowhere")]
    assert told[0] == told[1]
    assert [item["name"] for item in waypost(acme, "org", "list", "--json").items] == [ACME]
    names = {item["organization"]["name"] for item in waypost(globex, "key", "list", "--json").items}
    assert names == {GLOBEX}


@pytest.mark.parametrize(
    "command",
    [
        "finding list", "device list", "software list", "cve list", "site list", "group list", "change list",
    ],
)  # fmt: skip
def test_the_option_organization(waypost: Waypost, clients: Clients, command: str) -> None:
    """`--organization` narrows for everybody; a bound key has only its own, and cannot tell others from none."""
    words = [*command.split(), "--json", "--limit", "10000"]
    everybody = clients.keys["everybody"]
    for name in NAMES:
        narrowed = waypost(everybody, *words, "--organization", name).items
        assert waypost(everybody, *words, "--organization", clients.ids[name]).items == narrowed
        own = waypost(clients.keys[name], *words).items
        if command != "change list":  # entries about the mapping are not for clients
            assert narrowed == own
        assert waypost(clients.keys[name], *words, "--organization", name).items == own
    assert waypost(everybody, *words, "--organization", "none").items
    told = {
        waypost(clients.keys[ACME], *words, "--organization", name).err.replace(name, "…")
        for name in (GLOBEX, clients.ids[GLOBEX], "nobody of this name", "none")
    }
    assert len(told) == 1
    assert "There is no organization '…'" in told.pop()


def test_a_key_of_everybody(waypost: Waypost, clients: Clients) -> None:
    """A key that is bound to none reads everything, and does what its scopes allow, as itself."""
    everybody = clients.keys["everybody"]
    shown = waypost(everybody, "site", "list", "--json", "--limit", "1000").items
    assert len(shown) == len(clients.sites)
    assert waypost(everybody, "org", "add", "Made by a key").code == 0
    assert waypost(everybody, "org", "archive", "Made by a key").code == 0
    reader = json.loads(waypost(everybody, "key", "create", "r", "--scope", "read", "--json").out)["key"]
    assert waypost(reader, "site", "list", "--json").items
    waypost(reader, "org", "add", "y").refused("needs a key with the scope manage")
    waypost(reader, "db", "upgrade").refused("not for an API key")
    created = json.loads(waypost(everybody, "key", "create", "m", "--scope", "manage", "--json").out)
    waypost(created["key"], "key", "create", "a", "--scope", "act").refused("cannot give it away")
    estates.apart(lambda: _last_actor(clients, f"{everybody[3:15]} key of everybody"))


async def _last_actor(clients: Clients, actor: str) -> None:
    async with hubs.opened(clients.url) as hub:
        assert (await audit.newest(hub.db, limit=1))[0].actor == actor


def test_rerouted_at_once(waypost: Waypost, clients: Clients) -> None:
    """After a save past findings are the other organization's, and no longer the first one's."""
    site = next(
        site for key, site in clients.sites.items() if clients.owner.get(key) == GLOBEX and key[0] == SHARED
    )
    words = ["finding", "list", "--json", "--limit", "10000", "--site", site["id"]]
    before = waypost(clients.keys[GLOBEX], *words).items
    assert before
    assert waypost(clients.keys[INITECH], *words).items == []
    _save(clients, site["id"], INITECH)
    assert waypost(clients.keys[INITECH], *words).items == before
    assert waypost(clients.keys[GLOBEX], *words).items == []
    _save(clients, site["id"], GLOBEX)


def _save(clients: Clients, site: str, organization: str) -> None:
    async def work() -> None:
        async with hubs.opened(clients.url) as hub:
            ((version,),) = await hub.rows("SELECT save_id FROM mapping WHERE scope_id = %s", int(site))
            await saving.save(hub.db, audit.SERVICE, [clients.wish(site, organization, version)])

    estates.apart(work)
