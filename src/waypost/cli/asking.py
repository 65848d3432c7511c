"""Asking before something is changed: on a terminal a question, elsewhere `--yes`."""

import sys
from typing import Annotated, Final

from cyclopts import Parameter

from waypost import errors
from waypost.cli import output

Yes = Annotated[bool, Parameter(negative=(), help="Do not ask.")]
DryRun = Annotated[bool, Parameter(negative=(), help="Show what it would change, and change nothing.")]

_AGREED: Final = frozenset({"y", "yes"})


def agreed(question: str, *, yes: bool) -> bool:
    """Whether what was just shown is to be done; asks whoever sits at the terminal.

    Raises:
        UsageError: Nobody is there to ask.
    """
    if yes:
        return True
    if not anybody():
        raise errors.UsageError(
            "This asks for confirmation, and there is no terminal to ask at; nothing was changed.",
            remedy="--dry-run shows what it would change; --yes does it without asking.",
        )
    try:
        answer = output.err.input(f"{question} [y/N] ", markup=False)
    except EOFError:
        return False
    if answer.strip().lower() in _AGREED:
        return True
    output.err.print("Nothing was changed.")
    return False


def anybody() -> bool:
    """Whether somebody is there to ask."""
    return sys.stdin.isatty()
