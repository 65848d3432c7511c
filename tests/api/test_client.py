"""The typed client against the running service: what it reads is what the API tells, with an event loop and without."""

import asyncio
import inspect
import json
import threading
import typing
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self, get_args, get_origin

import msgspec
import pytest

from support import simulator
from support.clients import ACME, GLOBEX, OWN, UNKNOWN_KEY
from support.simulator import Simulator
from waypost import client
from waypost.client import AsyncWaypost, Waypost
from waypost.client.calls import Call, Follow, List
from waypost.client.clients import Operations

Document = dict[str, Any]  # Any: straight from JSON
PARTS = {"limit", "cursor", "fields", "format"}
"""Parameters that the client has another way for: pages, and `rows`."""
COMPOSED = {"download_export", "finished_export"}
"""Methods that do more with an operation than ask for it."""
OTHERWISE = {
    "log": {"after", "wait"},  # `changes`
    "changes": {"changed_since"},  # `log`
    "ask_export": {"format", "filters"},  # `form`, and filters as they are
    "save_mapping": {"items"},  # `decisions`
    "change_organization": {
        "name",
        "parent",
        "external_id",
        "aliases",
        "domains",
        "tags",
    },  # whatever is given
}
"""What methods take by another name."""
NOT_YET = {
    "live", "ready", "metrics", "getProblem",  # for whatever watches the service
    "listRuns", "followSync",  # `runs` and `pull` tell the same
    "changeConnection", "replaceCredential", "getConnectionHealth", "checkUnsaved",
    "importOrganizations", "exportOrganizations", "makeOrganizations",
    "listMappingOrganizations", "listMappingSaves", "getMappingSave", "undoMappingSave", "refreshMapping",
    "listMappingDrift", "keepMapping", "exportMapping", "importMapping",
}  # fmt: skip
"""Operations of people who set a service up, for whom there are the console and the command line."""


class Awaited:
    """An `AsyncWaypost` that is used as a `Waypost` is, so that both are tested by the same tests."""

    def __init__(self, url: str, key: str, **more: Any) -> None:
        self._loop = asyncio.Runner()
        self._client = AsyncWaypost(url, key, **more)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        def called(*arguments: Any, **named: Any) -> Any:
            found = method(*arguments, **named)
            return self._loop.run(found) if inspect.iscoroutine(found) else Gone(found, self._loop)

        return called

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._client.close())
        self._loop.close()


class Gone:
    """A list or a feed that is gone through with `async for`."""

    def __init__(self, found: Any, loop: asyncio.Runner) -> None:
        self._found = found
        self._loop = loop

    @property
    def cursor(self) -> Any:
        return self._found.cursor

    def page(self, *arguments: Any) -> Any:
        return self._loop.run(self._found.page(*arguments))

    def pages(self, *arguments: Any) -> Iterator[Any]:
        return self._each(self._found.pages(*arguments))

    def __iter__(self) -> Iterator[Any]:
        return self._each(aiter(self._found))

    def _each(self, steps: AsyncIterator[Any]) -> Iterator[Any]:
        async def step() -> Any:
            return await anext(steps)

        while True:
            try:
                yield self._loop.run(step())
            except StopAsyncIteration:
                return


@pytest.fixture(params=[Waypost, Awaited], ids=["sync", "async"])
def made(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Makes clients of one kind."""
    kind: Callable[..., Any] = request.param
    return kind


@pytest.fixture
def asked(made: Callable[..., Any], of: Callable[[str], Any]) -> Iterator[Callable[[str], Any]]:
    """A client of one kind with a key of the estates: `asked("Acme")`."""
    opened = []

    def ask(name: str) -> Any:
        api = of(name)
        opened.append(made(api.url, api.key))
        return opened[-1]

    yield ask
    for one in opened:
        with one:
            pass


def plain(found: object) -> Any:
    """As it would be JSON."""
    return json.loads(msgspec.json.encode(found))


LISTS = (
    "findings", "devices", "software", "cves", "sites", "accounts", "groups", "runs", "quarantine",
    "organizations", "mapping", "connections", "webhooks", "exports",
)  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_lists(name: str, asked: Callable[[str], Any], of: Callable[[str], Any]) -> None:
    """Every list, gone through in small pages, has each item exactly as the API tells it, with all its fields."""
    whole = of("everybody").get(f"/api/v1/{name}?limit=1000")
    assert whole["next_cursor"] is None
    listing = getattr(asked("everybody"), name)
    assert plain(list(listing(limit=3))) == whole["items"]
    pages = list(listing(limit=3).pages())
    assert [len(page.items) for page in pages[:-1]] == [3] * (len(pages) - 1)
    if len(pages) > 1:
        second = listing(limit=3).page(pages[0].next_cursor)
        assert plain(second.items) == whole["items"][3:6]
    assert plain(listing(limit=1000).page().items) == whole["items"]


def test_filters(asked: Callable[[str], Any], of: Callable[[str], Any]) -> None:
    """Filters limit as they do in the API; several words are given with commas or as a list."""
    whole = of("everybody").get("/api/v1/findings?limit=1000")["items"]
    waypost = asked("everybody")
    for narrowed, fits in (
        ({"severity": ["critical", "high"]}, lambda item: item["severity"] in ("critical", "high")),
        ({"severity": "critical,low"}, lambda item: item["severity"] in ("critical", "low")),
        ({"connection": OWN}, lambda item: item["connection"] == OWN),
        ({"score_min": 7.5}, lambda item: item["score"] is not None and item["score"] >= 7.5),
        ({"has_fix": True}, lambda item: item["has_fix"] is True),
        ({"has_fix": False}, lambda item: item["has_fix"] is False),
        ({"cve": (whole[0]["cve"], whole[-1]["cve"])}, lambda item: item["cve"] in (whole[0]["cve"], whole[-1]["cve"])),
    ):  # fmt: skip
        found = [finding.id for finding in waypost.findings(**narrowed)]
        assert found == [item["id"] for item in whole if fits(item)], narrowed
    assert {finding.site_id for finding in waypost.findings(organization=ACME)} <= {
        site["id"] for site in of(ACME).get("/api/v1/sites")["items"]
    }


def test_single_things(asked: Callable[[str], Any], of: Callable[[str], Any]) -> None:
    """A finding and a device come with their history, and with what else is asked for."""
    waypost, api = asked("everybody"), of("everybody")
    finding = next(iter(waypost.findings(include=["device", "cve"], limit=1)))
    assert finding.included.device.id == finding.device.id
    assert finding.included.cve.id == finding.cve
    assert plain(waypost.finding(finding.id)) == api.get(f"/api/v1/findings/{finding.id}")
    with_vendor = waypost.device(finding.device.id, include="vendor")
    assert plain(with_vendor) == api.get(f"/api/v1/devices/{finding.device.id}?include=vendor")
    assert with_vendor.history


def test_counts_and_plain_rows(asked: Callable[[str], Any], of: Callable[[str], Any]) -> None:
    """A list tells on demand how many there are; chosen fields and OCSF come as plain rows."""
    waypost, api = asked("everybody"), of("everybody")
    whole = api.get("/api/v1/findings?limit=1000")["items"]
    total = waypost.findings(count=True, limit=1).page().total
    assert (total.count, total.exact) == (len(whole), True)
    chosen = list(waypost.rows("findings", fields=["id", "cve"], limit=7))
    assert chosen == [{"id": item["id"], "cve": item["cve"]} for item in whole]
    documents = list(waypost.rows("devices", format="ocsf", limit=7))
    assert {document["class_uid"] for document in documents} == {5001}
    assert len(documents) == len(list(waypost.devices()))


@pytest.mark.parametrize(
    ("name", "path", "given"),
    [
        ("summary", "summary/findings?by=cve&severity=critical", {"by": "cve", "severity": "critical"}),
        ("summary", "summary/findings", {}),
        ("trend", "summary/findings/trend?days=7", {"days": 7}),
        ("resolution", "summary/findings/resolution?days=30", {"days": 30}),
        ("age", "summary/findings/age", {}),
    ],
)
def test_summaries(
    name: str, path: str, given: Document, asked: Callable[[str], Any], of: Callable[[str], Any]
) -> None:
    """Summaries are those of the API."""
    told = plain(getattr(asked("everybody"), name)(**given))
    expected = of("everybody").get(f"/api/v1/{path}")
    moving = {"as_of", "mean_days"}  # they move with the clock
    assert told.keys() == expected.keys()
    assert {part: told[part] for part in told.keys() - moving} == {
        part: expected[part] for part in expected.keys() - moving
    }


def test_changes(asked: Callable[[str], Any], of: Callable[[str], Any]) -> None:
    """The feed gives every entry once, in order; who goes on from the stored cursor gets what he has not finished."""
    waypost = asked("everybody")
    logged = [item["id"] for item in of("everybody").get("/api/v1/changes?limit=1000")["items"]]
    feed = waypost.changes(limit=7)
    whole = [entry.id for entry in feed]
    assert len(set(whole)) == len(whole)
    assert set(logged) <= set(whole)
    assert list(waypost.changes(after=feed.cursor)) == []

    broken = waypost.changes(limit=7)
    windows = broken.pages()
    first, second = next(windows), next(windows)
    assert broken.cursor == first.next_cursor
    again = [entry.id for entry in waypost.changes(after=broken.cursor, limit=7)]
    assert [entry.id for entry in first.items] + again == whole
    assert again[: len(second.items)] == [entry.id for entry in second.items]


def test_narrowed(asked: Callable[[str], Any], of: Callable[[str], Any]) -> None:
    """A bound key reads its own organization, and is told of anything else that it is not there."""
    foreign = next(iter(asked("everybody").findings(organization=GLOBEX)))
    bound = asked(ACME)
    assert plain(list(bound.findings())) == of(ACME).get("/api/v1/findings?limit=1000")["items"]
    with pytest.raises(client.NotFoundError) as refused:
        bound.finding(foreign.id)
    assert (refused.value.status, refused.value.code) == (404, "request.not_found")
    with pytest.raises(client.RefusedError):
        list(bound.quarantine())


def test_refusals(asked: Callable[[str], Any], made: Callable[..., Any], of: Callable[[str], Any]) -> None:
    """A refusal says what the problem document says, and which field is meant."""
    with pytest.raises(client.InvalidError) as refused:
        list(asked("everybody").findings(severity="critcal"))
    error = refused.value
    problem = of("everybody")("GET", "/api/v1/findings?severity=critcal").document
    assert (error.status, error.code, error.owner) == tuple(
        problem[part] for part in ("status", "code", "owner")
    )
    assert [fault.field for fault in error.errors] == ["severity"]
    assert error.detail in str(error)
    assert error.remedy in str(error)
    assert error.request_id
    with (
        made(of("everybody").url, UNKNOWN_KEY, retries=client.Retries(tries=1)) as stranger,
        pytest.raises((client.RefusedError, client.LimitedError)) as turned_away,
    ):
        stranger.findings().page()
    assert UNKNOWN_KEY not in repr(turned_away.value.__dict__) + str(turned_away.value)


def test_organizations(made: Callable[..., Any], service: Any) -> None:
    """Organizations are added, changed, archived and restored; a taken name is a conflict or refused by field."""
    with made(service.url, service.key) as waypost:
        name = f"Client of {made.__name__}"
        added = waypost.add_organization(name, tags="gold,north", external_id=f"X-{made.__name__}")
        assert (added.name, added.tags) == (name, ["gold", "north"])
        assert plain(waypost.organization(added.id)) == service.get(f"/api/v1/organizations/{added.id}")
        changed = waypost.change_organization(added.id, external_id=None, aliases=["AKA"])
        assert (changed.external_id, changed.aliases, changed.tags) == (None, ["AKA"], ["gold", "north"])
        assert waypost.archive_organization(added.id).archived_at
        assert [one.id for one in waypost.organizations(archived=True, search=name)] == [added.id]
        assert waypost.restore_organization(added.id).archived_at is None


def test_webhooks(made: Callable[..., Any], service: Any) -> None:
    """Webhooks are added, changed, rotated and removed; secrets show in no repr."""
    with made(service.url, service.key) as waypost:
        added = waypost.add_webhook(
            f"hook of {made.__name__}", "http://127.0.0.1:9/nobody", kinds="finding_opened,device_added"
        )
        assert added.secret.startswith("whsec_")
        assert added.secret not in repr(added)
        assert added.webhook.kinds == ["finding_opened", "device_added"]
        webhook_id = added.webhook.id
        assert plain(waypost.webhook(webhook_id))["name"] == f"hook of {made.__name__}"
        assert waypost.change_webhook(webhook_id, most=7, kinds=[]).most == 7
        rotated = waypost.rotate_webhook_secret(webhook_id, overlap_hours=1)
        assert rotated.secret != added.secret
        assert rotated.secret not in repr(rotated)
        assert rotated.old_ends_at is not None
        ping = waypost.ping_webhook(webhook_id)
        assert not ping.accepted
        assert ping.error
        sent = waypost.deliveries(webhook_id, state="failed").page().items
        assert [one.id for one in sent] == [ping.id]
        assert '"ping"' in waypost.delivery(webhook_id, ping.id).body
        waypost.remove_webhook(webhook_id)
        with pytest.raises(client.NotFoundError):
            waypost.webhook(webhook_id)


@pytest.fixture(scope="module")
def own_console() -> Iterator[Simulator]:
    """A console that no other test connects."""
    with simulator.running(simulator.arguments(accounts=1, sites=2, agents=6, risks_per_agent=5)) as running:
        yield running


def followed(made: Callable[..., Any], service: Any, cursor: str) -> Any:
    """The next entry of the feed, waited for."""
    with made(service.url, service.key) as waypost:
        feed = waypost.changes(after=cursor, kind="connection_added", follow=True, wait=20)
        return next(iter(feed))


def test_connections_syncs_mapping_exports(
    made: Callable[..., Any], service: Any, own_console: Simulator, tmp_path: Path
) -> None:
    """A console is connected, pulled, mapped and exported by the client alone; who follows the feed is told."""
    with ThreadPoolExecutor(1) as pool, made(service.url, service.key) as waypost:
        name = f"console of {made.__name__}"
        place = waypost.changes(after=client.NOW, kind="connection_added")
        assert list(place) == []
        following = pool.submit(followed, made, service, place.cursor)
        added = waypost.add_connection(name, own_console.url, own_console.token)
        told = following.result(40)
        assert (told.kind, told.subject_id) == ("connection_added", str(added.connection.id))
        assert added.check.state in ("pass", "warn")
        assert waypost.check_connection(added.connection.id).results
        assert waypost.pause_connection(added.connection.id).state == "paused"
        assert waypost.resume_connection(added.connection.id).state in ("pending", "active")
        pull = waypost.pull(waypost.sync(added.connection.id, full=True).pull_id)
        while pull.state in ("queued", "running"):
            pull = waypost.pull(pull.pull_id)
        assert pull.state == "done", pull
        assert [one.name for one in waypost.connections() if one.name == name] == [name]

        suggestion = next(iter(waypost.suggestions(connection=name, kind="site", limit=1)))
        organization = waypost.add_organization(f"Mapped by {made.__name__}")
        decision = client.NewDecision(
            connection=name, kind="site", id=suggestion.id, decision="mapped",
            organization=str(organization.id), version=suggestion.version,
        )  # fmt: skip
        assert waypost.save_mapping([decision], dry_run=True).id is None
        assert waypost.save_mapping([decision]).items[0].after.decision == "mapped"
        with pytest.raises(client.ConflictError):
            waypost.save_mapping([msgspec.structs.replace(decision, decision="undecided", organization=None)])

        file = tmp_path / "findings.ndjson"
        exported = waypost.export_to(file, "findings", connection=name, state="open", severity=["critical"])
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        assert len(lines) == exported.rows
        assert {line["id"] for line in lines} == {
            finding.id for finding in waypost.findings(connection=name, state="open", severity="critical")
        }
        assert [path.name for path in tmp_path.iterdir()] == ["findings.ndjson"]
        waypost.delete_export(exported.id)
        waypost.remove_connection(added.connection.id, purge=True)


def test_keys_links_and_the_audit_log(made: Callable[..., Any], service: Any) -> None:
    """A key for one organization, a link for its customer, both ended again, and who did it."""
    with made(service.url, service.key) as waypost:
        organization = waypost.add_organization(f"Invited by {made.__name__}")
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        new = waypost.add_key("portal", ["read", "manage"], organization=organization.id, expires_at=tomorrow)
        assert (new.key.scopes, new.key.organization.name) == (["read", "manage"], organization.name)
        assert new.key.expires_at == tomorrow
        assert new.text not in repr(new)
        with made(service.url, new.text) as bound:
            link = bound.add_connect_link(lifetime="2h")
            assert link.link.organization.id == organization.id
            assert link.url not in repr(link)
            assert "/connect/" in link.url
            bound.revoke_connect_link(link.link.id)
            assert [(one.id, one.state) for one in bound.connect_links()] == [(link.link.id, "revoked")]
            of_organization = bound.keys()
            assert [one.id for one in of_organization] == [new.key.id]
        waypost.revoke_key(new.key.id)
        with made(service.url, new.text) as bound, pytest.raises(client.RefusedError):
            bound.findings().page()
        entries = list(waypost.audit(subject_id=new.key.id))
        assert [entry.action for entry in entries] == ["key.revoked", "key.created"]
        assert [entry.id for entry in waypost.audit(action="key.revoked", limit=1).page().items] == [
            entries[0].id
        ]


@contextmanager
def collected() -> Iterator[None]:
    """No thread of a client is left when this ends."""
    yield
    names = [thread.name for thread in threading.enumerate()]
    assert "waypost-client" not in names


def test_threads_share_a_client(of: Callable[[str], Any]) -> None:
    """Many threads go through lists of one client at once; closed, it answers nobody and leaves no thread."""
    api = of("everybody")
    expected = [item["id"] for item in api.get("/api/v1/findings?limit=1000")["items"]]
    found: list[list[str]] = []
    with collected(), Waypost(api.url, api.key) as waypost:
        threads = [
            threading.Thread(target=lambda: found.append([one.id for one in waypost.findings(limit=9)]))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [expected] * 8
    with pytest.raises(client.ClosedError):
        waypost.findings().page()


def test_a_forgotten_client_ends(of: Callable[[str], Any]) -> None:
    """A client that nobody refers to any more ends by itself; a list of it keeps it alive as long as needed."""
    api = of("everybody")
    with collected():
        listing = Waypost(api.url, api.key).findings(limit=5)
        assert len(list(listing)) == len(api.get("/api/v1/findings?limit=1000")["items"])
        del listing


def operations() -> Iterator[tuple[str, Any]]:
    for name, one in vars(Operations).items():
        if isinstance(one, Call | List | Follow):
            yield name, one


def test_every_operation(description: Document) -> None:
    """Each operation of the API has its methods, or is named among those that have none."""
    known = {
        operation["operationId"]
        for item in description["paths"].values()
        for operation in item.values()
        if isinstance(operation, dict) and "operationId" in operation
    }
    covered = {name for _, one in operations() for name in one.names}
    assert covered <= known
    assert known - covered == NOT_YET


SINGLE = [(name, one) for name, one in operations() if len(one.names) == 1 and name not in COMPOSED]
READS = [(name, one) for name, one in SINGLE if not isinstance(one, Follow)]


def described(name: str, description: Document) -> tuple[str, Document]:
    """The method and the description of an operation."""
    return next(
        (method, operation)
        for item in description["paths"].values()
        for method, operation in item.items()
        if isinstance(operation, dict) and operation.get("operationId") == name
    )


@pytest.mark.parametrize(("name", "one"), SINGLE, ids=[name for name, _ in SINGLE])
def test_what_methods_take(name: str, one: Any, description: Document) -> None:
    """A method takes every parameter of its operation, or every field of its body."""
    method, operation = described(one.names[0], description)
    wanted = {
        parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "query"
    }
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]["application/json"]["schema"]
        wanted |= set(resolved(content, description)["properties"])
    missing = wanted - set(parameters(one.operation)) - PARTS - OTHERWISE.get(name, set())
    assert not missing, f"{method} {name}"


@pytest.mark.parametrize(("name", "one"), READS, ids=[name for name, _ in READS])
def test_what_methods_answer(name: str, one: Any, description: Document) -> None:
    """An answer has exactly the fields that the API's description says, all the way down."""
    kind = answer(one.operation)
    if kind is type(None):
        return
    _, operation = described(one.names[0], description)
    good = next(told for status, told in operation["responses"].items() if status.startswith("2"))
    same(kind, good["content"]["application/json"]["schema"], description, name)


def parameters(operation: Callable[..., Any]) -> Iterator[str]:
    """What an operation takes, filters among it."""
    hints = typing.get_type_hints(operation)
    for name, parameter in inspect.signature(operation).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD and get_origin(hints[name]) is typing.Unpack:
            yield from typing.get_type_hints(get_args(hints[name])[0])
        else:
            yield name


def answer(operation: Callable[..., Any]) -> Any:
    """What an operation answers; of a list, an item."""
    told = typing.get_type_hints(operation)["return"]
    return told if get_origin(told) is None or told is type(None) else get_args(told)[0]


def resolved(schema: Document, description: Document) -> Document:
    while "$ref" in schema:
        schema = description["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def same(kind: Any, schema: Document, description: Document, where: str) -> None:
    """A struct has exactly the fields of a schema, and so on within."""
    schema = resolved(schema, description)
    choices = [resolved(one, description) for part in ("oneOf", "anyOf") for one in schema.get(part, ())]
    for choice in choices:
        if choice.get("type") != "null":
            schema = choice
    if get_origin(kind) in (list, tuple):
        return same(get_args(kind)[0], schema["items"], description, f"{where}[]")
    structs = [
        one for one in (kind, *get_args(kind)) if inspect.isclass(one) and issubclass(one, msgspec.Struct)
    ]
    if not structs:
        lists = [one for one in get_args(kind) if get_origin(one) is list]
        if lists and "items" in schema:
            same(get_args(lists[0])[0], schema["items"], description, f"{where}[]")
        return None
    told = schema.get("properties", {})
    if "items" in told and "next_cursor" in told and "items" not in structs[0].__struct_fields__:
        return same(structs[0], told["items"]["items"], description, where)
    assert set(structs[0].__struct_fields__) == set(told), where
    for field in msgspec.structs.fields(structs[0]):
        same(field.type, told[field.name], description, f"{where}.{field.name}")
    return None
