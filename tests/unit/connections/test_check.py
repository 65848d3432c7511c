"""The check against the simulated console: every kind of token, every kind of fault, and what it may cost."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support import simulator
from support.simulator import Simulator
from waypost import telemetry
from waypost.connections import check
from waypost.connections.examination import questions, result
from waypost.connections.examination.questions import Patience
from waypost.connections.probe import Identity
from waypost.sentinelone.address import Allowed
from waypost.sentinelone.limits import Limiter

ALLOWED = Allowed.parse("127.0.0.1")
HASTY = Patience(connect=5.0, read=3.0, call=6.0, whole=40.0, again=0.01, asked=0.5)
STREAMS = ("accounts", "sites", "groups", "agents", "risks", "software", "threats", "alerts", "activities")


@pytest.fixture(scope="module")
def console() -> Iterator[Simulator]:
    """A console that nobody changes for good."""
    telemetry.configure("warning")
    with simulator.running(
        simulator.arguments(accounts=3, sites=20, agents=60, risks_per_agent=10)
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def _healed(console: Simulator) -> Iterator[None]:
    yield
    console.heal()


async def examine(console: Simulator, token: str = "", **options: Any) -> check.Report:
    options.setdefault("limiter", Limiter.unlimited())
    options.setdefault("patience", HASTY)
    return await check.examine(console.url, token or console.token, ALLOWED, **options)


def line(report: check.Report, name: str) -> check.Result:
    (found,) = [each for each in report.results if each.name == name]
    return found


def states(report: check.Report) -> dict[str, str]:
    return {each.name: each.state for each in report.results}


async def test_a_good_token(console: Simulator) -> None:
    """A viewer of the tenant passes everywhere but where sites lack Vulnerability Management; counts are true."""
    report = await examine(console)
    truth = console.truth()
    off = {name for name, state in states(report).items() if state != "pass"}
    assert off <= {"vulnerability_management.licence", "vulnerability_management.scanning"}
    assert report.refused == []
    reach = line(report, "scope.reach").details
    assert (reach["accounts"], reach["agents"]) == (3, 60)
    assert reach["sites"] == len(truth["sites"])
    assert (
        line(report, "stream.risks").details["total"] == line(report, "estimate.first_pull").details["risks"]
    )
    assert report.identity.kind == "service_user"
    assert report.identity.expires_at is not None
    assert report.identity.key(console.url) == f"{console.url} user {report.identity.user_id}"


async def test_lines_come_in_order(console: Simulator) -> None:
    """Each line is told once, as it comes, in the order of the table of lines; the report holds the same."""
    told: list[check.Result] = []
    report = await examine(console, listen=told.append, before=Identity(scope="tenant"))
    assert told == report.results
    assert [each.name for each in told] == list(result.TITLES)
    assert {each.group for each in told} == set(result.GROUPS)


async def test_a_listener_that_breaks(console: Simulator) -> None:
    """A listener that raises is left out, and the check goes on."""

    def gone(_: check.Result) -> None:
        raise BrokenPipeError

    assert (await examine(console, listen=gone)).results[-1].name == "estimate.first_pull"


@pytest.mark.parametrize(
    ("holder", "expected"),
    [
        ("Tenant viewer", {"token.holder": "pass", "privilege.role": "pass", "privilege.enough": "pass"}),
        ("Tenant admin", {"token.holder": "warn", "privilege.role": "warn", "privilege.enough": "pass"}),
        ("Admin service user", {"token.holder": "pass", "privilege.role": "warn"}),
        ("Account admin", {"privilege.role": "warn", "stream.accounts": "pass"}),
        ("Tenant IT", {"privilege.role": "warn"}),
        ("Tenant SOC", {"privilege.role": "warn"}),
        ("Tenant IR Team", {"privilege.role": "warn"}),
        ("A person", {"token.holder": "warn", "privilege.role": "pass"}),
        ("Without users", {"token.accepted": "pass", "token.lifetime": "pass", "privilege.enough": "pass"}),
        ("Without risks", {"stream.risks": "fail", "privilege.enough": "fail", "stream.software": "pass"}),
        ("Renews itself", {"privilege.role": "warn", "privilege.enough": "pass"}),
        ("Ends the day after tomorrow", {"token.lifetime": "warn", "token.accepted": "pass"}),
        ("Viewer of two sites", {"stream.accounts": "pass", "stream.sites": "pass", "scope.reach": "pass"}),
        ("Ended last week", {"token.accepted": "fail", "token.lifetime": "fail", "stream.sites": "skipped"}),
        ("Taken back", {"token.accepted": "fail", "token.lifetime": "skipped", "scope.reach": "skipped"}),
    ],
)
async def test_tokens(console: Simulator, holder: str, expected: dict[str, str]) -> None:
    """Each kind of token gets the lines that it deserves, and every line that is not good says what to do."""
    report = await examine(console, console.holder(holder))
    found = states(report)
    assert {name: found[name] for name in expected} == expected
    for each in report.results:
        if each.state in ("warn", "fail"):
            assert each.remedy, each
            assert each.owner, each
            assert each.details["code"], each


async def test_a_token_that_ended(console: Simulator) -> None:
    """An expired token is told from one that was taken back, and only the two keep a connection from being saved."""
    ended = await examine(console, console.holder("Ended last week"))
    taken = await examine(console, console.holder("Taken back"))
    assert "it ended on 2026-05-25" in line(ended, "token.accepted").found
    assert [each.name for each in ended.refused] == ["token.accepted", "token.lifetime"]
    assert "wrong, cut short, taken back" in line(taken, "token.accepted").found
    assert [each.name for each in taken.refused] == ["token.accepted"]
    assert "Settings > Users > Service Users > Actions > Create New Service User" in taken.refused[0].remedy
    assert (ended.requests, taken.requests) == (3, 3)


async def test_too_little_privilege(console: Simulator) -> None:
    """What the role may not read is named with the permission that is missing, for each kind of data."""
    report = await examine(console, console.holder("Endpoints only"))
    missing = line(report, "privilege.enough").details["missing"]
    assert missing["risks"] == "Applications Page.viewRisks"
    assert missing["accounts"] == "Accounts.view"
    for name in STREAMS:
        found = line(report, f"stream.{name}")
        assert (found.state == "fail") == (name in missing), found
        if name in missing:
            assert missing[name] in found.found
            assert missing[name] in found.remedy
            assert missing[name] in line(report, "privilege.enough").remedy


async def test_too_much_privilege(console: Simulator) -> None:
    """More than Viewer is a warning that names what is at risk, unless Waypost is to act."""
    token = console.holder("Admin service user")
    role = line(await examine(console, token), "privilege.role")
    assert role.state == "warn"
    assert "Endpoints.disconnectFromNetwork" in role.found
    assert "Viewer" in role.remedy
    assert line(await examine(console, token, actions=True), "privilege.role").state == "pass"


async def test_a_token_that_renews_itself(console: Simulator) -> None:
    """A role that may make service users is a warning, unless Waypost is to renew the token with it."""
    token = console.holder("Renews itself")
    assert line(await examine(console, token), "privilege.role").state == "warn"
    renewing = line(await examine(console, token, renews=True), "privilege.role")
    assert renewing.state == "pass"
    assert "renew" in renewing.found
    assert (
        line(await examine(console, console.holder("Tenant admin"), renews=True), "privilege.role").state
        == "warn"
    )


async def test_a_token_of_sites(console: Simulator) -> None:
    """A token of sites names them, counts only theirs, and is no failure for not seeing accounts."""
    report = await examine(console, console.of_scope("site"))
    assert line(report, "scope.reach").found.startswith("The site ")
    assert line(report, "scope.reach").details["sites"] == 1
    assert "made from the sites" in line(report, "stream.accounts").found
    assert report.identity.scope == "site"


async def test_a_narrower_token(console: Simulator) -> None:
    """A token that sees less than the stored one is a warning that names what is missing."""
    wide = await examine(console, console.of_scope("account", 0))
    other = await examine(console, console.of_scope("account", 1), before=wide.identity)
    narrower = line(other, "scope.narrower")
    assert narrower.state == "warn"
    assert wide.identity.scopes[0]["name"] in narrower.found
    assert narrower.details["missing"] == [wide.identity.scopes[0]["name"]]
    same = await examine(console, console.of_scope("account", 0), before=wide.identity)
    assert line(same, "scope.narrower").state == "pass"
    wider = await examine(console, console.token, before=wide.identity)
    assert line(wider, "scope.narrower").state == "pass"


async def test_vulnerability_management(console: Simulator) -> None:
    """Sites without the licence are all named, as the console has them; a site that is not scanned is not clean."""
    report = await examine(console)
    licence = line(report, "vulnerability_management.licence")
    scanning = line(report, "vulnerability_management.scanning")
    named = {site["name"] for site in licence.details["without_licence"]}
    assert licence.details["with_licence"] + len(named) == licence.details["read"] == 20
    assert licence.found.count(",") <= 3
    assert scanning.details["sampled"] == len(scanning.details["scanned"]) + len(
        scanning.details["not_scanned"]
    )
    if scanning.details["not_scanned"]:
        assert scanning.state == "warn"
        assert '"not scanned", not "clean"' in scanning.found
        assert "Edit Site" in scanning.remedy


async def test_what_it_sends(console: Simulator) -> None:
    """Nothing is written: all requests are GETs, but for the one that asks when the token ends."""
    console.forget_requests()
    report = await examine(console)
    sent = console.requests()
    assert sent["total"] == report.requests <= questions.REQUESTS
    posts = [what for what in sent["by"] if not what.startswith("GET ")]
    assert posts == ["POST /users/api-token-details"]


async def test_two_thousand_sites(start_simulator: Callable[..., Simulator]) -> None:
    """An estate of 2,000 sites costs no more than 25 requests within the limits, and what was sampled is said."""
    large = start_simulator(accounts=40, sites=2000, agents=2000, risks_per_agent=2, limits=True)
    report = await examine(large, limiter=Limiter(), patience=check.PATIENCE)
    sent = large.requests()
    assert sent["total"] == report.requests <= 25
    assert sent["limited"] == 0
    assert line(report, "scope.reach").details["sites"] == 2000
    licence = line(report, "vulnerability_management.licence").details
    assert licence["read"] == 2000
    assert len(licence["without_licence"]) + licence["with_licence"] == 2000
    assert "of 2,000 sites" in line(report, "vulnerability_management.scanning").found


async def test_more_sites_than_are_read(start_simulator: Callable[..., Simulator]) -> None:
    """Of more sites than two pages hold, all are counted and the first are read, which is said."""
    large = start_simulator(sites=2500, agents=100, risks_per_agent=1)
    report = await examine(large, patience=check.PATIENCE)
    assert report.requests <= 25
    assert line(report, "scope.reach").details["sites"] == 2500
    assert line(report, "vulnerability_management.licence").found.startswith("Read 2,000 of 2,500 sites.")


@pytest.mark.parametrize(
    ("fault", "state", "words"),
    [
        ({"kind": "limited"}, "warn", "Limited"),
        ({"kind": "limited", "retry_after": 3600}, "warn", "Limited"),
        ({"kind": "status", "status": 502, "body": "html"}, "fail", "failed"),
        ({"kind": "status", "status": 500, "body": "spring"}, "fail", "failed"),
        ({"kind": "status", "status": 501, "body": "json"}, "warn", "Not deployed"),
        ({"kind": "reset"}, "fail", "cut short"),
        ({"kind": "truncate"}, "fail", ""),
        ({"kind": "html_200"}, "fail", "web page"),
        ({"kind": "redirect"}, "fail", "sent us on"),
        ({"kind": "wrong_type"}, "pass", "Works"),
        ({"kind": "latency", "ms": 60_000}, "warn", "Slow"),
        (
            {"kind": "forbidden", "detail": "This scope does not have Custom Rules enabled."},
            "warn",
            "Not licensed",
        ),
        ({"kind": "forbidden"}, "fail", "Custom Alerts.view"),
        ({"kind": "missing_pagination"}, "pass", "Works."),
    ],
)
async def test_one_broken_stream(console: Simulator, fault: dict[str, Any], state: str, words: str) -> None:
    """What is wrong with one stream is told in its line and nowhere else; healed, it works again."""
    fault = {"path": "/cloud-detection/alerts", **fault}
    console.fault(fault)
    report = await examine(console)
    found = line(report, "stream.alerts")
    assert found.state == state, found
    assert words in found.found
    others = {name: each for name, each in states(report).items() if name.startswith("stream.")}
    assert {others[f"stream.{name}"] for name in STREAMS if name != "alerts"} == {"pass"}
    console.heal()
    assert line(await examine(console), "stream.alerts").state == "pass"


async def test_a_hiccup_is_forgiven(console: Simulator) -> None:
    """What fails once and then works, works: it is asked a second time."""
    console.fault(
        *({"kind": "status", "path": f"/{path}", "times": 1} for path in ("agents", "groups", "sites"))
    )
    report = await examine(console)
    assert {line(report, f"stream.{name}").state for name in ("agents", "groups", "sites")} == {"pass"}


async def test_everything_broken(console: Simulator) -> None:
    """A console that fails everywhere is asked no more than 25 times, and refused for its address."""
    console.fault({"kind": "status", "status": 503})
    console.forget_requests()
    report = await examine(console)
    assert [each.name for each in report.refused] == ["address.console"]
    assert console.requests()["total"] <= 3
    console.fault(
        *({"kind": "status", "status": 503, "path": f"/{path}"} for path in ("a", "c", "g", "s", "t", "u"))
    )
    console.fault(
        {"kind": "status", "status": 503, "path": "/application-management"}, {"kind": "reset", "path": "/s"}
    )
    console.forget_requests()
    await examine(console)
    assert console.requests()["total"] <= questions.REQUESTS


async def test_streams_that_all_fail(console: Simulator) -> None:
    """Second tries never bring the requests above the budget."""
    paths = (
        "accounts",
        "sites",
        "groups",
        "agents",
        "application-management",
        "threats",
        "cloud",
        "activities",
        "rbac",
    )
    console.fault(*({"kind": "status", "status": 502, "path": f"/{path}"} for path in paths))
    console.forget_requests()
    report = await examine(console)
    assert console.requests()["total"] == report.requests <= questions.REQUESTS
    assert line(report, "token.accepted").state == "pass"
    assert {line(report, f"stream.{name}").state for name in STREAMS} == {"fail"}
    assert line(report, "vulnerability_management.scanning").state == "skipped"
    assert line(report, "estimate.first_pull").state == "skipped"


async def test_a_console_that_hangs(console: Simulator) -> None:
    """A console that is silent costs the time of a check and no more; what is not known by then is skipped."""
    console.fault(
        {"kind": "latency", "ms": 60_000, "path": "/sites"}, {"kind": "latency", "ms": 60_000, "path": "/a"}
    )
    patience = Patience(connect=1.0, read=30.0, call=30.0, whole=4.0)
    report = await examine(console, patience=patience)
    assert line(report, "token.accepted").state == "pass"
    assert line(report, "stream.sites").state == "skipped"
    assert line(report, "stream.groups").state == "pass"
    assert line(report, "vulnerability_management.licence").state == "skipped"


async def test_cancelled(console: Simulator) -> None:
    """A check that is cancelled ends at once, and leaves no request behind."""
    console.fault({"kind": "latency", "ms": 60_000, "path": "/sites"})
    begun = asyncio.Event()
    task = asyncio.create_task(
        examine(
            console, patience=Patience(), listen=lambda each: begun.set() if each.group == "token" else None
        )
    )
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(asyncio.all_tasks()) == 1


async def test_at_the_limit_of_others(console: Simulator) -> None:
    """A limiter that was told to wait for an hour makes a line say so at once."""
    limiter = Limiter()
    limiter.limited("/groups", 3600)
    report = await examine(console, limiter=limiter)
    assert line(report, "stream.groups").state == "warn"
    assert "Limited" in line(report, "stream.groups").found


async def test_a_console_without_system_info(console: Simulator) -> None:
    """A console that does not tell its version is one all the same, and the token is proved elsewhere."""
    console.fault({"kind": "status", "status": 404, "body": "json", "path": "/system/info"})
    report = await examine(console)
    assert line(report, "address.console").state == "pass"
    assert line(report, "token.accepted").state == "pass"
    console.fault({"kind": "status", "status": 404, "body": "text", "path": "/system/info"})
    assert (await examine(console)).refused == []


@pytest.mark.parametrize("prefix", ["  ", "ApiToken ", "Authorization: ApiToken ", "Bearer ", "\n", '"'])
async def test_a_pasted_token(console: Simulator, prefix: str) -> None:
    """What people paste around a token does not matter."""
    suffix = prefix if prefix in ('"', "\n") else ""
    assert (await examine(console, f"{prefix}{console.token}{suffix}")).refused == []


@pytest.mark.parametrize("text", ["", " ", "to ken", "tökén", "a\nb", "\x00"])
async def test_no_token(console: Simulator, text: str) -> None:
    """What cannot be a token is told as such, and nothing is sent."""
    console.forget_requests()
    report = await check.examine(console.url, text, ALLOWED, limiter=Limiter.unlimited())
    assert [each.name for each in report.refused] == ["token.accepted"]
    assert report.refused[0].details["code"] == "connection.token_shape"
    assert console.requests()["total"] == 0


@pytest.mark.parametrize("path", ["", "/", "/dashboard?tab=1#x", "/web/api/v2.1/sites", "/login"])
async def test_a_pasted_address(console: Simulator, path: str) -> None:
    """An address is taken as the browser shows it, with whatever path."""
    report = await check.examine(
        f" {console.url}{path} ", console.token, ALLOWED, limiter=Limiter.unlimited()
    )
    assert report.refused == []
