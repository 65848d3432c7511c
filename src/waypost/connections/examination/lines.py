"""The lines of one check, as they come: in their order, each told once, none with the token in it.

What a console says is in them, and a hostile one may say the token back; so everything is cleaned here, where all
lines pass.
"""

import traceback
from collections.abc import Callable
from typing import Any, Final, ParamSpec

import structlog

from waypost.connections.examination import result
from waypost.connections.examination.result import Listener, Result
from waypost.errors import Owner
from waypost.sentinelone import refusals

Arguments = ParamSpec("Arguments")

_BUG: Final = "check.failed"
_SHORTEST_SECRET: Final = 8
"""What is shorter is no console's token, and taking it out would make riddles of all words that hold it."""
_NO_SECRET: Final = "\0"  # noqa: S105  # occurs in no text that was cleaned of control characters
_LONGEST: Final = 1000

_log = structlog.get_logger(__name__)


class Lines:
    """Collects lines and tells the listener.

    Args:
        secret: Never to be told.
        left_out: Lines that this check does not have.
    """

    def __init__(self, listen: Listener, secret: str, left_out: frozenset[str] = frozenset()) -> None:
        self.results: list[Result] = []
        self._listen: Listener = listen
        secret = secret.strip()
        self._clean = refusals.Cleaner(secret if len(secret) >= _SHORTEST_SECRET else _NO_SECRET)
        self._left_out = left_out

    def tell(self, line: Result) -> None:
        """Add a line that is known."""
        line = self._cleaned(line)
        self.results.append(line)
        try:
            self._listen(line)
        except Exception as problem:  # noqa: BLE001  # whoever listens may be gone; the check goes on
            self._listen = result.silent
            _log.warning("nobody listens to the check any more", error=type(problem).__name__)

    def make(
        self,
        name: str,
        line: Callable[Arguments, Result],
        *facts: Arguments.args,
        **more: Arguments.kwargs,
    ) -> None:
        """Add the line of this name that `line` makes of the facts; a bug in it is a failed line."""
        try:
            made = line(*facts, **more)
        except Exception as bug:  # noqa: BLE001  # a check never throws
            made = failed(name, bug)
        self.tell(made)

    def rest(self, why: str, *, of: str = "") -> None:
        """Skip the lines that are still to come, or those whose names begin so."""
        told = {line.name for line in self.results} | self._left_out
        for name in result.TITLES:
            if name not in told and name.startswith(of):
                self.tell(result.skipped(name, why))

    def next(self) -> str:
        """The name of the first line that is still to come; the last of all once there is none."""
        told = {line.name for line in self.results} | self._left_out
        return next((name for name in result.TITLES if name not in told), list(result.TITLES)[-1])

    def clean(self, value: Any) -> Any:  # Any: whatever JSON holds
        """The value without the secret and without control characters, wherever in it they are."""
        if isinstance(value, str):
            return self._clean(value, _LONGEST)
        if isinstance(value, dict):
            return {self.clean(name): self.clean(inner) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self.clean(inner) for inner in value)
        return value

    def _cleaned(self, line: Result) -> Result:
        return Result(
            name=line.name,
            group=line.group,
            state=line.state,
            found=self.clean(line.found),
            remedy=self.clean(line.remedy),
            owner=line.owner,
            seconds=line.seconds,
            details=self.clean(line.details),
        )


def failed(name: str, bug: Exception) -> Result:
    """A line that could not be made. Of the bug only its kind and place are logged: its text may hold a secret."""
    places = traceback.extract_tb(bug.__traceback__)
    place = f"{places[-1].name}:{places[-1].lineno}" if places else ""
    _log.error("check line failed", line=name, error=type(bug).__name__, place=place)
    return result.line(
        name,
        result.FAIL,
        f"The check itself failed here ({type(bug).__name__}).",
        remedy="Run the check again; if it happens again, report it with the log.",
        owner=Owner.OPERATOR,
        code=_BUG,
    )
