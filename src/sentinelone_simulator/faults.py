"""Faults on demand: what goes wrong, on which path, how often.

`Faults` decides which faults fire for a request; `bending` says what each kind does to it.
"""

import pathlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Literal

import msgspec

Kind = Literal[
    "latency", "limited", "status", "reset", "truncate", "repeat_cursor", "duplicate_row", "expired_cursor",
    "token_expired", "scope_lost", "forbidden", "wrong_type", "unknown_field", "missing_pagination",
    "empty_string_cursor", "html_200", "redirect", "missing", "conflict", "drop",
]  # fmt: skip
NEEDS_CURSOR = frozenset({"repeat_cursor", "duplicate_row", "expired_cursor"})
Milliseconds = float


class Fault(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """One line of the faults file; a name in snake case is written as it is (`retry_after`).

    With `after`, what was asked for is done, and only then comes another answer in place of the real one.
    """

    kind: Kind
    path: str = ""
    method: str = ""
    tenant: int | None = None
    after: bool = False
    every: int | None = None
    probability: float | None = None
    at: list[int] | None = None
    times: int | None = None
    ms: Milliseconds = 1000
    retry_after: int | None = msgspec.field(default=None, name="retry_after")
    status: int = 502
    body: Literal["json", "text", "html", "spring"] = "text"
    clean: bool = False
    site_ids: list[str] = []
    detail: str | None = None
    field: str | None = None
    name: str = "unheardOf"
    value: object = "?"

    def __post_init__(self) -> None:
        if self.every is not None and self.every < 1:
            raise ValueError("every must be at least 1")
        if self.probability is not None and not 0 <= self.probability <= 1:
            raise ValueError("probability must be from 0 to 1")


class FaultsFile(msgspec.Struct, forbid_unknown_fields=True):
    faults: list[Fault] = []


@dataclass(slots=True)
class _Armed:
    fault: Fault
    matched: int = 0
    fired: int = 0
    stuck: bool = False

    def fires(self, chance: Random) -> bool:
        """Count a matching request; `token_expired` and `scope_lost` go on once they have begun."""
        self.matched += 1
        fault = self.fault
        if fault.times is not None and self.fired >= fault.times:
            return False
        due = self.stuck
        if not due:
            choices = (
                fault.every is not None and self.matched % fault.every == 0,
                fault.probability is not None and chance.random() < fault.probability,
                fault.at is not None and self.matched in fault.at,
                fault.every is None and fault.probability is None and fault.at is None,
            )
            due = any(choices)
        if due:
            self.fired += 1
            self.stuck = fault.kind == "token_expired"
        return due


@dataclass(slots=True)
class Faults:
    """The faults in force; a file's are read again whenever it changes."""

    seed: int
    file: pathlib.Path | None = None
    _armed: list[_Armed] = field(default_factory=list)
    _read: tuple[int, int] | None = None
    _chance: Random = field(default_factory=Random)

    def __post_init__(self) -> None:
        self._chance.seed(self.seed)
        self.refresh()

    def refresh(self) -> None:
        """Read the file again if it changed; a file that is gone or broken leaves what is in force."""
        if self.file is None:
            return
        try:
            stamp = self.file.stat()
            if self._read == (stamp.st_mtime_ns, stamp.st_size):
                return
            self._read = (stamp.st_mtime_ns, stamp.st_size)
            self.put(self.file.read_bytes())
        except (OSError, msgspec.MsgspecError):
            return

    def put(self, text: bytes) -> None:
        """Replace the faults; raises msgspec.MsgspecError with the reason."""
        found = msgspec.json.decode(text, type=FaultsFile)
        self._armed = [_Armed(fault) for fault in found.faults]
        self._chance.seed(self.seed)

    def has(self, kind: Kind) -> bool:
        return any(armed.fault.kind == kind for armed in self._armed)

    def clear(self) -> None:
        self._armed = []

    def firing(
        self, path: str, query: Mapping[str, str], method: str = "GET", tenant: int | None = 0
    ) -> list[Fault]:
        """The faults that this request meets."""
        self.refresh()
        return [
            armed.fault
            for armed in self._armed
            if path.startswith(armed.fault.path)
            and armed.fault.method in ("", method)
            and armed.fault.tenant in (None, tenant)
            and (armed.fault.kind not in NEEDS_CURSOR or query.get("cursor"))
            and armed.fires(self._chance)
        ]
