"""Logging: one line an event, on standard error, so that standard output stays for results.

What looks like a token or a key is blacked out on its way, as a second net under the rule that none is ever
logged. Tracebacks show lines of code and never the values of variables.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

_SECRETS: Final = (
    re.compile(r"\b(wp_[0-9A-Za-z]{4,}_)[0-9A-Za-z]{8,}"),
    re.compile(r"\b((?:ApiToken|Bearer|Basic)\s+)[^\s\"',]{6,}", re.IGNORECASE),
    re.compile(r"\b()eyJ[0-9A-Za-z_-]{6,}(?:\.[0-9A-Za-z_-]+){0,2}"),
    re.compile(r"\b()[0-9A-Za-z]{72,}\b"),  # the older API tokens, which are 80 characters
    re.compile(r"(://[^\s:/@]+:)[^\s@/]+(?=@)"),
)
"""An API key, a header that carries a secret, a token of the console in both its forms, a password in a URL."""


def configure(level: str) -> None:
    """Log from this level upwards; lines are coloured on a terminal and JSON elsewhere."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.WARNING)
    terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _black_out,
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
            if terminal
            else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def blacked_out(text: str) -> str:
    """A text without what looks like a secret."""
    for secret in _SECRETS:
        text = secret.sub(r"\1…", text)
    return text


def _black_out(
    _: object, __: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:  # Any: whatever is logged
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = blacked_out(value)
    return event
