"""Figures for Prometheus: what the service counts itself, and what the database knows when it is asked.

Each service has a registry of its own; nothing is registered for the whole process.
"""

from collections.abc import Iterator
from functools import partial
from typing import Final, LiteralString

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from waypost import __version__
from waypost.jobs import gauges
from waypost.storage import queries
from waypost.storage.database import Connection

CONTENT_TYPE: Final = "text/plain; version=0.0.4"


class Figure(msgspec.Struct, frozen=True):
    """A figure of the database: each row of its query is a label's value and a number."""

    name: str
    help: str
    label: str
    query: LiteralString


FIGURES: Final = (
    Figure("waypost_connections", "Connections by state.", "state", queries.metrics.connections),
    Figure(
        "waypost_credential_expires_seconds",
        "Seconds until the connection's token expires; negative once it has.",
        "connection",
        queries.metrics.expiry,
    ),
    Figure("waypost_outages", "Outages that last, by who must act.", "owner", queries.metrics.outages),
    Figure(
        "waypost_last_pull_age_seconds",
        "Seconds since a pull of the connection ended well.",
        "connection",
        queries.metrics.pulled,
    ),
    Figure("waypost_sync_runs", "Runs that began in the last hour, by state.", "state", queries.metrics.runs),
    Figure(
        "waypost_mapping_drift",
        "What of the mapping needs a person, by the kind of drift.",
        "kind",
        queries.metrics.drift,
    ),
    Figure(
        "waypost_sites", "Sites of the consoles, by what holds about them.", "decision", queries.metrics.sites
    ),
    Figure("waypost_webhooks", "Webhooks by state.", "state", queries.metrics.webhooks),
    Figure(
        "waypost_webhook_deliveries",
        "Deliveries to webhooks that were last sent in the last hour, by state.",
        "state",
        queries.metrics.deliveries,
    ),
)

NUMBERS: Final = {
    "waypost_connections_due": "Connections that wait for a worker.",
    "waypost_longest_wait_seconds": "How long the first of them has waited.",
    "waypost_webhook_lag_seconds": "How far the slowest webhook is behind, of those that are not disabled.",
}
"""Those of the database that have no label."""

_OF_WORKER: Final = {
    "waypost_worker_places": ("places", "Pulls that the worker does at once."),
    "waypost_worker_pulls": ("taken", "Pulls that are under way."),
    "waypost_worker_pulls_done": ("done", "Pulls that went through since the start."),
    "waypost_worker_pulls_failed": ("failed", "Pulls that an error ended since the start."),
    "waypost_worker_last_delay_seconds": ("late_last", "How late the last pull began."),
    "waypost_worker_longest_delay_seconds": ("late_most", "The latest that a pull began since the start."),
    "waypost_worker_deliveries_accepted": (
        "delivered",
        "Deliveries to webhooks that were accepted since the start.",
    ),
    "waypost_worker_deliveries_failed": (
        "delivery_failures",
        "Tries to deliver that failed since the start.",
    ),
    "waypost_worker_alive_timestamp_seconds": ("alive_at", "When the worker last looked for work."),
    "waypost_worker_upkeep_timestamp_seconds": ("upkeep_at", "When this process last did the upkeep."),
}
"""What the worker of this process counts, by its names there."""


class Metrics:
    """The figures of one service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "waypost_http_requests",
            "Requests answered.",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "waypost_http_request_seconds",
            "How long answers took.",
            ["route", "method"],
            registry=self.registry,
        )
        build = Gauge("waypost_build_info", "1, with the version.", ["version"], registry=self.registry)
        build.labels(__version__).set(1)
        for name, (field, text) in _OF_WORKER.items():
            Gauge(name, text, registry=self.registry).set_function(partial(_of_worker, field))
        self._stored = _Stored()
        self.registry.register(self._stored)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route, method).observe(seconds)

    async def text(self, db: Connection) -> bytes:
        """All figures of now, in the format of Prometheus."""
        await self._stored.read(db)
        return generate_latest(self.registry)


def _of_worker(field: str) -> float:
    return float(getattr(gauges.HERE, field))


class _Stored(Collector):
    """Hands out what was last read from the database."""

    def __init__(self) -> None:
        self._families: list[GaugeMetricFamily] = []

    async def read(self, db: Connection) -> None:
        families = [await _family(db, figure) for figure in FIGURES]
        cursor = await db.execute(queries.metrics.late)
        ((due, longest),) = await cursor.fetchall()
        ((lag,),) = await (await db.execute(queries.metrics.webhook_lag)).fetchall()
        figures = dict(zip(NUMBERS, (due, longest, lag), strict=True))
        self._families = [
            *families,
            *(GaugeMetricFamily(name, text, figures[name]) for name, text in NUMBERS.items()),
        ]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        return iter(self._families)


async def _family(db: Connection, figure: Figure) -> GaugeMetricFamily:
    family = GaugeMetricFamily(figure.name, figure.help, labels=[figure.label])
    cursor = await db.execute(figure.query)
    for label, value in await cursor.fetchall():
        family.add_metric([label], value)
    return family
