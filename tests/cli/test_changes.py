"""`waypost change list`: looking back, going on from a place, and following until Ctrl-C."""

import json
import signal
from typing import Any

import psycopg
import pytest

from waypost.storage import embedded

LIST = ("change", "list")


def test_going_on(pulled: Any) -> None:
    """Page by page from the start the feed has every entry once; at its end there is a place to go on from."""
    whole = pulled(*LIST, "--limit", "100000", "--json").done().document["items"]
    items: list[Any] = []
    page = {"has_more": True, "next_cursor": "start"}
    while page["has_more"]:
        page = pulled(*LIST, "--after", page["next_cursor"], "--limit", "97", "--json").done().document
        items += page["items"]
    assert sorted(items, key=lambda item: int(item["id"])) == sorted(whole, key=lambda item: int(item["id"]))
    told = pulled(*LIST, "--after", page["next_cursor"]).done().out
    assert told.startswith("Nothing new.")
    assert f"--after {page['next_cursor']}" in told.replace("\n", "")
    table = pulled(*LIST, "--after", "start", "--kind", "connection_added").done().out
    assert "connection_added" in table
    assert "Go on: --after " in table


@pytest.mark.timeout(120)
def test_following(pulled: Any) -> None:
    """What comes is printed as it comes, one document a line, until Ctrl-C; then it says how to go on."""
    kind = ("--kind", "mapping_changed")
    start = pulled(*LIST, "--after", "now", *kind, "--json").done().document["next_cursor"]
    with (
        psycopg.connect(embedded.start(pulled.home), autocommit=True, options="-c search_path=waypost") as db,
        pulled.start(*LIST, "--follow", "--after", start, *kind, "--json") as process,
    ):
        try:
            for place in "ab":
                db.execute(
                    "INSERT INTO change (connection_id, kind, subject_id) VALUES (1, 51, %s)",
                    [f"00000000-0000-4000-8000-00000000000{place}"],
                )
                entry = json.loads(process.stdout.readline())
                assert (entry["kind"], entry["subject_id"][-1]) == ("mapping_changed", place)
            process.send_signal(signal.SIGINT)
            rest, told = process.communicate(timeout=60)
        finally:
            process.kill()
            db.execute("DELETE FROM change WHERE kind = 51")
    assert (process.returncode, rest, "Traceback" in told) == (0, "", False)
    cursor = told.partition("Go on: --after ")[2].strip()
    assert pulled(*LIST, "--after", cursor, *kind, "--json").done().document["items"] == []


def test_what_does_not_go_together(pulled: Any) -> None:
    """Reading on and looking back at once is wrong use, and so is a cursor that is none."""
    pulled(*LIST, "--after", "start", "--changed-since", "2026-01-01").refused(2, "--changed-since")
    pulled(*LIST, "--follow", "--cursor", "x").refused(2, "--cursor")
    pulled(*LIST, "--after", "nonsense").refused(2, "cut short or altered")
