"""Writes the parts of the documentation that are facts of the code, so that they cannot fall behind it.

A part stands between `<!-- from the code: NAME -->` and `<!-- end -->`. With `--check` nothing is written, and
a part that differs from the code, or a setting that is documented nowhere, is an error.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from enum import IntEnum
from pathlib import Path
from typing import Final

import msgspec

import field_tables
import metric_tables
import ocsf_tables
import operation_tables
from waypost import errors, settings
from waypost.cli import main as program
from waypost.connections.connection import Rhythm
from waypost.sentinelone import limits
from waypost.sync import load, plan, runs, streams, walks
from waypost.unified import words
from waypost.unified.words import FindingState, word

DOCS: Final = Path(__file__).resolve().parent.parent / "docs"
_PART: Final = re.compile(r"(<!-- from the code: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_SETTING: Final = re.compile(r"^#+ `(WAYPOST_\w+)`$", re.MULTILINE)
_NOT_IN_SETTINGS: Final = {"WAYPOST_CONFIG", "WAYPOST_KEY", "WAYPOST_TOKEN"}
"""Read from the environment only: where the file is, the token of `connection add`, whom a command acts as."""


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    cells = [[str(cell).replace("|", "\\|") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def code(value: object) -> str:
    """A value as code; nothing for nothing."""
    return f"`{value}`" if value not in ("", None) else ""


def severities() -> str:
    rows = [[code(sent), code(word(found))] for sent, found in words.SEVERITY_OF_WORD.items()]
    return table(["the console's `severity`, in any case", "severity"], rows)


def scores() -> str:
    rows = [[f"{least:.1f} or more", code(word(found))] for least, found in words.SEVERITY_OF_SCORE]
    return table(["score", "severity"], [*rows, ["none", code("unknown")]])


def finding_states() -> str:
    unmarked = ", ".join("empty" if not mark else code(mark) for mark in sorted(words.UNMARKED))
    rows = [
        *(["`status`", code(sent), code(word(found))] for sent, found in words.STATE_OF_STATUS.items()),
        ["`markType`", f"anything but {unmarked}", code(word(FindingState.IGNORED))],
        *(
            ["`mitigationStatus`", code(sent), code(word(found))]
            for sent, found in words.STATE_OF_MITIGATION.items()
        ),
        ["anything else", "", code(word(FindingState.OPEN))],
    ]
    return table(["the console's field", "its value, in any case", "state"], rows)


def vocabularies() -> str:
    kinds: tuple[tuple[str, type[IntEnum]], ...] = (
        ("severity", words.Severity),
        ("state of a finding", words.FindingState),
        ("state of a device", words.DeviceState),
        ("kind of change", words.ChangeKind),
    )
    rows = [
        [name, ", ".join(f"{code(word(member))} {member.value}" for member in kind)] for name, kind in kinds
    ]
    return table(["vocabulary", "words, and the numbers that the database stores"], rows)


def pulled() -> str:
    rows = [
        [
            code(stream.name),
            code(stream.path),
            _parameters(stream.params),
            _parameters({stream.since_param: "…", **stream.delta_params}) if stream.since_param else "",
        ]
        for stream in streams.IN_ORDER
    ]
    return table(["stream", "path below `/web/api/v2.1`", "asks for", "a delta adds"], rows)


def rates() -> str:
    rows: list[list[object]] = []
    for stream in streams.IN_ORDER:
        prefix = stream.path.strip("/")
        limit = next((row for row in limits.TABLE if row.prefix == prefix), limits.UNKNOWN)
        rows.append([code(stream.path), f"{limit.rate:g}", limit.burst])
    return table(["path", "requests a second", "at once after a pause"], rows)


def figures() -> str:
    rows: list[list[object]] = [
        ["walks fetched side by side", walks.SIDE_BY_SIDE],
        ["requests under way at once by one token", limits.CONCURRENT],
        ["pages that one transaction stores, at most", load.BATCH_PAGES],
        ["a delta starts before the last pull did, by", _span(plan.OVERLAP)],
        ["everything is walked again after", _span(timedelta(seconds=Rhythm().reconcile_seconds))],
        ["a worker that says nothing keeps its runs for", _span(runs.LEASE)],
    ]
    return table(["figure", "value"], rows)


def error_table() -> str:
    rows = [
        [
            code(kind.code),
            _sentence(kind),
            kind.owner,
            kind.reaction,
            program.exit_code(kind()),
            kind.remedy,
        ]
        for kind in _errors(errors.WaypostError)
    ]
    return table(["code", "meaning", "who must act", "reaction", "exit code", "next step"], rows)


def commands() -> str:
    _, first, text = program.app.generate_docs().partition("## waypost demo\n")
    text = re.sub(r' \*\[default: (?:False|"")\]\*', "", first + text)
    return text.strip() + "\n"


def operations() -> str:
    return "\n".join(
        f"## {name.capitalize()}\n\n{about}\n\n{table(operation_tables.HEADS, rows)}"
        for name, about, rows in operation_tables.sections()
    )


def settings_table() -> str:
    rows = [
        [
            code(f"WAYPOST_{field.name.upper()}"),
            _shape(field.type),
            _default(field),
            settings.about(field.name),
        ]
        for field in msgspec.structs.fields(settings.Settings)
    ]
    return table(["setting", "is", "default", "what"], rows)


PARTS: Final[dict[str, Callable[[], str]]] = {
    "ocsf_finding": lambda: table(ocsf_tables.HEADS, ocsf_tables.mapping("finding")),
    "ocsf_device": lambda: table(ocsf_tables.HEADS, ocsf_tables.mapping("device")),
    "ocsf_software": lambda: table(ocsf_tables.HEADS, ocsf_tables.mapping("software")),
    "ocsf_words": lambda: table(ocsf_tables.WORD_HEADS, ocsf_tables.vocabularies()),
    "fields": field_tables.tables,
    "metrics": lambda: table(metric_tables.HEADS, metric_tables.rows()),
    "severities": severities,
    "scores": scores,
    "finding_states": finding_states,
    "vocabularies": vocabularies,
    "streams": pulled,
    "rates": rates,
    "figures": figures,
    "errors": error_table,
    "commands": commands,
    "operations": operations,
    "settings": settings_table,
}


def rendered(text: str) -> str:
    """A document with every part as the code has it."""
    return _PART.sub(lambda match: match[1] + PARTS[match[2]]() + match[3], text)


def undocumented() -> set[str]:
    """Settings that have no heading of their own, and headings of settings that do not exist."""
    known = {f"WAYPOST_{field.name.upper()}" for field in msgspec.structs.fields(settings.Settings)}
    return (known | _NOT_IN_SETTINGS) ^ set(_SETTING.findall((DOCS / "settings.md").read_text()))


def main() -> int:
    """Write the parts, or with `--check` say which differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail where something differs")
    checking = parser.parse_args().check
    stale, used = [], set[str]()
    for path in sorted(DOCS.rglob("*.md")):
        before = path.read_text()
        used |= {match[2] for match in _PART.finditer(before)}
        after = rendered(before)
        if after != before:
            stale.append(f"docs/{path.relative_to(DOCS)} differs from the code; `make fix` writes it")
            if not checking:
                path.write_text(after)
    wrong = [f"docs/settings.md and the settings differ in {name}" for name in sorted(undocumented())]
    wrong += [f"no document has the part {name!r}" for name in sorted(set(PARTS) - used)]
    told = wrong + (stale if checking else [])
    for line in told:
        print(line, file=sys.stderr)
    return 1 if told else 0


def _errors(kind: type[errors.WaypostError]) -> Iterator[type[errors.WaypostError]]:
    """The tree of `errors.py`; a module's own kinds, made for one answer, share a code of it."""
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _errors(child)


def _sentence(kind: type[errors.WaypostError]) -> str:
    return (kind.__doc__ or "").strip().partition("\n")[0]


def _parameters(parameters: Mapping[str, str]) -> str:
    return "<br>".join(code(f"{name}={value}") for name, value in parameters.items())


def _shape(kind: object) -> str:
    return {str: "text", int: "number", bool: "true or false", Path: "folder"}[kind]  # type: ignore[index]


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.default is msgspec.NODEFAULT:
        return "see below"
    return "" if field.default == "" else code(str(field.default).lower())


def _span(time: timedelta) -> str:
    seconds = int(time.total_seconds())
    for size, name in ((3600, "hours"), (60, "minutes")):
        if seconds % size == 0:
            return f"{seconds // size} {name}"
    return f"{seconds} seconds"


if __name__ == "__main__":
    sys.exit(main())
