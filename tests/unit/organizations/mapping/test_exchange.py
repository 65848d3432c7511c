"""The mapping as a CSV file: exported and imported it is the same, and what is wrong is told by line."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.estates import Grounds, ignored, mapped, undecided
from waypost import errors
from waypost.access.audit import SERVICE
from waypost.connections.connection import Connection
from waypost.organizations import registry
from waypost.organizations.mapping import exchange, saving
from waypost.organizations.mapping.decisions import Decided, Wish
from waypost.organizations.mapping.exchange import COLUMNS

HEADER = ",".join(COLUMNS)


@pytest.fixture
async def main(grounds: Grounds) -> Connection:
    """A console `main`: account 1 with the sites 11, 12, 13; and the organizations North / Branch, South / Branch."""
    connection = await grounds.console("main")
    await grounds.account(connection, 1, "account")
    for site_id in (11, 12, 13):
        await grounds.site(connection, site_id, f"Site {site_id}", 1)
    for name in ("North", "South"):
        await registry.add(grounds.db, SERVICE, name)
        await registry.add(grounds.db, SERVICE, "Branch", parent=name)
    return connection


async def read(grounds: Grounds, *lines: str, header: str = HEADER) -> list[Wish]:
    return await exchange.read(grounds.db, "\n".join([header, *lines]).encode())


async def refusal(grounds: Grounds, *lines: str, header: str = HEADER) -> dict[int, str]:
    with pytest.raises(errors.SheetError) as refused:
        await read(grounds, *lines, header=header)
    return dict(refused.value.lines)


async def rounded(grounds: Grounds) -> int:
    """How much an export changes when it is imported."""
    wishes = await exchange.read(grounds.db, (await exchange.export(grounds.db)).encode())
    return len((await saving.preview(grounds.db, wishes)).items)


@pytest.mark.usefixtures("main")
async def test_what_a_file_holds(grounds: Grounds) -> None:
    """Every site and account has a line with its own decision, the organization as a path, and its version."""
    saved = await saving.save(
        grounds.db, SERVICE, [mapped("main", 11, "South / Branch"), ignored("main", 12, "=lab")]
    )
    assert (await exchange.export(grounds.db)).splitlines() == [
        HEADER,
        "main,account,1,account,,undecided,,,0",
        f"main,site,11,Site 11,account,mapped,South / Branch,,{saved.version}",
        f"main,site,12,Site 12,account,ignored,,'=lab,{saved.version}",
        "main,site,13,Site 13,account,undecided,,,0",
    ]
    assert await rounded(grounds) == 0


@pytest.mark.usefixtures("main")
async def test_deciding_by_file(grounds: Grounds) -> None:
    """What people change in a file is decided by it; columns for people, and the version, may be left out."""
    wishes = await read(
        grounds,
        "main,SITE,11,mapped,North / Branch,",
        "main,site,12,ignored,,a lab",
        "main,account,1,mapped,North,",
        header="connection,kind,id,decision,organization,reason",
    )
    saved = await saving.save(grounds.db, SERVICE, wishes, source=saving.IMPORT)
    assert len(saved.difference.items) == 3
    assert await grounds.owners() == {("main", 11): "Branch", ("main", 13): "North"}
    again = await read(
        grounds, "main,site,11,mapped,South", header="connection,kind,id,decision,organization"
    )
    with pytest.raises(errors.OutdatedMappingError):  # without a version nothing that is decided is replaced
        await saving.save(grounds.db, SERVICE, again, source=saving.IMPORT)


@pytest.mark.usefixtures("main")
async def test_somebody_decided_meanwhile(grounds: Grounds) -> None:
    """A file from before somebody's decision does not overwrite it: the import says who decided, and saves nothing."""
    content = (await exchange.export(grounds.db)).replace(
        "13,Site 13,account,undecided,", "13,Site 13,account,mapped,North"
    )
    await saving.save(grounds.db, SERVICE, [mapped("main", 13, "South")])
    wishes = await exchange.read(grounds.db, content.encode())
    with pytest.raises(errors.OutdatedMappingError, match="Site 13"):
        await saving.save(grounds.db, SERVICE, wishes, source=saving.IMPORT)
    assert await grounds.owners() == {("main", 13): "South"}


@pytest.mark.usefixtures("main")
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nobody,site,11,,,undecided,,,", "no connection 'nobody'"),
        ("main,site,99,,,undecided,,,", "no site with the id '99'"),
        ("main,account,11,,,undecided,,,", "no account with the id '11'"),
        ("main,group,11,,,undecided,,,", "kind: There is no 'group'; there are account, site."),
        ("main,site,11,,,perhaps,,,", "decision: There is no 'perhaps'"),
        ("main,site,11,,,,,,", "decision: There is no ''"),
        ("main,site,eleven,,,undecided,,,", "id: 'eleven' is no number."),
        ("main,site,1.1E+18,,,undecided,,,", "A spreadsheet rounds"),
        ("main,site,11,,,undecided,,,1.5", "version: '1.5' is no number"),
        ("main,site,11,Site 12,,undecided,,,", "it is called 'Site 11', not 'Site 12'"),
        ("main,site,11,Site 11,,mapped,,,", "no organization is named"),
        ("main,site,11,Site 11,,mapped,nobody,,", "no organization 'nobody'"),
        ("main,site,11,Site 11,,mapped,Branch,,", "2 organizations are called 'Branch'"),
        ("main,site,11,Site 11,,ignored,,,", "no reason is given"),
        ("main,site,11,Site 11,,undecided,North,,", "an organization is named"),
        ("main,site,12,Site 12,,undecided,,,", "the same as line 2"),
        ("main,site,11,Site 11,,mapped,old,,", "archived"),
    ],
)
async def test_lines_that_cannot_be(grounds: Grounds, line: str, words: str) -> None:
    """Each line that cannot be is named with its reason, and the good ones beside it are not taken either."""
    old = await registry.add(grounds.db, SERVICE, "old")
    await registry.archive(grounds.db, SERVICE, old)
    found = await refusal(grounds, "main,site,12,Site 12,,mapped,North,,", line)
    assert list(found) == [3]
    assert words in found[3], found
    assert await grounds.hub.rows("SELECT count(*) FROM mapping") == [(0,)]


async def test_what_is_mapped_to_an_archived_one(grounds: Grounds, main: Connection) -> None:
    """What is mapped to an organization that was archived since stays so by an import; something new is not."""
    await saving.save(grounds.db, SERVICE, [mapped(main.name, 11, "North / Branch")])
    await registry.archive(grounds.db, SERVICE, await registry.get(grounds.db, "North / Branch"))
    assert await rounded(grounds) == 0
    assert "is archived" in (await refusal(grounds, "main,site,12,Site 12,,mapped,North / Branch,,"))[2]


async def test_two_of_one_path(grounds: Grounds, main: Connection) -> None:
    """Where a name looks like the path of another, a file has the id, and comes back as it was."""
    odd = await registry.add(grounds.db, SERVICE, "North / Branch")
    await saving.save(grounds.db, SERVICE, [mapped(main.name, 11, str(odd.organization_uuid))])
    assert str(odd.organization_uuid) in await exchange.export(grounds.db)
    assert await rounded(grounds) == 0


NAMES = st.text(st.sampled_from("ab'=+-@;,\"\\/\t é"), max_size=8)
REASONS = NAMES.map(lambda text: f"x{text}".replace("\t", " ").strip())


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(NAMES, st.sampled_from(Decided), REASONS, st.integers(0, 2)), min_size=1, max_size=6)
)
async def test_there_and_back(grounds: Grounds, wanted: list[Any]) -> None:
    """Whatever is decided about sites of whatever names, the file changes nothing, and brings back what was undone."""
    async with grounds.db.transaction(force_rollback=True):
        main = await grounds.console("main")
        wishes = []
        for client in ("North", "A / B", "eq"):
            await grounds.client(client)
        for place, (name, decision, reason, client) in enumerate(wanted):
            await grounds.site(main, place + 1, name)
            wishes.append(
                {
                    Decided.MAPPED: mapped("main", place + 1, ("North", "A / B", "eq")[client]),
                    Decided.IGNORED: ignored("main", place + 1, reason),
                    Decided.UNDECIDED: undecided("main", place + 1),
                }[decision]
            )
        saved = await saving.save(grounds.db, SERVICE, wishes)
        content = await exchange.export(grounds.db)
        assert await rounded(grounds) == 0
        gone = [undecided("main", place + 1, version=saved.version) for place, one in enumerate(wishes)]
        wiped = [wish for wish, one in zip(gone, wanted, strict=True) if one[1] is not Decided.UNDECIDED]
        after = await saving.save(grounds.db, SERVICE, wiped)
        newer = content.replace(f",{saved.version}\r\n", f",{after.version}\r\n")
        await saving.save(grounds.db, SERVICE, await exchange.read(grounds.db, newer.encode()))
        kept = [line.rpartition(",")[0] for line in (await exchange.export(grounds.db)).splitlines()]
        assert kept == [line.rpartition(",")[0] for line in content.splitlines()]
