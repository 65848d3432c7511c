"""Files that commands write."""

import sys
from pathlib import Path

from waypost import errors
from waypost.cli import output


def write(content: str, path: Path | None) -> None:
    """Write a text as it is, to a file or to standard output.

    Raises:
        UsageError: The file cannot be written.
    """
    if path is None:
        sys.stdout.buffer.write(content.encode())
        sys.stdout.buffer.flush()
        return
    try:
        path.write_text(content, encoding="utf-8", newline="")
    except OSError as problem:
        raise errors.UsageError(
            f"The file {str(path)!r} cannot be written: {problem.strerror}.", remedy="Check the path."
        ) from None
    output.err.print(f"Wrote {output.cell(path)}.", soft_wrap=True)
