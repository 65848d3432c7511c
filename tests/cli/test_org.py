"""`waypost org`: add, list, show, change, archive, and many at once by file or from the console."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.simulator import Simulator
from waypost.storage import embedded

HEADER = "name,external_id,domains,aliases,parent,tags"


@pytest.fixture(scope="module")
def waypost(make_waypost: Callable[[], Any]) -> Any:
    made = make_waypost()
    embedded.start(made.home)
    return made


def listed(waypost: Any, *options: str) -> list[Any]:
    document = waypost("org", "list", "--json", *options).done().document
    assert document.keys() == {"items", "next_cursor"}
    return list(document["items"])


def written(path: Path, *lines: str) -> str:
    path.write_text("\n".join([HEADER, *lines]), encoding="utf-8")
    return str(path)


def test_adding_and_listing(waypost: Any) -> None:
    """Organizations are listed by name; a name that is taken, or none, is refused with the next step."""
    assert waypost("org", "list", "--json").done().document == {"items": [], "next_cursor": None}
    assert "waypost org add" in waypost("org", "list").done().out
    added = waypost("org", "add", " Łódź  GmbH ", "--json").done().document
    assert added.keys() == {
        "id", "name", "external_id", "domains", "aliases", "parent", "tags", "archived_at", "created_at",
        "changed_at",
    }  # fmt: skip
    assert added["name"] == "Łódź GmbH"
    assert "Added ACME" in waypost("org", "add", "ACME").done().out
    waypost("org", "add", "Łódź GmbH").refused(2, "already", "Code: organization.name")
    waypost("org", "add", "a\u202eb").refused(2, "cannot be seen", "Code: organization.name")
    assert [item["name"] for item in listed(waypost)] == ["ACME", "Łódź GmbH"]
    assert "Łódź GmbH" in waypost("org", "list").done().out


def test_an_organization_that_is_not_there(waypost: Any) -> None:
    """A connection of an organization that nobody knows is not added."""
    arguments = ("connection", "add", "ACME", "--url", "https://usea1-example.sentinelone.net")
    ended = waypost(*arguments, "--organization", "nobody", stdin="token")
    ended.refused(2, "'nobody'", "waypost org add")


def test_all_that_is_said(waypost: Any) -> None:
    """What is said of an organization is shown, searched and changed; lists grow and shrink by what is named."""
    waypost("org", "add", "Holding").done()
    waypost(
        "org", "add", "Branch", "--parent", "Holding", "--external-id", "CRM-1", "--domain", "branch.example",
        "--domain", "branch.local", "--alias", "The Branch", "--tag", "gold",
    ).done()  # fmt: skip
    for options in (("--search", "the br"), ("--tag", "GOLD"), ("--search", "CRM-1")):
        assert [item["name"] for item in listed(waypost, *options)] == ["Branch"]
    assert "Nothing matches" in waypost("org", "list", "--tag", "silver").done().out
    shown = waypost("org", "show", "Holding / Branch").done().out
    for words in ("CRM-1", "branch.example, branch.local", "The Branch", "gold", "Holding"):
        assert words in shown
    changed = waypost(
        "org", "change", "Branch", "--name", "Branch 2", "--external-id", "", "--parent", "", "--tag", "24/7",
        "--without-domain", "BRANCH.local", "--json",
    ).done().document  # fmt: skip
    assert (changed["name"], changed["external_id"], changed["parent"]) == ("Branch 2", None, None)
    assert (changed["domains"], changed["tags"]) == (["branch.example"], ["gold", "24/7"])
    assert changed["aliases"] == ["The Branch"]
    assert "is so already" in waypost("org", "change", "Branch 2", "--tag", "gold").done().out
    document = waypost("org", "show", "Branch 2", "--json").done().document
    assert document["consoles"][0]["reached"] == "none"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "x", "--external-id", "TAKEN"), ("TAKEN", "Code: organization.external_id")),
        (("add", "x", "--parent", "nobody"), ("nobody", "Code: organization.parent")),
        (("add", "x", "--domain", "joe@acme.example"), ("no domain", "Code: request.field")),
        (("change", "taken", "--parent", "below"), ("itself, or below it", "Code: organization.parent")),
        (("change", "nobody", "--name", "x"), ("nobody", "Code: organization.unknown")),
        (("archive", "taken"), ("'below'", "Code: organization.state")),
        (("show", "nobody"), ("nobody", "Code: organization.unknown")),
        (("import",), ("Either a file or --from-console",)),
        (("import", "x.csv", "--from-console"), ("Either a file or --from-console",)),
        (("import", "x.csv", "--kind", "site"), ("go with --from-console",)),
        (("import", "none.csv"), ("none.csv", "Code: sheet")),
        (
            ("import", "--from-console", "--connection", "nobody", "--yes"),
            ("nobody", "Code: connection.unknown"),
        ),
    ],
)
def test_what_cannot_be(waypost: Any, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    """Each thing that cannot be is an error of its own with its next step, and changes nothing."""
    if not listed(waypost, "--search", "TAKEN"):
        waypost("org", "add", "taken", "--external-id", "TAKEN").done()
        waypost("org", "add", "below", "--parent", "taken").done()
    before = listed(waypost)
    waypost("org", *arguments).refused(2, *words)
    assert listed(waypost) == before


def test_archiving(waypost: Any) -> None:
    """An archived organization is out of the list, and its keys open nothing, until it is restored."""
    waypost("org", "add", "Old").done()
    key = waypost("key", "create", "k", "--scope", "read", "--organization", "Old").done().out.strip()
    assert [item["name"] for item in listed(waypost)].count("Old") == 1
    assert waypost("org", "list", "--json", WAYPOST_KEY=key).done().document["items"][0]["name"] == "Old"
    assert "archived" in waypost("org", "archive", "Old").done().out
    assert "Old" not in [item["name"] for item in listed(waypost)]
    assert [item["name"] for item in listed(waypost, "--archived")] == ["Old"]
    waypost("org", "list", WAYPOST_KEY=key).refused(1, "'Old' is archived", "Code: access.key")
    waypost("key", "create", "k", "--scope", "read", "--organization", "Old").refused(2, "organization.state")
    waypost("org", "change", "Old", "--name", "New").refused(2, "archived", "waypost org restore")
    waypost("org", "restore", "Old").done()
    assert waypost("org", "list", "--json", WAYPOST_KEY=key).done().document["items"][0]["name"] == "Old"


def test_a_bound_key(waypost: Any) -> None:
    """A command that acts as a key of an organization shows that one alone, and changes none."""
    for name in ("Mine", "Theirs"):
        waypost("org", "add", name).done()
    scopes = ("--scope", "read", "--scope", "manage")
    key = waypost("key", "create", "k", *scopes, "--organization", "Mine").done().out.strip()
    document = waypost("org", "list", "--json", WAYPOST_KEY=key).done().document
    assert [item["name"] for item in document["items"]] == ["Mine"]
    waypost("org", "show", "Mine", WAYPOST_KEY=key).done()
    waypost("org", "show", "Theirs", WAYPOST_KEY=key).refused(2, "Code: organization.unknown")
    for arguments in (("add", "x"), ("change", "Mine", "--tag", "x"), ("archive", "Mine"), ("export",)):
        waypost("org", *arguments, WAYPOST_KEY=key).refused(1, "Code: access.scope")


def test_a_file(waypost: Any, tmp_path: Path) -> None:
    """A dry run shows what a file would change, the import does it, and the export brings it back."""
    lines = ("F one,F-1,f.example;f.local,=cmd,F top,gold", "F top,,,,,")
    file = written(tmp_path / "clients.csv", *lines)
    before = listed(waypost)
    foreseen = waypost("org", "import", file, "--dry-run").done().out
    for words in ("F top / F one", "external_id: F-1", "2 to add, 0 to change, 0 as they are", "dry run"):
        assert words in foreseen
    assert listed(waypost) == before
    done = waypost("org", "import", file, "--yes").done().out
    assert "Added 2." in done
    assert "Next: waypost mapping suggest" in done
    changed = written(tmp_path / "changed.csv", "F one,F-1,f.example,=cmd,F top,silver")
    shown = waypost("org", "import", changed, "--yes").done().out
    assert "tags: gold → silver" in shown
    assert "domains: f.example, f.local → f.example" in shown

    target = tmp_path / "out.csv"
    assert waypost("org", "export", "--output", str(target)).done().out == ""
    text = target.read_bytes().decode()
    assert text == waypost("org", "export").done().out.replace("\n", "\r\n")
    (row,) = [row for row in csv.DictReader(io.StringIO(text)) if row["external_id"] == "F-1"]
    assert (row["aliases"], row["parent"], row["tags"]) == ("'=cmd", "F top", "silver")
    again = waypost("org", "import", str(target), "--yes", "--json").done().document
    assert (again["added"], again["changed"], again["items"], again["next_cursor"]) == (0, 0, [], None)
    assert "as they are" in waypost("org", "import", str(target), "--yes").done().out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ("The file is empty",)),
        (
            f"{HEADER}\nG one,,,,,\n-x,,,,,\nG two,,no domain,,,\n".encode(),
            ("Line 3", "Line 4", "Nothing was stored"),
        ),
        (b"nmae,tags\nG one,x\n", ("did you mean name?",)),
        (b"name|tags\nG one|x\n", ("none of comma, semicolon, tab",)),
        ("name\nG Müller\n".encode("latin-1"), ("Windows-1252", "CSV UTF-8")),
        ("name\nG Müller\n".encode("utf-16"), ("UTF-16", "CSV UTF-8")),
        (b"name\n" + b"G one\n" * 1_000_000, ("more than 100,000 lines", "Split it")),
        (b"name,external_id\nG one,1\nG two,1\n", ("external id '1' is in line 2",)),
        (b"name,parent\nG one,G two\nG two,G one\n", ("Line 2",)),
    ],
)
def test_files_that_cannot_be(waypost: Any, tmp_path: Path, content: bytes, words: tuple[str, ...]) -> None:
    """What is wrong with a file is said by line with what to do about it, and nothing of it is stored."""
    file = tmp_path / "bad.csv"
    file.write_bytes(content)
    before = listed(waypost)
    waypost("org", "import", str(file), "--yes").refused(2, *words, "Code: sheet")
    assert listed(waypost) == before


def test_from_the_console(make_waypost: Callable[[], Any], console: Simulator) -> None:
    """Each site that is nobody's makes an organization, shown first; afterwards none is left to make."""
    waypost = make_waypost()
    embedded.start(waypost.home)
    waypost.add("ACME", console.url, console.token).done()
    waypost("sync", "ACME", "--stream", "accounts", "--stream", "sites").done()
    foreseen = waypost("org", "import", "--from-console", "--dry-run", "--json").done().document
    assert foreseen["dry_run"] is True
    names = sorted(item["name"] for item in foreseen["items"] if item["action"] == "add")
    assert names
    assert listed(waypost) == []
    done = waypost("org", "import", "--from-console", "--connection", "ACME").done().out
    assert "Next: waypost mapping suggest" in done
    assert sorted(item["name"] for item in listed(waypost)) == names
    again = waypost("org", "import", "--from-console", "--yes", "--json").done().document
    assert again["added"] == 0
    assert waypost("org", "import", "--from-console", "--kind", "account", "--dry-run").done().out
