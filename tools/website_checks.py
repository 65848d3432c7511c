"""What must hold of the built site: it shows what GitHub shows, no link is dead, nothing comes from elsewhere."""

import re
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt

_STRUCTURE: Final = {
    "h1", "h2", "h3", "h4", "h5", "h6", "li", "pre", "table", "tr", "th", "td", "a", "img", "code", "em", "strong",
}  # fmt: skip
_EMPTY: Final = {
    "area",
    "base",
    "br",
    "col",
    "embed",
    "hr",
    "img",
    "input",
    "link",
    "meta",
    "source",
    "track",
    "wbr",
}
_ADDED: Final = {"headerlink", "twin", "md-source-file"}
"""Classes of what a page has beyond its Markdown."""
_LOADED: Final = {
    "script": ("src",), "img": ("src", "srcset"), "iframe": ("src",), "source": ("src", "srcset"), "video": ("src",),
    "audio": ("src",), "embed": ("src",), "object": ("data",), "use": ("href",), "image": ("href",),
    "form": ("action",),
}  # fmt: skip
_STYLE: Final = re.compile(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')\s]+)")
_FOREIGN: Final = re.compile(r"^\s*(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
_POLICY: Final = "Content-Security-Policy"
Attributes = list[tuple[str, str | None]]


class _Outline(HTMLParser):
    """A page's structure and text, without what a theme adds and without where lines break."""

    def __init__(self, *, within: str = "") -> None:
        super().__init__()
        self._parts: list[str] = []
        self._within = within
        self._open: list[str] = []
        self._counted_from: int | None = 0 if not within else None
        self._left_out_from: int | None = None

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        if tag not in _EMPTY:
            self._open.append(tag)
        if self._counted_from is None:
            if tag == self._within:
                self._counted_from = len(self._open)
            return
        given = dict(attrs)
        if self._left_out_from is None and _ADDED & set((given.get("class") or "").split()):
            self._left_out_from = len(self._open)
        if self._left_out_from is None and tag in _STRUCTURE and (tag != "a" or "href" in given):
            self._parts.append(f" <{tag}> ")
        elif tag != "span":  # those of coloured code stand within words
            self._parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag not in self._open:
            return
        while self._open:
            depth = len(self._open)
            closed = self._open.pop()
            if self._left_out_from == depth:
                self._left_out_from = None
            if self._within and self._counted_from == depth:
                self._counted_from = None
            if closed == tag:
                return

    def handle_data(self, data: str) -> None:
        if self._counted_from is not None and self._left_out_from is None:
            self._parts.append(data)

    def found(self) -> list[str]:
        return "".join(self._parts).split()


def outline(page: str, *, within: str = "") -> list[str]:
    """The tags that make a page's structure, and its words, in order."""
    parser = _Outline(within=within)
    parser.feed(page)
    return parser.found()


def unlike(markdown: str, page: str) -> str:
    """Where a page differs from its Markdown as GitHub reads it; nothing if it does not."""
    meant = outline(MarkdownIt("commonmark").enable("table").render(markdown))
    shown = outline(page, within="article")
    for kind, start, end, other, last in SequenceMatcher(None, meant, shown, autojunk=False).get_opcodes():
        if kind != "equal":
            before, after = " ".join(meant[start:end][:12]), " ".join(shown[other:last][:12])
            place = " ".join(meant[max(start - 8, 0) : start])
            return f"after “{place}” it shows “{after}” instead of “{before}”"
    return ""


class _Page(HTMLParser):
    """What a page loads, where it leads, and the names in it that can be led to."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.names: set[str] = set()
        self.has_policy = False

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        given = {name: value or "" for name, value in attrs}
        self.names |= {given[name] for name in ("id", "name") if name in given}
        self.has_policy |= tag == "meta" and given.get("http-equiv") == _POLICY
        if tag == "link" and given.get("rel") not in ("prev", "next", "canonical", "alternate"):
            self.loads.append(given.get("href", ""))
        if tag in ("a", "link"):
            self.links.append(given.get("href", ""))
        for name in _LOADED.get(tag, ()):
            if name in given:
                self.loads.append(given[name])
                self.links.append(given[name])
        self.loads += _STYLE.findall(given.get("style", ""))


def read(page: str) -> _Page:
    """A page's references."""
    found = _Page()
    found.feed(page)
    return found


def faults(site: Path) -> Iterator[str]:
    """What is wrong with the site: resources of other hosts, dead links, pages that could load from elsewhere."""
    pages = {path: read(path.read_text()) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        name = path.relative_to(site)
        yield from (f"{name} loads {url}" for url in page.loads if _FOREIGN.match(url))
        if not page.has_policy:
            yield f"{name} has no {_POLICY}"
        yield from (f"{name} leads to {link}, which is not there" for link in _dead(path, page, pages, site))
    for path in sorted(site.rglob("*.css")):
        yield from (f"{path.relative_to(site)} loads {url}" for url in _STYLE.findall(path.read_text()))


def _dead(path: Path, page: _Page, pages: Mapping[Path, _Page], site: Path) -> Iterator[str]:
    for link in dict.fromkeys(page.links):
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        start = site if parts.path.startswith("/") else path.parent
        target = (start / unquote(parts.path).lstrip("/")).resolve() if parts.path else path
        if target.is_dir():
            target /= "index.html"
        name = unquote(parts.fragment)
        if not target.exists() or (name and target in pages and name not in pages[target].names):
            yield link
