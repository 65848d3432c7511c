"""Numbers beside the rows of a page: exact up to a limit, beyond it said to be more.

What stands at one account, in one application or on one CVE can be nearly all that there is. Nobody who opens a list
waits for a million findings to be counted.
"""

from typing import Any, Final

from waypost.unified.items import Counted

MOST: Final = 10_000
"""So many findings are counted for each row of a list."""

Row = dict[str, Any]  # Any: columns of different types


def counted(row: Row, number: str, *, all_: bool = False) -> Counted:
    """Whether the row's numbers are exact; one that was counted beyond the limit is put back to it.

    Args:
        row: With its numbers.
        number: Which one tells it.
        all_: Whether they were all counted, however many there are.
    """
    if all_ or row[number] <= MOST:
        return "exact"
    row[number] = MOST
    return "at_least"
