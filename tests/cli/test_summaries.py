"""`waypost summary`: the numbers of the lists, as one document or drawn with bars."""

import re
from typing import Any

import pytest


def ask(waypost: Any, *command: str) -> Any:
    return waypost(*command, "--json").done().document


def test_counted_as_listed(pulled: Any) -> None:
    """With the same filters a summary counts what the list has."""
    for more in ([], ["--severity", "critical,high"], ["--state", "open", "--score-min", "8"]):
        listed = ask(pulled, "finding", "list", "--limit", "10000", *more)["items"]
        for by in ("severity", "site", "application", "cve", "day"):
            summary = ask(pulled, "summary", "findings", "--by", by, *more)
            assert (summary["by"], summary["total"]) == (by, len(listed))
    assert ask(pulled, "summary", "age")["total"] == len(
        [
            item
            for item in ask(pulled, "finding", "list", "--limit", "10000")["items"]
            if item["state"] != "resolved"
        ]
    )


def test_drawn(pulled: Any) -> None:
    """People get a table in which each line has its numbers and a bar; the largest has the longest."""
    summary = ask(pulled, "summary", "findings", "--by", "severity")
    lines = pulled("summary", "findings").done().out.splitlines()
    assert lines[0].split() == ["severity", "findings", "open", "critical", "high"]
    for item, line in zip(summary["items"], lines[1:], strict=False):
        assert line.split()[:5] == [
            item["key"], *(f"{item[part]:,}" for part in ("count", "open", "critical", "high"))
        ]  # fmt: skip
    bars = [len(re.sub(r"[^\u2588-\u258f]", "", line)) for line in lines[1:7]]
    assert max(bars) == bars[max(range(6), key=lambda place: summary["items"][place]["open"])] == 30
    assert f"{summary['total']:,} in all" in lines[-1]


def test_days(pulled: Any) -> None:
    """A trend has a line for each day that is asked for; what happened is drawn by day."""
    assert len(ask(pulled, "summary", "trend", "--days", "5")["items"]) == 5
    lines = pulled("summary", "trend", "--days", "5").done().out.splitlines()
    assert len(lines) == 6
    assert all(re.match(r"\d{4}-\d{2}-\d{2} ", line) for line in lines[1:])
    resolution = ask(pulled, "summary", "resolution", "--days", "7")
    assert (resolution["days"], resolution["all"]["severity"]) == (7, None)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["findings", "--by", "severty"], ["severty", "Did you mean severity?"]),
        (["findings", "--severity", "severe"], ["severe", "critical"]),
        (["trend", "--days", "0"], ["0 days", "366"]),
        (["resolution", "--days", "367"], ["367 days"]),
        (["age", "--organization", "nobody of this name"], ["no organization"]),
    ],
)
def test_what_makes_no_sense(unchanged: Any, command: list[str], words: list[str]) -> None:
    """What means nothing is told with what means something, and ends with the code of wrong use."""
    unchanged("summary", *command).refused(2, *words)
