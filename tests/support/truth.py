"""The differential check: what Waypost holds, against what the console says a correct client must hold.

Nothing here uses Waypost's own derivations: severities, states and identities are written out again, so
that a mistake in them is found and not repeated.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from support.hub import Hub
from support.simulator import Document
from waypost.connections.connection import Connection
from waypost.unified import reading
from waypost.unified.filters import Filters
from waypost.unified.items import FindingItem

Key = tuple[int, str, str, str, str]
"""A finding: agent id, CVE, application name, vendor, version."""

SEVERITY = {"NONE": 1, "LOW": 2, "MEDIUM": 3, "HIGH": 4, "CRITICAL": 5}
RATING = ((9.0, 5), (7.0, 4), (4.0, 3), (0.1, 2), (0.0, 1))
OPEN, REOPENED, IN_PROGRESS, ON_HOLD, IGNORED, RESOLVED = 1, 2, 3, 4, 5, 6
MITIGATION = {"Not mitigated": OPEN, "To be patched": IN_PROGRESS, "On hold": ON_HOLD}
DEVICE = {"active": {1, 2}, "decommissioned": {3}, "uninstalled": {4}}
UNKNOWN_DEVICE, GONE_DEVICE = 0, 5
SEVERITY_WORDS = ("unknown", "none", "low", "medium", "high", "critical")
STATE_WORDS = ("", "open", "reopened", "in_progress", "on_hold", "ignored", "resolved")


class Finding(msgspec.Struct, frozen=True):
    """A finding, whichever side it was read from. `state` is REOPENED only on Waypost's side."""

    state: int
    severity: int
    score: float | None
    site_id: int | None
    vendor_id: int
    detected_at: datetime


class Held(msgspec.Struct, frozen=True):
    """Everything a connection holds; findings in every state."""

    accounts: dict[int, tuple[str, str | None]]
    sites: dict[int, tuple[str, int, str]]
    groups: dict[int, tuple[str, int]]
    devices: dict[int, tuple[str, int, int, str, str, str]]
    device_states: dict[int, int]
    unknown: set[int]
    findings: dict[Key, Finding]

    @property
    def unresolved(self) -> dict[Key, Finding]:
        return {key: finding for key, finding in self.findings.items() if finding.state != RESOLVED}


class Lag(msgspec.Struct, frozen=True):
    """What only a full pull can learn, because no delta of the console tells it.

    Attributes:
        left: Devices that have moved out of what the token sees. They and their findings stay as they were.
    """

    left: frozenset[int] = frozenset()

    def after(self, before: Document, now: Document) -> "Lag":
        """This lag and what the days between two truths of one token added to it."""
        was, is_ = ({int(device["id"]) for device in truth["devices"]} for truth in (before, now))
        return Lag((self.left | (was - is_)) - is_)


async def held(hub: Hub, connection: Connection) -> Held:
    """Read everything with plain SQL."""
    mine = connection.connection_id
    findings = await hub.rows(
        """SELECT f.device_id, c.cve, s.name, s.vendor, s.version,
             f.state, f.severity, f.score, f.site_id, f.vendor_id, f.detected_at
           FROM finding f
           LEFT JOIN software s ON (s.connection_id, s.software_id) = (f.connection_id, f.software_id)
           LEFT JOIN cve_facts c ON (c.connection_id, c.facts_id) = (f.connection_id, f.facts_id)
           WHERE f.connection_id = %s""",
        mine,
    )
    by_key = {row[:5]: Finding(*row[5:7], _rounded(row[7]), *row[8:]) for row in findings}
    assert len(by_key) == len(findings), "two rows are the same finding"
    devices = await hub.rows(
        """SELECT device_id, name, site_id, group_id, agent_version, os_type, agent_uuid, state
           FROM device WHERE connection_id = %s""",
        mine,
    )
    return Held(
        accounts=_keyed(
            await hub.rows(
                "SELECT account_id, name, state FROM account WHERE connection_id = %s AND gone_at IS NULL",
                mine,
            )
        ),
        sites=_keyed(
            await hub.rows(
                "SELECT site_id, name, account_id, state FROM site WHERE connection_id = %s AND gone_at IS NULL",
                mine,
            )
        ),
        groups=_keyed(
            await hub.rows(
                "SELECT group_id, name, site_id FROM scope_group WHERE connection_id = %s AND gone_at IS NULL",
                mine,
            )
        ),
        devices={row[0]: row[1:7] for row in devices if row[7] not in (UNKNOWN_DEVICE, GONE_DEVICE)},
        device_states={row[0]: row[7] for row in devices},
        unknown={row[0] for row in devices if row[7] == UNKNOWN_DEVICE},
        findings=by_key,
    )


def expected(truth: Document) -> dict[Key, Finding]:
    """The findings that are to be there and not resolved."""
    found = {key_of(fact): _finding(fact) for fact in truth["findings"]}
    assert len(found) == len(truth["findings"]), "the console tells of one finding twice"
    return found


def key_of(fact: Document) -> Key:
    application = fact["application"]
    return (
        int(fact["deviceId"]),
        fact["cve"],
        application["name"],
        application["vendor"],
        application["version"],
    )


def differences(holds: Held, truth: Document, *, lag: Lag | None = None, placed: bool = True) -> list[str]:
    """What differs, in words.

    Args:
        holds: What Waypost holds.
        truth: What it must hold.
        lag: What a delta cannot have told; None after a full pull.
        placed: Whether the walks told the sites of endpoints that no agent list names.
    """
    may = lag or Lag()
    return [
        *_compare("account", holds.accounts, _accounts(truth, holds)),
        *_compare("site", holds.sites, _sites(truth)),
        *_compare("group", holds.groups, _groups(truth)),
        *_compare("device", _without(holds.devices, may.left), _devices(truth)),
        *_device_states(holds, truth, may),
        *_findings(holds, truth, may, placed=placed),
        *_never_open(holds, truth),
    ]


async def assert_equal(
    hub: Hub, connection: Connection, truth: Document, *, lag: Lag | None = None, placed: bool = True
) -> Held:
    """Fail with the differences, or give what is held."""
    holds = await held(hub, connection)
    found = differences(holds, truth, lag=lag, placed=placed)
    assert not found, f"{len(found)} differences:\n" + "\n".join(found[:12])
    return holds


async def assert_read_alike(hub: Hub, connection: Connection, holds: Held, *, limit: int) -> None:
    """What users read page by page is what the tables hold, each row once."""
    seen: dict[Key, tuple[str, str, float | None, str | None, str, datetime | None]] = {}
    agents = {
        str(uuid): agent
        for agent, uuid in await hub.rows(
            "SELECT device_id, device_uuid FROM device WHERE connection_id = %s", connection.connection_id
        )
    }
    filters = Filters(connection=(connection.name,))
    cursor = ""
    while True:
        page = await reading.findings(hub.db, filters, limit=limit, cursor=cursor)
        for item in page.items:
            assert isinstance(item, FindingItem)
            software = item.software
            key = (agents[item.device.id], item.cve, software.name, software.vendor, software.version)
            assert key not in seen, f"{key} is on two pages"
            seen[key] = (
                item.state, item.severity, _rounded(item.score), item.site_id, item.vendor_id, item.detected_at
            )  # fmt: skip
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
    assert seen == {
        key: (
            STATE_WORDS[finding.state], SEVERITY_WORDS[finding.severity], finding.score,
            None if finding.site_id is None else str(finding.site_id), str(finding.vendor_id), finding.detected_at,
        )
        for key, finding in holds.findings.items()
    }  # fmt: skip


def falsely_resolved(holds: Held, before: Held, truth: Document) -> set[Key]:
    """Findings that are there, were held as such before, and are now resolved or gone."""
    return (expected(truth).keys() & before.unresolved.keys()) - holds.unresolved.keys()


async def assert_log_replays(hub: Hub, connection: Connection) -> None:
    """The change log, replayed from its beginning, ends with the findings as they stand."""
    opened, changed, resolved, reopened = 1, 2, 3, 4
    states = dict(
        await hub.rows(
            "SELECT finding_id, state FROM finding WHERE connection_id = %s", connection.connection_id
        )
    )
    log = await hub.rows(
        "SELECT subject_id, kind FROM change WHERE connection_id = %s AND kind <= %s ORDER BY change_id",
        connection.connection_id,
        reopened,
    )
    is_open: dict[Any, bool] = {}
    was_reopened = set()
    for finding, kind in log:
        assert finding in states, f"the log tells of a finding that is not there: {finding}"
        if kind == opened:
            assert finding not in is_open, f"{finding} was opened twice"
        elif kind == reopened:  # a finding that was resolved when first met has no entry before this
            assert not is_open.get(finding, False), f"{finding} was reopened while open"
            was_reopened.add(finding)
        else:
            assert is_open.get(finding, False), f"{finding} has an entry {kind} while not open"
        is_open[finding] = kind != resolved
    assert changed != resolved
    for finding, state in states.items():
        assert is_open.get(finding, False) == (state != RESOLVED), (
            f"the log and the table differ on {finding}"
        )
        assert state != REOPENED or finding in was_reopened, f"{finding} is reopened without an entry"


async def footprint(hub: Hub, table: str = "finding") -> dict[str, tuple[str, str]]:
    """Where each row lies and which transaction wrote it: differs if a row was written, if only as it was."""
    key = {"finding": "finding_id", "change": "change_id", "device": "device_id"}[table]
    rows = await hub.rows(f"SELECT {key}::text, xmin::text, ctid::text FROM {table}")  # noqa: S608  # constants
    return {key: (xmin, ctid) for key, xmin, ctid in rows}


async def rows_written(hub: Hub, table: str = "finding") -> int:
    """Rows that PostgreSQL itself says were inserted, updated or deleted; once other sessions have ended."""
    for _ in range(500):  # a session's figures count when it has gone, a moment after it was closed
        ((others,),) = await hub.rows(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        if not others:
            break
        await hub.db.execute("SELECT pg_sleep(0.01)")
    ((count,),) = await hub.rows(
        "SELECT n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables"
        " WHERE schemaname = 'waypost' AND relname = %s",
        table,
    )
    return int(count)


def _finding(fact: Document) -> Finding:
    score = fact["score"]
    word = fact["severity"]
    if word in SEVERITY:
        severity = SEVERITY[word]
    elif score is None:
        severity = 0
    else:
        severity = next(rating for least, rating in RATING if score >= least)
    state = MITIGATION[fact["mitigationStatus"] or "Not mitigated"]
    return Finding(
        state=IGNORED if fact["falsePositive"] else state,
        severity=severity,
        score=_rounded(score),
        site_id=int(fact["siteId"]),
        vendor_id=int(fact["id"]),
        detected_at=datetime.fromisoformat(fact["detectedAt"]),
    )


def _findings(holds: Held, truth: Document, lag: Lag, *, placed: bool) -> Iterable[str]:
    due, have = expected(truth), holds.unresolved
    for key in due.keys() - have.keys():
        stands = holds.findings.get(key)
        yield f"finding {key} is missing ({'not held' if stands is None else f'resolved: {stands}'})"
    for key in have.keys() - due.keys():
        if key[0] not in lag.left:
            yield f"finding {key} is open and should not be: {have[key]}"
    for key in due.keys() & have.keys():
        mine, theirs = have[key], due[key]
        if mine.state == REOPENED and theirs.state == OPEN:
            mine = msgspec.structs.replace(mine, state=OPEN)
        if mine.site_id is None and not placed and key[0] in holds.unknown:
            mine = msgspec.structs.replace(mine, site_id=theirs.site_id)
        if mine != theirs:
            yield f"finding {key} is {mine} and should be {theirs}"


def _never_open(holds: Held, truth: Document) -> Iterable[str]:
    """What was removed is not open, unless it was detected anew."""
    there = expected(truth)
    for fact in truth["removed"]:
        key = key_of(fact)
        if key in holds.unresolved and key not in there:
            yield f"finding {key} was removed at {fact['removedAt']} and is open"


def _accounts(truth: Document, holds: Held) -> dict[int, tuple[str, str | None]]:
    """A token that may not list accounts knows no states of them."""
    return {
        int(account["id"]): (
            account["name"],
            None if holds.accounts.get(int(account["id"]), ("", ""))[1] is None else account["state"],
        )
        for account in truth["accounts"]
    }


def _sites(truth: Document) -> dict[int, tuple[str, int, str]]:
    return {int(site["id"]): (site["name"], int(site["accountId"]), site["state"]) for site in truth["sites"]}


def _groups(truth: Document) -> dict[int, tuple[str, int]]:
    return {int(group["id"]): (group["name"], int(group["siteId"])) for group in truth["groups"]}


def _devices(truth: Document) -> dict[int, tuple[str, int, int, str, str, str]]:
    return {
        int(device["id"]): (
            device["name"],
            int(device["siteId"]),
            int(device["groupId"]),
            device["agentVersion"],
            device["osType"],
            device["uuid"],
        )
        for device in truth["devices"]
    }


def _device_states(holds: Held, truth: Document, lag: Lag) -> Iterable[str]:
    due = {int(device["id"]): device["state"] for device in truth["devices"]}
    for device, state in due.items():
        if holds.device_states.get(device) not in DEVICE[state]:
            yield f"device {device} has state {holds.device_states.get(device)} and should be {state}"
    named = {int(fact["deviceId"]) for fact in (*truth["findings"], *truth["removed"])}
    for device in holds.unknown - lag.left:
        if device in due or device not in named:
            yield f"device {device} is unknown and should not be"


def _compare(kind: str, have: dict[int, Any], due: dict[int, Any]) -> Iterable[str]:
    for key in sorted(have.keys() | due.keys()):
        if have.get(key) != due.get(key):
            yield f"{kind} {key} is {have.get(key)} and should be {due.get(key)}"


def _without(rows: dict[int, Any], left_out: Collection[int]) -> dict[int, Any]:
    return {key: row for key, row in rows.items() if key not in left_out}


def _keyed(rows: Sequence[tuple[Any, ...]]) -> dict[int, Any]:
    return {row[0]: row[1:] for row in rows}


def _rounded(score: float | None) -> float | None:
    """Scores have one digit behind the point; the database keeps them as `real`."""
    return None if score is None else round(score, 1)
