"""The record of requests that tests read: how many of each kind, how many at once."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Ledger:
    by: Counter[str] = field(default_factory=Counter)
    limited: int = 0
    under_way: int = 0
    most_under_way: int = 0

    def enter(self, method: str, path: str) -> None:
        self.by[f"{method} {path}"] += 1
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)

    def leave(self) -> None:
        self.under_way -= 1

    def reset(self) -> None:
        self.by.clear()
        self.limited, self.most_under_way = 0, self.under_way

    def describe(self) -> dict[str, object]:
        return {
            "total": self.by.total(),
            "by": dict(sorted(self.by.items())),
            "maxConcurrent": self.most_under_way,
            "limited": self.limited,
        }
