"""Lists: one JSON document with stable keys, the same filters for people and programs."""

from typing import Any

import pytest

FINDING = {"id", "connection", "site", "device", "software", "cve", "state", "severity", "score", "detected_at",
           "resolved_at", "last_seen_at"}  # fmt: skip
DEVICE = {"id", "name", "site", "os", "agent_version", "last_active_at", "state"}
LISTS: dict[str, set[str]] = {
    "finding list": FINDING,
    "device list": DEVICE,
    "software list": {"name", "vendor", "version", "devices", "findings"},
    "cve list": {
        "id",
        "severity",
        "score",
        "published_at",
        "exploited",
        "has_fix",
        "findings",
        "devices",
        "counted",
    },
    "account list": {
        "id",
        "connection",
        "name",
        "state",
        "organization",
        "sites",
        "devices",
        "open_findings",
    },
    "group list": {"id", "connection", "name", "site", "site_id", "state", "devices"},
    "site list": {"id", "connection", "name", "account", "state", "organization", "devices", "open_findings"},
    "change list": {"at", "kind", "connection", "site", "subject_id", "detail"},
    "connection list": {"id", "name", "state"},
    "runs": {"id", "connection", "stream", "kind", "state"},
    "quarantine list": set(),
}


def ask(waypost: Any, command: str, *more: str) -> Any:
    return waypost(*command.split(), *more, "--json").done().document


@pytest.mark.parametrize("command", LISTS)
def test_one_document(pulled: Any, command: str) -> None:
    """With --json standard output is one document, standard error is empty, and the items have their keys."""
    ended = pulled(*command.split(), "--json").done()
    assert ended.err == ""
    assert ended.document.keys() == {"items", "next_cursor"}
    for item in ended.document["items"]:
        assert item.keys() >= LISTS[command]
    assert ended.document["items"] or command == "quarantine list"


def test_sync_as_json(pulled: Any) -> None:
    """A pull answers with its runs, also as one document."""
    document = ask(pulled, "sync", "ACME")
    assert document["next_cursor"] is None
    (item,) = document["items"]
    assert item["ok"] is True
    assert [run["stream"] for run in item["runs"]] == ["accounts", "sites", "groups", "agents", "risks"]


def test_keys_of_what_is_nested(pulled: Any) -> None:
    """A finding names its device by id and name, and its software by name, vendor and version."""
    for item in ask(pulled, "finding list")["items"]:
        assert item["device"].keys() == {"id", "name"}
        assert item["software"].keys() == {"name", "vendor", "version"}


@pytest.mark.parametrize(
    "command", ["finding list", "device list", "software list", "site list", "change list"]
)
def test_pages(pulled: Any, command: str) -> None:
    """The cursor of a page leads to the next, until there is none: together they are the list."""
    whole = ask(pulled, command, "--limit", "10000")
    assert whole["next_cursor"] is None
    limit = len(whole["items"]) // 3
    items: list[Any] = []
    cursor: list[str] = []
    for _ in range(5):
        page = ask(pulled, command, "--limit", str(limit), *cursor)
        items += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = ["--cursor", page["next_cursor"]]
    assert items == whole["items"]


def test_filters_may_be_given_in_many_ways(pulled: Any) -> None:
    """Words are separated by commas, or the filter is repeated, in any case."""
    commas = ask(pulled, "finding list", "--severity", "critical, HIGH")["items"]
    assert commas == ask(pulled, "finding list", "--severity", "critical", "--severity", "high")["items"]
    assert {item["severity"] for item in commas} == {"critical", "high"}


def test_names_with_commas_are_names(pulled: Any) -> None:
    """A site or device may have a comma in its name, so these are not divided."""
    assert ask(pulled, "finding list", "--site", "Main, not there")["items"] == []


def test_every_filter_of_findings(pulled: Any) -> None:
    """A finding is found by everything that the list says of it."""
    whole = ask(pulled, "finding list", "--limit", "10000")["items"]
    wanted = next(item for item in whole if item["site"] and item["detected_at"])
    filters = [
        "--connection", wanted["connection"], "--site", wanted["site"], "--severity", wanted["severity"],
        "--state", wanted["state"], "--cve", wanted["cve"].lower(), "--device", wanted["device"]["id"],
        "--application", wanted["software"]["name"].upper(), "--detected-since", wanted["detected_at"],
        "--changed-since", wanted["changed_at"],
    ]  # fmt: skip
    assert wanted in ask(pulled, "finding list", *filters)["items"]
    assert ask(pulled, "finding list", *filters[:-1], "2099-01-01")["items"] == []


def test_devices_and_software_of_a_finding(pulled: Any) -> None:
    """What a finding names is found in the other lists."""
    finding = ask(pulled, "finding list", "--state", "open", "--limit", "1")["items"][0]
    (device,) = ask(pulled, "device list", "--device", finding["device"]["id"])["items"]
    assert device["name"] == finding["device"]["name"]
    software = ask(pulled, "software list", "--device", device["id"], "--cve", finding["cve"])["items"]
    assert finding["software"]["name"] in [item["name"] for item in software]


@pytest.mark.parametrize(
    "command",
    [
        "finding list",
        "device list",
        "software list",
        "cve list",
        "site list",
        "account list",
        "group list",
        "summary findings",
        "summary findings --by application",
        "summary trend",
        "summary resolution",
        "summary age",
        "change list",
        "runs",
        "connection list",
        "connection show ACME",
        "quarantine list",
    ],
)
def test_tables_for_people(pulled: Any, command: str) -> None:
    """Without --json people get a table on standard output, with the same names in it."""
    ended = pulled(*command.split()).done()
    assert ended.err == ""
    assert len(ended.out.splitlines()) >= 1
    assert "{" not in ended.out


def test_sites_and_what_changed(pulled: Any) -> None:
    """Sites count what the other lists show of them, and every open finding was opened once."""
    findings = ask(pulled, "finding list", "--limit", "10000")["items"]
    for site in ask(pulled, "site list", "--limit", "10000")["items"]:
        mine = [item for item in findings if item["site_id"] == site["id"] and item["state"] != "resolved"]
        assert site["open_findings"] == len(mine)
        assert site["organization"] is None
    opened = ask(pulled, "change list", "--kind", "finding_opened", "--limit", "100000")["items"]
    assert {item["id"] for item in findings if item["state"] == "open"} <= {
        item["subject_id"] for item in opened
    }
    assert len(opened) == len({item["subject_id"] for item in opened})


def test_narrowed_to_an_organization(pulled: Any) -> None:
    """One that does not exist is wrong use; what belongs to nobody is everything while nothing is mapped."""
    whole = ask(pulled, "device list", "--limit", "10000")["items"]
    assert ask(pulled, "device list", "--organization", "none", "--limit", "10000")["items"] == whole
    pulled("device", "list", "--organization", "nobody").refused(2, "There is no organization 'nobody'")


def test_the_way_to_the_next_page(pulled: Any) -> None:
    """A table that does not show all says what to add to see more."""
    out = pulled("finding", "list", "--limit", "2").done().out
    cursor = out.rsplit("--cursor ", 1)[1].split()[0]
    assert len(pulled("finding", "list", "--limit", "2", "--cursor", cursor).done().out.splitlines()) >= 3


def test_a_reader_that_goes_away(pulled: Any) -> None:
    """A list that is cut off by the program behind the pipe ends without a trace of the inside."""
    with pulled.start("finding", "list", "--json", "--limit", "10000") as process:
        process.stdout.close()
        err = process.stderr.read()
        process.wait(60)
    assert "Traceback" not in err
    assert process.returncode in (0, 1)
