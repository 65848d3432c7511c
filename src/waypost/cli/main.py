"""`waypost`: the commands, and what their endings mean.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 needs attention (a token that the console refuses).
"""

import resource
import sys
from collections.abc import Sequence
from typing import Final

import cyclopts
import psycopg
from cyclopts import App

from waypost import __version__, errors
from waypost.cli import (
    changes,
    connection,
    db,
    demo,
    inventory,
    key,
    lists,
    mapping,
    org,
    output,
    quarantine,
    runs,
    summaries,
    sync,
    webhook,
    worker,
)

DONE: Final = 0
FAILED: Final = 1
WRONG_USE: Final = 2
NEEDS_ATTENTION: Final = 3

app: Final = App(
    name="waypost",
    help="Connect SentinelOne consoles to the people who answer for them.",
    help_epilogue="Start with `waypost demo`, or `waypost connection add NAME --url URL` and `waypost sync`.",
    version=__version__,
    suppress_keyboard_interrupt=False,
)
app.command(demo.demo)
app.command(connection.app)
# By name, so that other commands need not load the API.
app.command(
    "waypost.cli.serve:serve",
    help="Run the service: the API, and a worker that pulls every connection when it is due.",
)
app.command(sync.sync)
app.command(worker.worker)
app.command(runs.runs)
app.command(org.app)
app.command(mapping.app)
app.command(key.app)
app.command(lists.finding)
app.command(lists.device)
app.command(inventory.software)
app.command(inventory.cve)
app.command(lists.site)
app.command(inventory.account)
app.command(inventory.group)
app.command(summaries.app)
app.command(changes.app)
app.command(webhook.app)
# By name, so that other commands need not load what writes files.
app.command("waypost.cli.export:app", name="export")
app.command(quarantine.app)
app.command(db.app)


def main(arguments: Sequence[str] | None = None) -> None:
    """The program: parse, run, exit."""
    # The memory holds tokens; a dump of it would, too.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(run(sys.argv[1:] if arguments is None else list(arguments)))


def run(arguments: Sequence[str]) -> int:
    """One command, to its exit code."""
    try:
        _check_text(arguments)
        code = app(arguments, exit_on_error=False, result_action="return_value", error_console=output.err)
    except cyclopts.CycloptsError:  # the error has been printed, with the nearest right word
        return WRONG_USE
    except errors.WaypostError as error:
        output.failure(error)
        return exit_code(error)
    except psycopg.OperationalError as problem:
        output.failure(
            errors.DatabaseUnreachableError(f"The database went away: {' '.join(str(problem).split())}.")
        )
        return FAILED
    except (KeyboardInterrupt, BrokenPipeError):
        return FAILED
    return code if isinstance(code, int) else DONE


def _check_text(arguments: Sequence[str]) -> None:
    try:
        "".join(arguments).encode()
    except UnicodeEncodeError:  # a terminal of another encoding than the program's
        raise errors.UsageError("An argument is no text.", remedy="Write it in UTF-8.") from None


def exit_code(error: errors.WaypostError) -> int:
    """What an error ends the program with."""
    if isinstance(error, errors.UsageError) and not isinstance(error, errors.CheckFailedError):
        return WRONG_USE
    return NEEDS_ATTENTION if error.reaction is errors.Reaction.NEEDS_ATTENTION else FAILED


if __name__ == "__main__":
    main()
