"""How the documentation becomes a site: what is in it, how its parts refer to each other, what is never let through."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(autouse=True)
def _tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))


@pytest.fixture
def pages() -> Any:  # Any: a module of a folder of programs
    return __import__("website_pages")


@pytest.fixture
def checks() -> Any:  # as above
    return __import__("website_checks")


@pytest.fixture
def known(pages: Any) -> Any:
    return pages.sections((DOCS / "index.md").read_text())


def test_the_index_names_every_page(pages: Any, known: Any) -> None:
    """Nobody writes a page that cannot be found: each is in a table of the index, or in a folder that is."""
    assert pages.missing(known, DOCS) == []
    assert {page.path for section in known for page in section.pages} <= set(pages.paths(DOCS))


def test_a_page_that_the_index_does_not_name_is_told(pages: Any, tmp_path: Path) -> None:
    """A new page is missed until the index has it; a folder needs only its first page there."""
    (tmp_path / "why").mkdir()
    for name in ("index.md", "new.md", "why/README.md", "why/0001-because.md"):
        (tmp_path / name).write_text("# A page\n")
    head = "## Section\n\n| page | answers |\n| --- | --- |\n| [Why](why/README.md) | why |\n"

    assert pages.missing(pages.sections(head), tmp_path) == ["new.md"]
    assert pages.missing(pages.sections(head + "| [New](new.md) | what is new |\n"), tmp_path) == []


def test_a_glossary_is_no_section(pages: Any) -> None:
    """A table of words that stands among the tables of pages is not taken for one."""
    index = "## Read\n\n| [A](a.md) | what it answers |\n\n## Words\n\n| connection | one console |\n"

    assert [(section.title, len(section.pages)) for section in pages.sections(index)] == [("Read", 1)]


def test_the_navigation_is_the_index(pages: Any, known: Any) -> None:
    """It is TOML with the same sections and pages in the same order, and each decision by its title."""
    (overview, *rest) = tomllib.loads(pages.navigation(known, DOCS))["nav"]

    assert overview == {"Overview": "index.md"}
    assert [next(iter(entry)) for entry in rest] == [section.title for section in known]
    decisions = rest[-1]["Decisions"]
    assert decisions[0] == "decisions/index.md"
    assert len(decisions[1]["One by one"]) == len(list((DOCS / "decisions").glob("0*.md")))


def test_a_twin_links_what_is_beside_it(pages: Any, tmp_path: Path) -> None:
    """Links to pages and pictures stay; what is outside the documentation is named by its place, not linked."""
    docs = tmp_path / "docs"
    text = (
        "[a](api.md#keys) ![b](b.png) [c](../benchmarks/results) [d](decisions/README.md) [e](https://e.example)\n"
        "```\n[f](../f)\n```\n"
    )

    twin = pages.twin(text, "page.md", docs)

    assert twin == (
        "[a](api.md#keys) ![b](b.png) c (`benchmarks/results`) [d](decisions/index.md) [e](https://e.example)\n"
        "```\n[f](../f)\n```\n"
    )


def test_no_link_of_a_twin_is_dead(pages: Any) -> None:
    """Every link in the Markdown beside the pages leads to another twin or to a file of the documentation."""
    there = set(pages.paths(DOCS)) | {
        path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*") if path.suffix != ".md"
    }
    for path in pages.paths(DOCS):
        twin = pages.twin((DOCS / pages.source(path)).read_text(), path, DOCS)
        prose = re.sub(r"^ *```.*?^ *```$|`[^`\n]*`", "", twin, flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\]\(([^()\s#]+)(?:#[^()\s]*)?\)", prose):
            if "://" not in target:
                place = (DOCS / path).parent.joinpath(target).resolve().relative_to(DOCS).as_posix()
                assert place in there, (path, target)


def test_llms_txt_has_the_form_that_programs_look_for(pages: Any, known: Any) -> None:
    """A title, a summary, sections of links with a line each; decisions can be left out."""
    lines = pages.llms("Waypost", "What it is.", known).splitlines()

    assert lines[:3] == ["# Waypost", "", "> What it is."]
    assert [line for line in lines if line.startswith("## ")][-1] == "## Optional"
    links = [line for line in lines if line.startswith("- ")]
    assert len(links) == sum(len(section.pages) for section in known)
    assert all(re.fullmatch(r"- \[[^\]]+\]\([^)]+\.md\): .+", line) for line in links)


@pytest.mark.parametrize(
    ("markdown", "page"),
    [
        ("# A\n\nb `c`", '<h1 id="a">A<a class="headerlink" href="#a">#</a></h1>\n<p>b <code>c</code></p>'),
        ("```json\n{1}\n```", "<pre><span></span><code><span>{</span><span>1}</span>\n</code></pre>"),
    ],
)
def test_what_a_theme_adds_makes_no_difference(checks: Any, markdown: str, page: str) -> None:
    """Anchors of headings, the link to the twin and the colours of code are not the page's own."""
    shown = f'<nav>menu</nav><article><a class="twin" href="x.md">Markdown</a>{page}</article><p>foot</p>'

    assert checks.unlike(markdown, shown) == ""


@pytest.mark.parametrize(
    ("markdown", "page"),
    [
        ("Some:\n- one\n- two", "<p>Some:\n- one\n- two</p>"),
        ("1. a\n\n   ```\n   b\n   ```\n", "<ol><li>a</li></ol><p><code>b</code></p>"),
        (
            "| a |\n| --- |\n| `b\\|c` |",
            "<table><tr><th>a</th></tr><tr><td><code>b\\|c</code></td></tr></table>",
        ),
        ("`a -> b`", "<p><code>a → b</code></p>"),
    ],
)
def test_a_page_that_reads_differently_than_on_github_is_told(checks: Any, markdown: str, page: str) -> None:
    """Lists that became prose, code that fell out of a list, escapes that show, changed signs."""
    assert "it shows" in checks.unlike(markdown, f"<article>{page}</article>")


POLICY = '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'">'


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<script src="https://cdn.example/x.js"></script>', "page.html loads https://cdn.example/x.js"),
        ('<link rel="preconnect" href="//fonts.example">', "page.html loads //fonts.example"),
        ('<img src="http://pictures.example/a.png">', "page.html loads http://pictures.example/a.png"),
        ('<p style="background: url(https://a.example/b)">', "page.html loads https://a.example/b"),
        ('<a href="gone.html">', "page.html leads to gone.html, which is not there"),
        ('<a href="#gone">', "page.html leads to #gone, which is not there"),
        ('<a href="other.html#gone">', "page.html leads to other.html#gone, which is not there"),
    ],
)
def test_what_is_wrong_with_a_site_is_told(checks: Any, tmp_path: Path, body: str, fault: str) -> None:
    """Anything loaded from another host, and links to pages or headings that are not there."""
    (tmp_path / "other.html").write_text(POLICY + '<h1 id="there">')
    (tmp_path / "page.html").write_text(POLICY + body)

    assert list(checks.faults(tmp_path)) == [fault]


def test_a_sound_site_has_no_faults(checks: Any, tmp_path: Path) -> None:
    """Links to other hosts may stand on a page, since they load nothing until somebody follows them."""
    (tmp_path / "look.css").write_text("a { background: url(look.png) }")
    (tmp_path / "other.html").write_text(POLICY + '<h1 id="there">')
    (tmp_path / "page.html").write_text(
        POLICY
        + '<link rel="stylesheet" href="look.css"><a href="other.html#there"></a><a href="https://e.example">'
    )

    assert list(checks.faults(tmp_path)) == []


def test_styles_and_policies_are_looked_at_too(checks: Any, tmp_path: Path) -> None:
    """A font that a style sheet fetches, and a page whose browser would not stop it."""
    (tmp_path / "look.css").write_text('@import "https://fonts.example/all.css";')
    (tmp_path / "page.html").write_text("<p>Hello</p>")

    assert set(checks.faults(tmp_path)) == {
        "look.css loads https://fonts.example/all.css",
        "page.html has no Content-Security-Policy",
    }
