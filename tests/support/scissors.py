"""The power goes at a chosen point of some work, and what the work leaves behind is looked at."""

import psycopg
import pytest


class Cut(BaseException):
    """The power goes: no error that anything could handle."""


class Scissors:
    """Counts points, and cuts at one of them and at all later ones: then nothing works any more."""

    def __init__(self, place: int) -> None:
        self.place = place
        self.count = 0

    def point(self) -> None:
        self.count += 1
        if self.count >= self.place:
            raise Cut

    def at_statements(self, patch: pytest.MonkeyPatch) -> None:
        """Make the moment before each statement to the database a point."""
        execute = psycopg.AsyncCursor.execute

        async def executed(*arguments: object, **options: object) -> object:
            self.point()
            return await execute(*arguments, **options)  # type: ignore[arg-type]  # whatever it was called with

        patch.setattr(psycopg.AsyncCursor, "execute", executed)
