"""Loads the named SQL blocks of `queries/*.sql`.

A block starts with `-- name: <name>` and a line that says what it is for or which rule it keeps. Call sites
say where a query lives: `queries.findings.upsert`.
"""

import re
from collections.abc import Iterator
from importlib import resources
from typing import Final, LiteralString, cast

_NAME: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


class Queries:
    """The blocks of one file, as attributes."""

    def __init__(self, file: str) -> None:
        text = resources.files("waypost.storage").joinpath("queries", f"{file}.sql").read_text()
        parts = _NAME.split(text)[1:]
        self._file = file
        self._blocks = dict(zip(parts[::2], (sql.strip() for sql in parts[1::2]), strict=True))

    def __getattr__(self, name: str) -> LiteralString:
        try:
            return cast("LiteralString", self._blocks[name])  # the text ships with the program
        except KeyError:
            raise AttributeError(f"queries/{self._file}.sql has no block {name!r}") from None

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._blocks.items())


audit: Final = Queries("audit")
keys: Final = Queries("keys")
organizations: Final = Queries("organizations")
connections: Final = Queries("connections")
links: Final = Queries("links")
health: Final = Queries("health")
schedule: Final = Queries("schedule")
credentials: Final = Queries("credentials")
renewal: Final = Queries("renewal")
scopes: Final = Queries("scopes")
devices: Final = Queries("devices")
findings: Final = Queries("findings")
runs: Final = Queries("runs")
lists: Final = Queries("lists")
inventory: Final = Queries("inventory")
selecting: Final = Queries("selecting")
metrics: Final = Queries("metrics")
mapping: Final = Queries("mapping")
tree: Final = Queries("tree")
drift: Final = Queries("drift")
feed: Final = Queries("feed")
webhooks: Final = Queries("webhooks")
exports: Final = Queries("exports")
wide: Final = Queries("wide")
summaries: Final = Queries("summaries")
purge: Final = Queries("purge")
