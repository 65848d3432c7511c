"""Asking before something is changed: on a terminal a question, elsewhere `--yes`."""

import sys
from typing import Annotated, Final

from cyclopts import Parameter

from waypost import errors
from waypost.cli import output

Yes = Annotated[bool, Parameter(negative=(), help="Do not ask.")]
DryRun = Annotated[bool, Parameter(negative=(), help="Show what it would change, and change nothing.")]

_AGREED: Final = frozenset({"y", "yes"})


def possible(*, yes: bool, dry_run: bool = False) -> None:
    """See, before anything is read, that whoever is to be asked can be.

    Raises:
        UsageError: Nobody is there to ask.
    """
    if not (yes or dry_run or sys.stdin.isatty()):
        raise errors.UsageError(
            "This asks for confirmation, and there is no terminal to ask at.",
            remedy="--dry-run shows what it would change; --yes does it without asking.",
        )


def agreed(question: str, *, yes: bool) -> bool:
    """Whether it is to be done; asks whoever sits at the terminal."""
    if yes:
        return True
    try:
        answer = output.err.input(f"{question} [y/N] ", markup=False)
    except EOFError:
        return False
    if answer.strip().lower() in _AGREED:
        return True
    output.err.print("Nothing was changed.")
    return False
