"""/application-management/risks (API notes 3.1)."""

from array import array
from collections.abc import Callable, Sequence

from sentinelone_simulator import assessments, clock, machines, pages, queries, reach, refusals, risks
from sentinelone_simulator.catalogue import Cve, Version
from sentinelone_simulator.console import Console
from sentinelone_simulator.endpoints import envelopes
from sentinelone_simulator.estate import Agent, Estate
from sentinelone_simulator.queries import Query
from sentinelone_simulator.tokens import Token
from sentinelone_simulator.wire.software import escaped

Test = Callable[[int], bool]
MITIGATIONS = {
    "NOT_MITIGATED": "Not mitigated",
    "TO_BE_PATCHED": "To be patched",
    "ON_HOLD": "On hold",
}
VERDICTS = {"Default": 0, "False Positive": risks.FALSE_POSITIVE, "Added CVE": -1}


class View:
    """Reads one risk's fields by its row number."""

    def __init__(self, estate: Estate) -> None:
        self.estate = estate
        self.table = estate.risks

    def agent(self, row: int) -> Agent:
        return self.estate.agents[self.table.agent[row]]

    def cve(self, row: int) -> Cve:
        return self.estate.catalogue.cve_of(self.table.pair[row])

    def version(self, row: int) -> Version:
        return self.estate.catalogue.version_of(self.table.pair[row])

    def managed(self, row: int) -> bool:
        return self.estate.sites[self.agent(row).site].vulnerability_management

    def severity(self, row: int) -> str | None:
        return assessments.severity(self.cve(row), self.table.flags[row])

    def score(self, row: int) -> float | None:
        return assessments.score(self.cve(row), self.table.flags[row])

    def mitigation(self, row: int) -> str | None:
        return assessments.mitigation_status(self.table.flags[row]) if self.managed(row) else None

    def sort_value(self, field: str) -> Callable[[int], pages.Raw] | None:
        """What a sort by this field compares; severity goes by rank, None is the id."""
        if field == "id":
            return None
        estate, table = self.estate, self.table
        ranks = {name: number for number, name in enumerate(("UNKNOWN", *assessments.SEVERITIES))}
        readers: dict[str, Callable[[int], pages.Raw]] = {
            "accountId": lambda row: str(estate.account_of(self.agent(row).site).id),
            "siteId": lambda row: str(estate.sites[self.agent(row).site].id),
            "cveId": lambda row: self.cve(row).id,
            "endpointName": lambda row: self.agent(row).name,
            "application": lambda row: self.version(row).application,
            "applicationVendor": lambda row: self.version(row).vendor,
            "baseScore": self.score,
            "nvdBaseScore": self.score,
            "severity": lambda row: ranks.get(self.severity(row) or ""),
            "daysDetected": lambda row: (estate.now - table.detected[row]) // clock.DAY,
            "detectionDate": lambda row: table.detected[row],
            "publishedDate": lambda row: self.cve(row).published,
            "lastScanDate": lambda row: self.agent(row).last_scan,
            "lastScanResult": lambda row: machines.scan_failed(self.agent(row)),
            "riskScore": lambda row: assessments.risk_score(self.cve(row), table.flags[row]),
            "exploitCodeMaturity": lambda row: assessments.exploit_code_maturity(self.cve(row)),
            "remediationLevel": lambda row: assessments.remediation_level(self.cve(row)),
            "reportConfidence": lambda row: assessments.report_confidence(self.cve(row)),
            "mitigationStatus": self.mitigation,
        }
        return readers[field]


def _one_of(words: set[str], read: Callable[[int], str | None]) -> Test:
    return lambda row: read(row) in words


def _containing(words: set[str], read: Callable[[int], str]) -> Test:
    lowered = [word.lower() for word in words]
    return lambda row: any(word in read(row).lower() for word in lowered)


def _mitigated(view: View, words: set[str]) -> Test:
    if words - MITIGATIONS.keys():
        raise refusals.invalid("mitigationStatus: Not a valid choice.")
    return _one_of({MITIGATIONS[word] for word in words}, view.mitigation)


def _judged(view: View, words: set[str]) -> Test:
    if words - VERDICTS.keys():
        raise refusals.invalid("analystVerdict: Not a valid choice.")
    verdicts = {VERDICTS[word] for word in words}
    return lambda row: view.table.flags[row] & risks.FALSE_POSITIVE in verdicts


FILTERS: dict[str, Callable[[View, set[str]], Test]] = {
    "severities": lambda view, words: _one_of({word.upper() for word in words}, view.severity),
    "cveId__contains": lambda view, words: _containing(words, lambda row: view.cve(row).id),
    "application__contains": lambda view, words: _containing(
        words, lambda row: view.version(row).application
    ),
    "applicationNames": lambda view, words: _one_of(words, lambda row: view.version(row).name),
    "applicationVendor__contains": lambda view, words: _containing(
        words, lambda row: view.version(row).vendor
    ),
    "vendors": lambda view, words: (
        lambda row: bool({view.version(row).vendor, escaped(view.version(row).vendor)} & words)
    ),
    "endpointTypes": lambda view, words: _one_of(words, lambda row: machines.machine_type(view.agent(row))),
    "osTypes": lambda view, words: _one_of(words, lambda row: machines.os_type(view.agent(row))),
    "mitigationStatus": _mitigated,
    "analystVerdict": _judged,
}
ENDPOINT_NAME = "endpointName__contains"
TIMES = ("riskUpdatedDate", "detectionDate", "publishedDate")
IMPLEMENTED = (
    *reach.SCOPE_NAMES,
    *FILTERS,
    ENDPOINT_NAME,
    "includeRemovals",
    *(name for field in TIMES for name in queries.time_names(field)),
)


def risk_list(console: Console, token: Token, query: Query) -> bytes:
    seen = reach.of(console.estate, token, query, single=True)
    wanted = pages.paging(query)
    view = View(console.estate)
    key = view.sort_value(wanted.sort_by)
    ident = console.estate.risks.id
    rows = _arranged(console, seen, query, wanted.sort_by, view)
    page, cursor = pages.cut(rows, key, ident, wanted)
    body = console.renderer.render(page)
    return envelopes.page(body, wanted.total(len(rows)), cursor)


def _arranged(console: Console, seen: reach.Reach, query: Query, sort_by: str, view: View) -> Sequence[int]:
    """The chosen rows in the order asked for, kept for the next page."""
    filters = {name: value for name, value in query.filters().items() if name not in reach.SCOPE_NAMES}
    removed = query.flag("includeRemovals")
    filters.pop("includeRemovals", None)
    if not filters and seen.groups is None and sort_by == "id":
        return console.risk_rows(seen.sites, removed=removed)

    def make() -> Sequence[int]:
        rows = _select(console, seen, query, view, removed=removed)
        key = view.sort_value(sort_by)
        return array("I", rows if key is None else pages.arrange(list(rows), key, console.estate.risks.id))

    question = ("risks", seen, removed, tuple(sorted(filters.items())), sort_by)
    return console.selections.get(console.estate.generation, question, make)  # type: ignore[return-value]


def _select(console: Console, seen: reach.Reach, query: Query, view: View, *, removed: bool) -> Sequence[int]:
    table, agents = view.table, view.estate.agents
    tests = [make(view, set(query.words(name))) for name, make in FILTERS.items() if query.words(name)]
    rows: Sequence[int]
    changed = queries.window(query.values, "riskUpdatedDate")
    if changed:
        inside = bytearray(agent.site in seen.sites for agent in agents)
        hidden = 0 if removed else risks.REMOVED
        rows = [
            row
            for row in table.updated_between(*changed)
            if inside[table.agent[row]] and not table.flags[row] & hidden
        ]
    else:
        rows = console.risk_rows(seen.sites, removed=removed)
    if names := [word.lower() for word in query.words(ENDPOINT_NAME)]:
        # By agent, not by row: there are a hundred times fewer.
        named = bytearray(any(name in agent.name.lower() for name in names) for agent in agents)
        rows = [row for row in rows if named[table.agent[row]]]
    groups = seen.groups
    if groups is not None:
        tests.append(lambda row: agents[table.agent[row]].group in groups)
    detected = queries.window(query.values, "detectionDate")
    if detected:
        first, last = detected
        tests.append(lambda row: first <= table.detected[row] <= last)
    published = queries.window(query.values, "publishedDate")
    if published:
        begin, end = published
        tests.append(lambda row: begin <= view.cve(row).published <= end)
    return [row for row in rows if all(test(row) for test in tests)] if tests else rows
