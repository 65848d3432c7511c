"""Reading CVEs page by page: one row for each that has findings which are not resolved, over all connections.

Consoles say different things of one CVE, by licence and by their own assessment. Its row is the worst of what is said:
severity first, then score; whether it is exploited and whether there is a fix is asked of all that is said. What no
finding stands on any more does not count.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import msgspec
from psycopg.rows import dict_row

from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.unified import counting, selecting, software
from waypost.unified import filters as filtering
from waypost.unified.filters import Filters
from waypost.unified.items import CveItem
from waypost.unified.ordering import Order
from waypost.unified.paging import ListPage
from waypost.unified.walking import Walk
from waypost.unified.words import EXPLOITED_OF_MATURITY, FIX_OF_REMEDIATION, FindingState, Severity, word

Row = dict[str, Any]  # Any: columns of different types

WORST_FIRST: Final = "-severity"
ORDERS: Final[Mapping[str, Order]] = {
    "severity": Order({"t.severity": "smallint", "coalesce(t.score, -1::real)": "real", "t.cve": "text"}),
    "score": Order({"coalesce(t.score, -1::real)": "real", "t.cve": "text"}),
    "published": Order(
        {"coalesce(t.published_at, '-infinity'::timestamptz)": "timestamptz", "t.cve": "text"}
    ),
}
"""A CVE without a score, or without a date, comes before all that have one."""
_MATURITIES: Final = tuple(EXPLOITED_OF_MATURITY)
"""Worst first."""


async def listed(
    db: Connection,
    filters: Filters,
    *,
    published_since: str = "",
    organization_id: int | None = None,
    sort: str = WORST_FIRST,
    limit: int = 100,
    cursor: str = "",
) -> ListPage[CveItem]:
    """CVEs with findings that are not resolved; of an organization its own findings alone count.

    Raises:
        FilterError: A filter, the order, the limit or the cursor cannot be understood.
        RowSecurityError: The database's user cannot be held to an organization.
    """
    walk = Walk("cves", ORDERS, [filters, published_since], sort, limit, cursor)
    asked = filtering.of_findings(filters)
    facts = {
        "resolved": FindingState.RESOLVED.value,
        "most": counting.MOST,
        **{f"of_cve_{name}": asked[name] for name in ("severity", "score_min", "score_max")},
        "is_exploited": filters.exploited,
        "is_fixed": filters.has_fix,
        "published_since": filtering.time(published_since, "published_since"),
        "maturities": list(_MATURITIES),
        "said_exploited": _words(EXPLOITED_OF_MATURITY, meaning=True),
        "said_unexploited": _words(EXPLOITED_OF_MATURITY, meaning=False),
        "said_fixed": _words(FIX_OF_REMEDIATION, meaning=True),
        "said_unfixed": _words(FIX_OF_REMEDIATION, meaning=False),
    }
    few = (
        organization_id is not None
        or software.leaves_few(filters)
        or bool(filters.application or filters.vendor)
    )
    # What is said of a CVE is asked of its row, not of each finding.
    by = msgspec.structs.replace(
        filters,
        severity=(),
        score_min=None,
        score_max=None,
        exploited=None,
        has_fix=None,
        connection=filters.connection if few else (),
    )
    async with selecting.selected(db, "finding", by, organization_id) as selection:
        if selection is None:
            return ListPage([], None)
        chosen = selection if few else software.through(selection, filters)
        query = queries.inventory.cves_of_few if few else queries.inventory.cves
        query = walk.put(query.replace("{fitting}", queries.inventory.fitting))
        opened = db.cursor(row_factory=dict_row)
        await opened.execute(chosen.put(query), chosen.facts | facts | walk.facts)
        rows = await opened.fetchall()
    return walk.page(rows, partial(_item, few=few))


def _words(meanings: Mapping[str, bool], *, meaning: bool) -> list[str]:
    return [said for said, means in meanings.items() if means is meaning]


def _item(row: Row, *, few: bool) -> CveItem:
    maturity = row.pop("maturity")
    return CveItem(
        id=row.pop("cve"),
        severity=word(Severity(row.pop("severity"))),
        exploit_maturity=None if maturity is None else _MATURITIES[maturity - 1],
        counted=counting.counted(row, "findings", all_=few),
        **row,
    )
