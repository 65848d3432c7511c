"""Logging: one line an event, on standard error, so that standard output stays for results."""

import logging
import sys

import structlog


def configure(level: str) -> None:
    """Log from this level upwards; lines are coloured on a terminal and JSON elsewhere."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.WARNING)
    terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
