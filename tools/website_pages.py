"""The pages of the documentation: which there are, in which order, and how they refer to each other.

`docs/index.md` is the one place that says so. Each of its sections has a table of pages with what they answer; the
site's navigation and `llms.txt` are made of it.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

_SECTION: Final = re.compile(r"^## (.+)$")
_ROW: Final = re.compile(r"^\| \[([^\]]+)\]\(([^)\s]+)\) \| (.+) \|$")
_TITLE: Final = re.compile(r"^# (.+)$", re.MULTILINE)
_FENCED: Final = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"(!?)\[([^\]]*)\]\(([^()\s]+)\)")
_ELSEWHERE: Final = re.compile(r"[a-z][a-z0-9+.-]*:")
_CODE_OF_TABLE: Final = re.compile(r"^\|.*\|$", re.MULTILINE)
_CODE: Final = re.compile(r"`[^`\n]+`")
INDEX: Final = "index.md"
_FOLDER: Final = "README.md"
"""What GitHub shows of a folder; a site calls it by the name of its index."""


@dataclass(frozen=True)
class Page:
    """One page, as the index names it."""

    title: str
    path: str
    answers: str


@dataclass(frozen=True)
class Section:
    """Pages that belong together."""

    title: str
    pages: tuple[Page, ...]


def sections(index: str) -> list[Section]:
    """What the index says. A section without a table of pages, like the glossary, is none of these."""
    found: list[tuple[str, list[Page]]] = []
    for line in index.splitlines():
        if heading := _SECTION.match(line):
            found.append((heading[1], []))
        elif found and (row := _ROW.match(line)):
            found[-1][1].append(Page(row[1], on_site(row[2]), row[3]))
    return [Section(title, tuple(pages)) for title, pages in found if pages]


def missing(known: Sequence[Section], docs: Path) -> list[str]:
    """Pages that nobody would find, since the index does not name them or their folder."""
    named = {page.path for section in known for page in section.pages} | {INDEX}
    folders = {str(PurePosixPath(path).parent) for path in named if path.endswith(f"/{INDEX}")}
    return [
        path for path in paths(docs) if path not in named and str(PurePosixPath(path).parent) not in folders
    ]


def paths(docs: Path) -> list[str]:
    """Every page, by its path on the site."""
    return sorted(on_site(path.relative_to(docs).as_posix()) for path in docs.rglob("*.md"))


def source(path: str) -> str:
    """The file that a page is written in, below `docs/`."""
    return path if path == INDEX else re.sub(rf"(^|/){INDEX}$", rf"\1{_FOLDER}", path)


def on_site(path: str) -> str:
    """The path on the site of a file below `docs/`; links may have a heading after it."""
    return re.sub(rf"(^|/){_FOLDER}(?=$|#)", rf"\1{INDEX}", path)


def navigation(known: Sequence[Section], docs: Path) -> str:
    """The navigation, in TOML: the sections, and within a folder its pages."""
    parts = [_entry("Overview", _text(INDEX))]
    for section in known:
        entries: list[str] = []
        for page in section.pages:
            if page.path.endswith(f"/{INDEX}"):
                entries += [_text(page.path), _entry("One by one", _list(_folder(page, docs)))]
            else:
                entries.append(_entry(page.title, _text(page.path)))
        parts.append(_entry(section.title, _list(entries)))
    return "nav = [\n" + "".join(f"  {part},\n" for part in parts) + "]\n"


def _folder(page: Page, docs: Path) -> Iterator[str]:
    for path in sorted((docs / page.path).parent.glob("*.md")):
        if path.name != _FOLDER:
            yield _entry(title(path.read_text()), _text(path.relative_to(docs).as_posix()))


def _entry(name: str, value: str) -> str:
    return f"{{ {_text(name)} = {value} }}"


def _list(values: Iterable[str]) -> str:
    return f"[{', '.join(values)}]"


def _text(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def title(text: str) -> str:
    """A page's heading, without marks of code."""
    heading = _TITLE.search(text)
    if heading is None:
        raise ValueError("a page has no heading of the first level")
    return heading[1].replace("`", "")


def twin(text: str, path: str, docs: Path) -> str:
    """A page's Markdown as it stands beside the page: what it refers to outside `docs/` is named, not linked."""
    folder = (docs / path).parent

    def told(link: re.Match[str]) -> str:
        picture, words, target = link.groups()
        if _ELSEWHERE.match(target) or target.startswith("#"):
            return link[0]
        place = os.path.relpath(folder / target, docs)
        if place.startswith(".."):
            return f"{words} (`{os.path.relpath(folder / target, docs.parent)}`)"
        return f"{picture}[{words}]({on_site(target)})"

    parts = _FENCED.split(text)
    return "".join(part if _FENCED.match(part) else _LINK.sub(told, part) for part in parts)


def for_site(text: str) -> str:
    """The Markdown that the site's builder is given: it wants no escape for a bar in a table's code."""
    return _CODE_OF_TABLE.sub(
        lambda row: _CODE.sub(lambda code: code[0].replace("\\|", "|"), row[0]),
        text,
    )


def llms(name: str, summary: str, known: Sequence[Section]) -> str:
    """`llms.txt` in the form of llmstxt.org; what can be left out comes last, under the name meant for that."""
    lines = [f"# {name}", "", f"> {summary}", "", "Each page of the documentation, as Markdown."]
    for section in known:
        optional = all(page.path.endswith(f"/{INDEX}") for page in section.pages)
        lines += ["", f"## {'Optional' if optional else section.title}", ""]
        lines += [f"- [{page.title}]({page.path}): {page.answers}" for page in section.pages]
    return "\n".join([*lines, ""])


def llms_full(known: Sequence[Section], twins: dict[str, str]) -> str:
    """The text of all pages that the index names, each after a line that says which it is."""
    chosen = [INDEX, *(page.path for section in known for page in section.pages)]
    return "\n".join(f"<!-- {path} -->\n\n{twins[path]}" for path in chosen)
