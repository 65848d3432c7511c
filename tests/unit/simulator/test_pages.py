"""Pages partition what they list, whatever the limit and the sort."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentinelone_simulator import days, queries, refusals
from sentinelone_simulator.console import Console

Row = dict[str, Any]

PATHS = {
    "/accounts": "id",
    "/sites": "id",
    "/groups": "id",
    "/agents": "id",
    "/application-management/risks": "id",
    "/application-management/inventory": "applicationName",
}
SORTS = [(path, sort) for path in PATHS for sort in queries.KNOWN[path].sort_by]


def rows_of(page: Any) -> list[Row]:
    return page["data"]["sites"] if isinstance(page["data"], dict) else page["data"]


def identity(row: Row) -> object:
    return row.get("id") or (row["applicationName"], row["applicationVendor"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sort=st.sampled_from(SORTS), order=st.sampled_from(["asc", "desc"]), limit=st.integers(7, 1000))
def test_pages_partition_the_whole(
    built: Console, ask: Callable[..., Any], sort: tuple[str, str], order: str, limit: int
) -> None:
    """Every row comes once and only once, for every sort, order and limit."""
    path, sort_by = sort
    whole = rows_of(ask(built, path, limit="1000"))
    total = ask(built, path, countOnly="true")["pagination"]["totalItems"]
    asked = {"limit": str(limit), "sortBy": sort_by, "sortOrder": order}
    seen = []
    while True:
        page = ask(built, path, **asked)
        assert len(rows_of(page)) <= limit
        assert page["pagination"]["totalItems"] == total
        seen += [identity(row) for row in rows_of(page)]
        cursor = page["pagination"]["nextCursor"]
        if cursor is None:
            break
        asked = {"limit": str(limit), "cursor": cursor}
    assert len(seen) == len(set(seen)) == total
    assert {identity(row) for row in whole} <= set(seen)


@pytest.mark.parametrize(
    ("path", "key"), [("/sites", "name"), ("/agents", "updatedAt"), ("/groups", "createdAt")]
)
def test_sorted_by_what_was_asked(built: Console, ask: Callable[..., Any], path: str, key: str) -> None:
    """Rows come in the order asked for, and reversed when descending."""
    up = [row[key] for row in rows_of(ask(built, path, limit="1000", sortBy=key))]
    down = [row[key] for row in rows_of(ask(built, path, limit="1000", sortBy=key, sortOrder="desc"))]
    assert up == sorted(up) == down[::-1]


def test_risks_sort_by_rank_of_severity(built: Console, ask: Callable[..., Any]) -> None:
    """A sort by severity goes by how bad it is, not by the alphabet."""
    page = ask(built, "/application-management/risks", limit="1000", sortBy="severity", sortOrder="desc")
    ranks = ["CRITICAL", "HIGH", "MEDIUM", "LOW"]
    got = [ranks.index(row["severity"]) for row in page["data"] if row["severity"] in ranks]
    assert got == sorted(got)


def test_default_is_ten_rows_by_id(built: Console, ask: Callable[..., Any]) -> None:
    """Ten rows by ascending id when nothing is asked."""
    ids = [int(row["id"]) for row in ask(built, "/agents")["data"]]
    assert len(ids) == 10
    assert ids == sorted(ids)


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": "0"},
        {"limit": "1001"},
        {"limit": "x"},
        {"skip": "1001"},
        {"skip": "-1"},
        {"sortBy": "shoe"},
        {"sortOrder": "up"},
        {"cursor": "rubbish"},
        {"cursor": "e30="},
        {"countOnly": "maybe"},
    ],
)
def test_wrong_paging_is_refused(built: Console, ask: Callable[..., Any], wrong: dict[str, str]) -> None:
    """Paging parameters out of range or mangled are 400, and the same question without them works."""
    with pytest.raises(refusals.Refusal) as refusal:
        ask(built, "/agents", **wrong)
    assert refusal.value.status == 400
    assert json.loads(refusal.value.body)["errors"][0]["code"] == 4000010
    assert ask(built, "/agents")["data"]


def test_cursor_of_another_sort_is_refused(built: Console, ask: Callable[..., Any]) -> None:
    """A cursor holds its sort: another one with it is a 400, none goes on with the cursor's."""
    cursor = ask(built, "/agents", sortBy="createdAt")["pagination"]["nextCursor"]
    for other in ({"sortBy": "id"}, {"sortOrder": "desc"}):
        with pytest.raises(refusals.Refusal, match="another sort"):
            ask(built, "/agents", cursor=cursor, **other)
    assert ask(built, "/agents", cursor=cursor)["data"]


def test_cursor_is_the_keyset(built: Console, ask: Callable[..., Any]) -> None:
    """A cursor is base64 of the keyset that recorded cursors have."""
    cursor = ask(built, "/agents", sortBy="createdAt")["pagination"]["nextCursor"]
    held = json.loads(base64.b64decode(cursor))
    assert held.keys() == {"id_column", "id_value", "sort_by_column", "sort_by_value", "id_sort_order"}


def test_count_and_skip(built: Console, ask: Callable[..., Any]) -> None:
    """CountOnly shows no row, skipCount no total, skip leaves rows out."""
    assert ask(built, "/agents", countOnly="true")["data"] == []
    assert ask(built, "/agents", skipCount="true")["pagination"]["totalItems"] == 0
    whole = ask(built, "/agents", limit="30")["data"]
    assert ask(built, "/agents", limit="20", skip="10")["data"] == whole[10:]


def test_a_chain_survives_a_day(built: Console, ask: Callable[..., Any]) -> None:
    """A cursor from yesterday goes on behind the same id."""
    page = ask(built, "/application-management/risks", limit="50")
    last = int(page["data"][-1]["id"])
    days.advance(built.estate)
    more = ask(built, "/application-management/risks", limit="50", cursor=page["pagination"]["nextCursor"])
    assert all(int(row["id"]) > last for row in more["data"])
