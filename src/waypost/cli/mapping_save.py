"""`waypost mapping save`: decide whose sites and accounts are; what changes is shown first."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from cyclopts import Parameter

from waypost import errors
from waypost.cli import asking, means, output
from waypost.cli import mapping_text as text
from waypost.cli.asking import DryRun, Yes
from waypost.cli.output import Json
from waypost.organizations import sheets
from waypost.organizations.mapping import estate, exchange, paging, saving, suggestions
from waypost.organizations.mapping.decisions import Decided, Difference, Kind, Wish
from waypost.organizations.mapping.estate import Estate, Scope
from waypost.organizations.mapping.named import Named

_LOOK_AGAIN: Final = (
    "Look at what is decided (`waypost mapping show`). "
    "To replace it add --replace; in a file, the version that is to be replaced."
)
Scopes = Annotated[list[str] | None, Parameter(negative=())]
Flag = Annotated[bool, Parameter(negative=())]


def save(
    *decisions: Annotated[str, Parameter(help="SCOPE=ORGANIZATION: a site, and whose it is.")],
    kind: Kind = Kind.SITE,
    connection: str = "",
    ignore: Scopes = None,
    reason: str = "",
    undecide: Scopes = None,
    accept: Literal["sure"] | None = None,
    file: Path | None = None,
    replace: Flag = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Decide whose sites or accounts are. What changes is shown first; all of it is saved, or nothing.

    SCOPE is the name or id of a site; where several have it, after its connection or account and a slash, like
    acme/Headquarters. ORGANIZATION is a name, an id, or a path like Parent / Child. Where an account is mapped, its
    sites go with it, present and future ones, except those with a decision of their own.

    Parameters
    ----------
    kind
        What SCOPE names: sites or accounts.
    connection
        Only sites and accounts of this connection are meant.
    ignore
        SCOPE that belongs to nobody, for the reason given. May be repeated.
    reason
        Why it is ignored.
    undecide
        SCOPE whose decision is taken back. May be repeated.
    accept
        Every suggestion of this grade; others want a person's eye, one by one.
    file
        Decisions from a CSV file, as `waypost mapping export` writes it.
    replace
        Replace what is decided already.
    """
    if not (decisions or ignore or undecide or accept or file):
        raise errors.UsageError(
            "There is nothing to save.",
            remedy="Say what: SCOPE=ORGANIZATION, --ignore, --undecide, --accept sure, or --file. "
            "`waypost mapping suggest` shows what there is to decide.",
        )
    content = sheets.load(file) if file else b""

    async def work() -> None:
        async with means.session() as session:
            db = session.db
            tree = await estate.load(db)
            scopes = Named(tree, kind, connection)
            wishes = [_mapped(tree, scopes, given, replace=replace) for given in decisions]
            wishes += [
                _wish(tree, scopes.one(one), Decided.IGNORED, replace=replace, reason=reason or None)
                for one in ignore or ()
            ]
            wishes += [
                _wish(tree, scopes.one(one), Decided.UNDECIDED, replace=True) for one in undecide or ()
            ]
            if accept:
                wishes += await suggestions.accepted(
                    db, connection_id=await paging.connection_id(db, connection)
                )
            if file:
                wishes += await exchange.read(db, content)
            await carry_out(session, wishes, dry_run=dry_run, yes=yes, as_json=as_json)

    means.run(work())


async def carry_out(
    session: means.Session,
    wishes: Sequence[Wish],
    *,
    source: str = "save",
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Show what wishes would change, ask, and save them."""
    try:
        found = await saving.preview(session.db, wishes)
    except errors.OutdatedMappingError as error:
        error.remedy = _LOOK_AGAIN
        raise
    if not found.items:
        _nothing(found, as_json=as_json)
        return
    if not as_json:
        text.difference(found)
    if dry_run:
        if as_json:
            output.json(described(found, dry_run=True))
        return
    if not asking.agreed("Save this?", yes=yes):
        return
    saved = await saving.save(session.db, session.actor, wishes, source=source)
    if as_json:
        output.json(described(saved.difference, dry_run=False, save=saved.id))
        return
    output.out.print(f"Saved {text.count(len(saved.difference.items), 'decision')}.")
    if saved.id:
        text.next_step(f"waypost mapping drift. To take it back: waypost mapping undo {saved.id}")


def described(found: Difference, *, dry_run: bool, save: object = None) -> dict[str, Any]:  # Any: JSON
    """What a save changed, or would, as JSON."""
    document: dict[str, Any] = msgspec.to_builtins(found)  # as above
    return {"id": save, "dry_run": dry_run, **document, "next_cursor": None}


def _nothing(found: Difference, *, as_json: bool) -> None:
    if as_json:
        output.json(described(found, dry_run=False))
    elif found.unchanged:
        output.out.print(
            f"Nothing would change: {text.count(found.unchanged, 'decision')} would stay as before."
        )
    else:
        output.out.print("Nothing would change: there is nothing to decide.")


def _mapped(tree: Estate, scopes: Named, given: str, *, replace: bool) -> Wish:
    """`SCOPE=ORGANIZATION`, both of which may have equals signs in them: what is before one must be there."""
    if not _halves(given):
        raise errors.UsageError(
            f"{given!r} is no decision.",
            remedy="Write SCOPE=ORGANIZATION, like 'acme/Headquarters=ACME Ltd'.",
        )
    fitting = [(left, right) for left, right in _halves(given) if scopes.matching(left)]
    left, right = fitting[0] if fitting else _halves(given)[0]
    if len(fitting) > 1:
        raise errors.UsageError(
            f"{given!r} can be cut in {len(fitting)} ways.",
            remedy="Use the site's id: CONNECTION/ID=ORGANIZATION.",
        )
    return _wish(tree, scopes.one(left), Decided.MAPPED, replace=replace, organization=right)


def _wish(
    tree: Estate, scope: Scope, decision: Decided, *, replace: bool, **more: Any
) -> Wish:  # Any: its parts
    """A wish about this very site or account; with `replace` it takes the place of the decision that was just read."""
    return Wish(
        str(tree.console(scope).connection_uuid),
        scope.kind,
        decision,
        id=str(scope.scope_id),
        version=scope.version if replace else None,
        **more,
    )


def _halves(given: str) -> list[tuple[str, str]]:
    """What is before and after each equals sign."""
    cuts = [place for place, char in enumerate(given) if char == "="]
    halves = [(given[:place].strip(), given[place + 1 :].strip()) for place in cuts]
    return [(left, right) for left, right in halves if left and right]
