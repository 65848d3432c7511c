"""The figures of `/metrics` as a table, from the code that makes them."""

import re
from collections.abc import Iterator
from typing import Final

from waypost.api import metrics
from waypost.api.metrics import Metrics

HEADS: Final = ("metric", "type", "tells")
_OF_BUCKETS: Final = {"le"}
"""Labels that a histogram adds by itself."""


def rows() -> list[list[str]]:
    """Every figure, by name: with its labels, its type, and what it tells."""
    return sorted([*_of_database(), *_of_service()], key=lambda row: re.split("[{`]", row[0])[1])


def _of_database() -> Iterator[list[str]]:
    for figure in metrics.FIGURES:
        yield [_named(figure.name, [figure.label]), "gauge", figure.help]
    for name, text in metrics.NUMBERS.items():
        yield [_named(name, []), "gauge", text]


def _of_service() -> Iterator[list[str]]:
    figures = Metrics()
    figures.answered("/api/v1/findings", "GET", 200, 0.01)  # labels show once something was counted
    for family in figures.registry.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = dict.fromkeys(label for sample in family.samples for label in sample.labels)
        kept = [label for label in labels if label not in _OF_BUCKETS]
        yield [_named(name, kept), family.type, family.documentation]


def _named(name: str, labels: list[str]) -> str:
    return f"`{name}{{{','.join(labels)}}}`" if labels else f"`{name}`"
