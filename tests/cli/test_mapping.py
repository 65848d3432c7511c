"""`waypost mapping`: the story of a provider with a console, from nothing to years later, and all that goes wrong."""

import csv
import itertools
import os
import pty
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support import simulator
from support.simulator import Simulator
from waypost.storage import embedded

Document = dict[str, Any]
ORGANIZATIONS = """\
name,external_id,domains,aliases,parent,tags
Nordwind Logistics GmbH,C-1,,,,
Initech,C-2,,,,
Globex Corporation,C-3,,,,
Umbrella,C-4,,,,
Umbrella Inc,C-5,,,,
"""


@pytest.fixture(scope="module")
def console() -> Iterator[Simulator]:
    """A console with two accounts; one is a single client, the other has sites of several."""
    options = simulator.arguments(accounts=1, sites=1, agents=3, risks_per_agent=4, seed=7)
    with simulator.running(options) as console:
        group = console.change("add_account", name="Nordwind Group")["id"]
        msp = console.change("add_account", name="Managed clients")["id"]
        for account, name in (
            (group, "Nordwind Logistics - HQ"),
            (group, "Default site"),
            (msp, "PROD_Initech Ltd"),
            (msp, "Globex"),
            (msp, "Default site"),
            (msp, "Umbrella"),
            (msp, "a/b = c"),
        ):
            console.change("add_site", account=account, name=name, agents=2)
        yield console


@pytest.fixture(scope="module")
def waypost(
    make_waypost: Callable[[], Any], console: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """A home with that console pulled, and organizations from a file."""
    made = make_waypost()
    embedded.start(made.home)
    made.add("msp", console.url, console.token).done()
    made("sync", "msp").done()
    file = tmp_path_factory.mktemp("files") / "organizations.csv"
    file.write_text(ORGANIZATIONS)
    made("org", "import", str(file), "--yes").done()
    return made


@pytest.fixture
def mapping(waypost: Any) -> Iterator[Callable[..., Any]]:
    """The command `mapping`; whatever a test saved is taken back at the end."""
    known = {save["id"] for save in waypost("mapping", "history", "--json").document["items"]}
    yield lambda *arguments, **environ: waypost("mapping", *arguments, **environ)
    for save in waypost("mapping", "history", "--limit", "1000", "--json").document["items"]:
        if save["id"] not in known and save["undone_by"] is None and save["source"] != "undo":
            waypost("mapping", "undo", save["id"], "--yes").done()


def shown(mapping: Callable[..., Any], *filters: str) -> dict[str, str | None]:
    """Whose each site is, by account and name."""
    items = mapping("show", *filters, "--json").done().document["items"]
    return {
        f"{item['account']}/{item['name']}": (item["effective"]["organization"] or {}).get("name")
        or item["effective"]["reason"]
        for item in items
    }


def test_from_nothing_to_mapped(mapping: Callable[..., Any]) -> None:
    """Suggestions say why; sure ones are accepted once their difference was shown; the rest is left to a person."""
    suggested = mapping("suggest").done().out
    for words in ("PROD_Initech Ltd", "Initech", "sure", "waypost mapping save --accept sure"):
        assert words in suggested
    items = mapping("suggest", "--json").done().document["items"]
    assert {*items[0]} >= {"connection", "kind", "id", "name", "candidates"}
    best = {item["name"]: item["candidates"][0] for item in items if item["candidates"]}
    assert best["PROD_Initech Ltd"]["grade"] == "sure"
    assert best["Umbrella"]["grade"] != "sure"
    in_full = mapping("suggest", "--all").done().out
    assert all(reason in in_full for item in items for one in item["candidates"] for reason in one["reasons"])

    told = mapping("save", "--accept", "sure", "--dry-run").done().out
    assert "PROD_Initech Ltd" in told
    assert "undecided" in told
    assert set(shown(mapping).values()) == {None}
    done = mapping("save", "--accept", "sure", "--yes").done().out
    assert told.splitlines()[:-1] == done.splitlines()[: len(told.splitlines()) - 1]
    now = shown(mapping)
    assert now["Managed clients/PROD_Initech Ltd"] == "Initech"
    assert now["Managed clients/Umbrella"] is None
    assert now["Managed clients/Default site"] is None
    assert "sure" not in {
        item["candidates"][0]["grade"] for item in _suggested(mapping) if item["candidates"]
    }
    again = mapping("save", "--accept", "sure", "--yes").done().out
    assert again.startswith("Nothing would change")
    undo = next(line for line in done.splitlines() if "waypost mapping undo" in line).rpartition(" ")[2]
    assert "Took back" in mapping("undo", undo, "--yes").done().out
    assert set(shown(mapping).values()) == {None}


def _suggested(mapping: Callable[..., Any]) -> list[Document]:
    items: list[Document] = mapping("suggest", "--json").done().document["items"]
    return items


def test_saying_which_site(mapping: Callable[..., Any]) -> None:
    """A site is named alone where that is enough, else after its connection or account, or by id; in any case."""
    ids = {f"{item['account']}/{item['name']}": item["id"] for item in _items(mapping)}
    decisions = [
        "globex=Globex Corporation",
        "msp/PROD_Initech Ltd=Initech",
        "Nordwind Group/default site=Nordwind Logistics GmbH",
        "msp/Managed clients/Default site=Umbrella Inc",
        f"msp/{ids['Managed clients/Umbrella']}=Umbrella",
        "a/b = c=Initech",
    ]
    saved = mapping("save", *decisions, "--yes", "--json").done().document
    assert len(saved["items"]) == len(decisions)
    now = shown(mapping)
    assert now["Managed clients/a/b = c"] == "Initech"
    assert now["Managed clients/Default site"] == "Umbrella Inc"
    assert now["Nordwind Group/Default site"] == "Nordwind Logistics GmbH"
    assert saved["devices"] == sum(step["devices"] for step in saved["items"]) > 0


def _items(mapping: Callable[..., Any]) -> list[Document]:
    items: list[Document] = mapping("show", "--json").done().document["items"]
    return items


IMPOSSIBLE: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
    (
        ("Default site=Initech",),
        ("any of 3 sites", "Managed clients", "Nordwind Group", "Code: mapping.scope"),
    ),
    (("no such site=Initech",), ("no site 'no such site'", "Code: mapping.scope")),
    (("Globex=no such client",), ("'no such client'", "Code: organization.unknown")),
    (("Globex",), ("is no decision", "SCOPE=ORGANIZATION")),
    (("=Initech",), ("is no decision",)),
    (("Globex=",), ("is no decision",)),
    (("Globex=Initech", "Globex=Umbrella"), ("twice", "Code: mapping.decision")),
    (("Globex=Initech", "--kind", "account"), ("no account 'Umbrella'",)),
    (("Globex=Initech", "--connection", "other"), ("no connection 'other'", "Code: connection.unknown")),
    (("--ignore", "Globex"), ("no reason", "Code: mapping.decision")),
    (("--ignore", "Globex", "--reason", "x" * 501), ("500", "Code: mapping.decision")),
    (("--file", "/no/such/file.csv"), ("/no/such/file.csv", "Code: sheet")),
    ((), ("nothing to save", "waypost mapping suggest")),
]


def test_decisions_that_cannot_be(mapping: Callable[..., Any]) -> None:
    """What cannot be decided is refused in words, and of what was decided along with it nothing is saved."""
    before = shown(mapping)
    for arguments, words in IMPOSSIBLE:
        good = ("Umbrella=Umbrella",) if arguments else ()
        mapping("save", *good, *arguments, "--yes").refused(2, *words)
    assert shown(mapping) == before


def test_only_sure_ones_are_accepted_unseen(mapping: Callable[..., Any]) -> None:
    """No other grade can be accepted in bulk."""
    for grade in ("likely", "possible", "all"):
        ended = mapping("save", "--accept", grade, "--yes")
        assert (ended.code, ended.out) == (2, "")
        assert "sure" in ended.err


def test_replacing(mapping: Callable[..., Any]) -> None:
    """What is decided is replaced only by who says so; and taken back to undecided."""
    mapping("save", "Globex=Initech", "--yes").done()
    mapping("save", "Globex=Umbrella", "--yes").refused(2, "'Initech'", "--replace", "Code: mapping.outdated")
    mapping("save", "Globex=Umbrella", "--yes", "--replace").done()
    assert shown(mapping)["Managed clients/Globex"] == "Umbrella"
    mapping("save", "--ignore", "Globex", "--reason", "ours", "--replace", "--yes").done()
    assert shown(mapping)["Managed clients/Globex"] == "ours"
    assert "ignored: ours" in mapping("show").done().out
    mapping("save", "--undecide", "Globex", "--yes").done()
    assert shown(mapping)["Managed clients/Globex"] is None


def test_a_whole_account(mapping: Callable[..., Any]) -> None:
    """An account is decided about as a whole; its sites follow and say so, and one may go its own way."""
    decided = ("Nordwind Group=Nordwind Logistics GmbH", "--kind", "account")
    done = mapping("save", *decided, "--yes").done().out
    assert "Nordwind Group (account)" in done
    assert "for 2 sites" in done
    assert shown(mapping, "--organization", "Nordwind Logistics GmbH") == {
        "Nordwind Group/Default site": "Nordwind Logistics GmbH",
        "Nordwind Group/Nordwind Logistics - HQ": "Nordwind Logistics GmbH",
    }
    mapping("save", "Nordwind Group/Default site=Initech", "--yes").done()
    lines = [line for line in mapping("show").done().out.splitlines() if line.startswith("Nordwind Group")]
    assert [line.split()[-2] for line in sorted(lines)] == ["site", "account"]


def test_asked_at_a_terminal(waypost: Any, mapping: Callable[..., Any]) -> None:
    """On a terminal the difference is shown and then asked about; elsewhere nothing is saved without --yes."""
    _unconfirmed(mapping("save", "Globex=Initech"))
    mapping("save", "Nobody's=Initech").refused(2, "Nobody's", "Code: mapping.scope")
    assert "Nothing was changed" in _at_terminal(waypost, "n", "mapping", "save", "Globex=Initech")
    assert shown(mapping)["Managed clients/Globex"] is None
    told = _at_terminal(waypost, "y", "mapping", "save", "Globex=Initech")
    assert told.index("1 decision for 1 site") < told.index("Saved 1 decision")
    assert shown(mapping)["Managed clients/Globex"] == "Initech"


def _unconfirmed(ended: Any) -> None:
    """It showed what would change, and ended there, since nobody could be asked."""
    assert ended.code == 2
    assert "change hands" in ended.out
    for word in ("nothing was changed", "--dry-run", "--yes"):
        assert word in ended.err


def _at_terminal(waypost: Any, answer: str, *arguments: str) -> str:
    """What a command prints whose standard input is a terminal at which this is typed."""
    ours, theirs = pty.openpty()
    command = [str(Path(sys.executable).with_name("waypost")), *arguments]
    with subprocess.Popen(
        command,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=waypost.environ,
    ) as process:
        os.write(ours, f"{answer}\n".encode())
        out, _ = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    return str(out)


def test_who_comes_between(waypost: Any, mapping: Callable[..., Any]) -> None:
    """Whoever is asked while somebody else saves is refused after his yes: he agreed to another difference."""
    ours, theirs = pty.openpty()
    command = [str(Path(sys.executable).with_name("waypost")), "mapping", "save", "Globex=Initech"]
    with subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=waypost.environ
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:  # until it has shown the difference and asks
            if "change hands" in line:
                break
        mapping("save", "Globex=Umbrella", "--yes").done()
        os.write(ours, b"y\n")
        _, said = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 2
    assert "Umbrella" in said
    assert "Code: mapping.outdated" in said
    assert shown(mapping)["Managed clients/Globex"] == "Umbrella"


def test_a_file_there_and_back(mapping: Callable[..., Any], tmp_path: Path) -> None:
    """What is exported imports as no change; an edited line is saved after its difference; a wrong one is named."""
    mapping("save", "--ignore", "Umbrella", "--reason", "=cmd|' /C calc'!A0", "--yes").done()
    file = tmp_path / "mapping.csv"
    mapping("export", "--output", str(file)).done()
    assert mapping("export").done().out == file.read_text(encoding="utf-8").replace("\r\n", "\n")
    assert "'=cmd" in file.read_text()
    assert mapping("import", str(file), "--yes").done().out.startswith("Nothing would change")

    with file.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    globex = next(row for row in rows if row["name"] == "Globex")
    globex |= {"decision": "mapped", "organization": "Globex Corporation"}
    _write(file, rows)
    before = shown(mapping)
    assert "Globex Corporation" in mapping("import", str(file), "--dry-run").done().out
    _unconfirmed(mapping("import", str(file)))
    assert shown(mapping) == before
    mapping("import", str(file), "--yes").done()
    assert shown(mapping)["Managed clients/Globex"] == "Globex Corporation"
    globex["organization"] = "Initech"
    _write(file, rows)
    mapping("import", str(file), "--yes").refused(2, "Globex Corporation", "Code: mapping.outdated")

    rows[0]["decision"], rows[-1]["organization"] = "perhaps", "no such client"
    _write(file, rows)
    mapping("import", str(file), "--yes").refused(2, "Line 2", f"Line {len(rows) + 1}", "Code: sheet")
    assert shown(mapping)["Managed clients/Globex"] == "Globex Corporation"


def _write(file: Path, rows: list[dict[str, str]]) -> None:
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def test_a_file_of_decisions_besides(mapping: Callable[..., Any], tmp_path: Path) -> None:
    """Decisions of a file and of the command line are saved together."""
    file = tmp_path / "some.csv"
    (site,) = [item for item in _items(mapping) if item["name"] == "Globex"]
    file.write_text(f"connection;kind;id;decision;organization\nmsp;site;{site['id']};mapped;Initech\n")
    done = mapping("save", "Umbrella=Umbrella", "--file", str(file), "--yes", "--json").done().document
    assert {step["name"] for step in done["items"]} == {"Umbrella", "Globex"}


def test_the_history(mapping: Callable[..., Any]) -> None:
    """The history says who decided what by which evidence; an undo is in it, and cannot be had twice."""
    saved = mapping("save", "--accept", "sure", "--yes", "--json").done().document
    (newest,) = mapping("history", "--limit", "1", "--json").done().document["items"]
    assert newest["id"] == saved["id"]
    assert saved["id"] in mapping("history").done().out
    one = mapping("history", saved["id"], "--json").done().document
    assert {change["evidence"]["grade"] for change in one["items"]} == {"sure"}
    assert "PROD_Initech Ltd" in mapping("history", saved["id"]).done().out
    before = shown(mapping)
    assert "Initech" in mapping("undo", saved["id"], "--dry-run").done().out
    _unconfirmed(mapping("undo", saved["id"]))
    assert shown(mapping) == before
    undone = mapping("undo", saved["id"], "--yes", "--json").done().document
    assert set(shown(mapping).values()) == {None}
    mapping("undo", saved["id"], "--yes").refused(2, "undone already", "Code: mapping.undo")
    mapping("undo", undone["id"], "--yes").done()
    assert shown(mapping) == before
    mapping("undo", "nothing", "--yes").refused(2, "no id of a save", "Code: mapping.save")
    last = mapping("history", "--limit", "1", "--json").document["items"][0]
    mapping("undo", last["id"], "--yes").done()


def test_a_console_that_changes(waypost: Any, mapping: Callable[..., Any], console: Simulator) -> None:
    """Refreshing tells what happened; what needs a person is told with commands that end it when they are pasted."""
    mapping("save", "Globex=Globex Corporation", "Umbrella=Umbrella", "--yes").done()
    ids = {item["name"]: item["id"] for item in _items(mapping)}
    account = next(item["account_id"] for item in _items(mapping) if item["account"] == "Nordwind Group")
    console.change("rename", id=ids["Globex"], name="Initech")
    console.change("move", id=ids["Umbrella"], account=account)
    told = mapping("refresh").done().out
    assert "site renamed" in told
    assert "site moved" in told
    assert "waypost mapping drift" in told
    assert "nothing has changed" in mapping("refresh", "msp").done().out
    assert shown(mapping)["Managed clients/Initech"] == "Globex Corporation"

    drifts = mapping("drift", "--json").done().document["items"]
    assert {"renamed_site", "moved_site", "empty_organization"} <= {drift["kind"] for drift in drifts}
    listed = mapping("drift", "--kind", "renamed_site").done().out
    command = next(line.partition(": ")[2] for line in listed.splitlines() if "mapping drift --keep" in line)
    program, *arguments = shlex.split(command)
    assert program == "waypost"
    waypost(*arguments).done()
    assert "Nothing needs a person" in mapping("drift", "--kind", "renamed_site").done().out
    (moved,) = mapping("drift", "--kind", "moved_site", "--json").done().document["items"]
    waypost(*shlex.split(moved["remedies"][0]["command"])[1:]).done()
    assert mapping("drift", "--kind", "moved_site", "--json").done().document["items"] == []
    mapping("drift", "--keep", "00000000-0000-4000-8000-000000000000").refused(2, "request.not_found")

    console.change("rename", id=ids["Globex"], name="Globex")
    managed = next(item["account_id"] for item in _items(mapping) if item["account"] == "Managed clients")
    console.change("move", id=ids["Umbrella"], account=managed)
    mapping("refresh").done()


def test_each_command_that_drift_names(waypost: Any, mapping: Callable[..., Any]) -> None:
    """Every command that is told as a remedy is one, and is understood as it is printed."""
    items = mapping("drift", "--limit", "1000", "--json").done().document["items"]
    commands = {item["kind"]: [one["command"] for one in item["remedies"]] for item in items}
    assert "new_site" in commands
    for several in commands.values():
        for command in several:
            program, *arguments = shlex.split(command)
            asks = ["--dry-run"] if arguments[:2] == ["mapping", "save"] else []
            if arguments[0] == "mapping":
                assert program == "waypost"
                waypost(*arguments, *asks).done()


def test_which_client_is_where(waypost: Any, mapping: Callable[..., Any]) -> None:
    """One view over all consoles says who is where, what is nobody's, and how the others are reached."""
    mapping("save", "Globex=Globex Corporation", "--yes").done()
    out = mapping("show", "--organizations").done().out
    assert "nobody's" in out
    assert next(line for line in out.splitlines() if line.startswith("Globex")).split()[-5:-2] == [
        "msp",
        "its",
        "sites",
    ]
    assert "no connection" in out
    waypost("connection", "default", "msp").done()
    assert "the default connection" in mapping("show", "--organizations").done().out
    waypost("connection", "default", "--none").done()


def test_it_fits_a_terminal(mapping: Callable[..., Any]) -> None:
    """No line of a table is broken in a terminal of 80 or of 140 columns."""
    mapping("save", "Globex=Globex Corporation", "--yes").done()
    commands = ("suggest", "show", "show --organizations", "history", "save --accept sure --dry-run")
    for command, columns in itertools.product(commands, (80, 140)):
        lines = mapping(*command.split(), COLUMNS=str(columns)).done().out.splitlines()
        assert max(len(line) for line in lines if not line.startswith("Next: ")) <= columns, command


def test_lists_in_pages(mapping: Callable[..., Any]) -> None:
    """A list in pages of one is the whole list; a limit that is none, and another list's cursor, are refused."""
    for command in (("show",), ("suggest",), ("drift",), ("show", "--organizations")):
        whole, parts, cursor = mapping(*command, "--json").done().document["items"], [], ""
        while cursor is not None:
            more = ("--cursor", cursor) if cursor else ()
            page = mapping(*command, "--limit", "3", *more, "--json").done().document
            parts += page["items"]
            cursor = page["next_cursor"]
        assert parts == whole
        mapping(*command, "--limit", "0").refused(2, "limit")
        mapping(*command, "--limit", "100001").refused(2, "limit")
    cursor = mapping("show", "--limit", "1", "--json").done().document["next_cursor"]
    mapping("suggest", "--cursor", cursor).refused(2, "other filters")
