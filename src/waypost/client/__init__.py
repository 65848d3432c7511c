"""The typed client: what programs in Python ask a Waypost service with, and verify its webhooks with.

It needs nothing of the service: no database, no web framework. What it does not know of a newer service it passes over.
"""

from waypost.client.answers import NewDecision
from waypost.client.clients import AsyncWaypost, Waypost
from waypost.client.errors import (
    ApiError,
    ClientError,
    ClosedError,
    ConflictError,
    ExportFailedError,
    ForgottenError,
    InvalidError,
    LimitedError,
    NotFoundError,
    RefusedError,
    SignatureError,
    UnavailableError,
    UnreachableError,
    UnreadableError,
)
from waypost.client.feed import NOW, START
from waypost.client.signatures import Delivery, verify
from waypost.client.wire import Retries

__all__ = [
    "NOW",
    "START",
    "ApiError",
    "AsyncWaypost",
    "ClientError",
    "ClosedError",
    "ConflictError",
    "Delivery",
    "ExportFailedError",
    "ForgottenError",
    "InvalidError",
    "LimitedError",
    "NewDecision",
    "NotFoundError",
    "RefusedError",
    "Retries",
    "SignatureError",
    "UnavailableError",
    "UnreachableError",
    "UnreadableError",
    "Waypost",
    "verify",
]
