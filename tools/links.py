"""Finds relative links in Markdown that lead nowhere: to a missing file, or to a heading that is not there."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
_FENCE: Final = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_CODE: Final = re.compile(r"`[^`\n]*`")
_LINK: Final = re.compile(r"\]\(([^()\s]+)\)|(?:src|href)=\"([^\"]+)\"")
_HEADING: Final = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
_ELSEWHERE: Final = re.compile(r"[a-z][a-z0-9+.-]*:")


def documents() -> list[Path]:
    """The project's Markdown files; not those of installed packages or of caches."""
    return sorted(
        path
        for path in ROOT.rglob("*.md")
        if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
    )


def dead(document: Path) -> Iterator[str]:
    """The links of a document that lead nowhere."""
    text = _CODE.sub("", _FENCE.sub("", document.read_text()))
    for match in _LINK.finditer(text):
        link = match[1] or match[2]
        if _ELSEWHERE.match(link):
            continue
        name, _, heading = link.partition("#")
        target = document.parent / name if name else document
        if not target.exists() or (heading and target.suffix == ".md" and heading not in _anchors(target)):
            yield link


def _anchors(document: Path) -> set[str]:
    """The names that a document's headings have when it is shown as a page."""
    headings = _HEADING.findall(_FENCE.sub("", document.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def main() -> int:
    """Tell the dead links; 1 if there are any."""
    found = [f"{path.relative_to(ROOT)}: {link}" for path in documents() for link in dead(path)]
    for line in found:
        print(f"dead link in {line}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
