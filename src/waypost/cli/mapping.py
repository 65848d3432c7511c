"""`waypost mapping`: whose site is whose. Here what only looks; saving, refreshing and the history are beside it."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from cyclopts import App, Parameter

from waypost.access.keys import Scope
from waypost.cli import mapping_care, mapping_history, mapping_save, means, output
from waypost.cli import mapping_text as text
from waypost.cli.output import Json
from waypost.cli.pages import Cursor, Limit
from waypost.organizations.mapping import paging
from waypost.organizations.mapping.decisions import Decided, Kind
from waypost.organizations.mapping.paging import Page
from waypost.organizations.mapping.suggestions import SuggestionItem
from waypost.organizations.matching import Grade

T = TypeVar("T")

app = App(name="mapping", help="Mapping: which site or account belongs to which organization.")

Flag = Annotated[bool, Parameter(negative=())]


app.command(mapping_care.refresh_, name="refresh")


@app.command
def suggest(
    *,
    connection: str = "",
    kind: Kind | None = None,
    grade: Grade | None = None,
    all_: Annotated[bool, Parameter(name="--all", negative=())] = False,
    limit: Limit = 100,
    cursor: Cursor = "",
    as_json: Json = False,
) -> None:
    """Suggest organizations for the sites and accounts that nothing is decided about, and say why.

    Sure is exact evidence that fits one organization only; these can be accepted together, with
    `waypost mapping save --accept sure`. Likely and possible ones are for a person to look at.

    Parameters
    ----------
    connection
        Only what is in this console.
    kind
        Only sites, or only accounts.
    grade
        Only where the best candidate is of this grade.
    all_
        All candidates, up to five each, with all their reasons.
    """

    async def work() -> None:
        async with means.session(needs=Scope.READ) as session:
            page = await paging.suggested(
                session.db, kind=kind, connection=connection, grade=grade, limit=limit, cursor=cursor
            )
        if as_json:
            output.json({"items": page.items, "next_cursor": page.next_cursor})
        elif not page.items:
            output.out.print("Nothing is undecided." if grade is None else f"Nothing is {grade}.")
        else:
            (text.candidates if all_ else text.suggestions)(page.items)
            _conclude(page.items, page.next_cursor)

    means.run(work())


def _conclude(items: Sequence[SuggestionItem], cursor: str | None) -> None:
    """How many there are of each grade, and what to do about them."""
    counted = Counter(item.candidates[0].grade if item.candidates else None for item in items)
    told = [f"{counted[grade]:,} {grade}" for grade in Grade if counted[grade]]
    told += [f"{counted[None]:,} without a candidate"] if counted[None] else []
    output.out.print(f"{', '.join(told)}{' on this page' if cursor else ''}.")
    if counted[Grade.SURE]:
        text.next_step("waypost mapping save --accept sure")
    likely = next((one for one in items if one.candidates and one.candidates[0].grade is Grade.LIKELY), None)
    if likely is not None:
        text.next_step(f"waypost mapping save {text.assignment(likely)}")
    text.more(cursor)


app.command(mapping_save.save)


@app.command
def show(
    *,
    connection: str = "",
    organization: str = "",
    decision: Decided | None = None,
    kind: Kind = Kind.SITE,
    search: str = "",
    organizations: Flag = False,
    limit: Limit = 100,
    cursor: Cursor = "",
    as_json: Json = False,
) -> None:
    """Show whose each site is, and what says so: its own decision, its account's, or its connection's.

    Parameters
    ----------
    connection
        Only what is in this console.
    organization
        Only what is this organization's: its name, id, or path like Parent / Child.
    decision
        Only what is mapped, ignored or undecided.
    kind
        Sites, or accounts.
    search
        Only names with this in them.
    organizations
        Each organization instead, and on which consoles it is.
    """

    async def work() -> None:
        async with means.session(needs=Scope.READ) as session:
            if organizations:
                found = await paging.consoles(
                    session.db, organization=organization, connection=connection, limit=limit, cursor=cursor
                )
                _listed(found, text.consoles, as_json=as_json)
                return
            page = await paging.scopes(
                session.db,
                kind=kind,
                decision=decision,
                organization=organization,
                connection=connection,
                search=search,
                limit=limit,
                cursor=cursor,
            )
        _listed(page, text.scopes, as_json=as_json)

    means.run(work())


def _listed(page: Page[T], draw: Callable[[Sequence[T]], None], *, as_json: bool) -> None:
    if as_json:
        output.json({"items": page.items, "next_cursor": page.next_cursor})
    elif not page.items:
        output.out.print("Nothing matches.")
    else:
        draw(page.items)
        text.more(page.next_cursor)


app.command(mapping_care.drift_, name="drift")
app.command(mapping_history.export)
app.command(mapping_history.import_, name="import")
app.command(mapping_history.history_, name="history")
app.command(mapping_history.undo)
