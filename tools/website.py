"""Builds the documentation as a site: `make docs` runs it in `.venv-docs`, and the result is in `build/site`.

Zensical makes the pages; beside each lies its Markdown. `llms.txt` and `llms-full.txt` are for programs that read.
A warning of Zensical, a page that differs from what GitHub shows of it, a dead link, or anything that a page would
load from another host fails the build.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import website_checks
import website_pages

ROOT: Final = Path(__file__).resolve().parent.parent
DOCS: Final = ROOT / "docs"
SITE: Final = ROOT / "build" / "site"
_STAGE: Final = ROOT / "build" / "docs"
_SETUP: Final = Path(__file__).resolve().parent / "website"
_SIGN: Final = ROOT / "src" / "waypost" / "console" / "assets" / "waypost.svg"


def main() -> int:
    """Build, check, and put the result where it belongs only if all is well."""
    sections = website_pages.sections((DOCS / website_pages.INDEX).read_text())
    told = [
        f"docs/{website_pages.source(path)} is in no table of docs/index.md"
        for path in website_pages.missing(sections, DOCS)
    ]
    twins = {
        path: website_pages.twin((DOCS / website_pages.source(path)).read_text(), path, DOCS)
        for path in website_pages.paths(DOCS)
    }
    _stage(sections, twins)
    built = subprocess.run([sys.executable, "-m", "zensical", "build", "--strict"], cwd=_STAGE, check=False)
    if built.returncode:
        return built.returncode
    site = _STAGE / "site"
    _add_texts(site, sections, twins)
    told += [*_unlike(site, twins), *website_checks.faults(site)]
    for line in told:
        print(line, file=sys.stderr)
    if told:
        return 1
    shutil.rmtree(SITE, ignore_errors=True)
    site.rename(SITE)
    print(f"The documentation is in {os.path.relpath(SITE)}: {len(twins)} pages.")
    return 0


def _stage(sections: list[website_pages.Section], twins: dict[str, str]) -> None:
    """Lay out what Zensical reads, afresh."""
    shutil.rmtree(_STAGE, ignore_errors=True)
    shutil.copytree(DOCS, _STAGE / "docs", ignore=shutil.ignore_patterns("*.md"))
    shutil.copytree(_SETUP / "overrides", _STAGE / "overrides")
    shutil.copy(_SETUP / "waypost.css", _STAGE / "docs")
    shutil.copy(_SIGN, _STAGE / "docs")
    for path, text in twins.items():
        (_STAGE / "docs" / path).write_text(website_pages.for_site(text))
    head, project, rest = (_SETUP / "zensical.toml").read_text().partition("[project]\n")
    navigation = website_pages.navigation(sections, DOCS)
    (_STAGE / "zensical.toml").write_text(head + project + navigation + rest)


def _add_texts(site: Path, sections: list[website_pages.Section], twins: dict[str, str]) -> None:
    """Put the twins beside their pages, and tell programs where they are."""
    for path, text in twins.items():
        (site / path).write_text(text)
    project = tomllib.loads((_STAGE / "zensical.toml").read_text())["project"]
    llms = website_pages.llms(project["site_name"], project["site_description"], sections)
    (site / "llms.txt").write_text(llms)
    (site / "llms-full.txt").write_text(website_pages.llms_full(sections, twins))


def _unlike(site: Path, twins: dict[str, str]) -> Iterator[str]:
    for path, text in twins.items():
        difference = website_checks.unlike(text, (site / path).with_suffix(".html").read_text())
        if difference:
            yield f"docs/{website_pages.source(path)} does not look as on GitHub: {difference}"


if __name__ == "__main__":
    sys.exit(main())
