"""One request to a receiver, and what came of it. Nothing is tried again here, and nothing is raised.

No redirect is followed, no cookie kept, no proxy of the environment used; of the answer only the beginning is read.
"""

import math
import re
import ssl
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Final, Self

import aiohttp
import msgspec
from yarl import URL

from waypost import __version__, errors
from waypost.changes.webhooks import receiver
from waypost.sentinelone.address import Allowed, ForbiddenAddressError, Resolver

CONNECT_SECONDS: Final = 5.0
WHOLE_SECONDS: Final = 15.0
MOST_READ: Final = 64_000
"""Bytes of an answer."""
MOST_KEPT: Final = 4_000
"""Characters of it that the log keeps."""
GONE: Final = 410

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_FAILURES: Final[tuple[tuple[tuple[type[Exception], ...], str], ...]] = (
    (
        (aiohttp.ClientConnectorCertificateError, ssl.SSLCertVerificationError),
        "Its certificate is not one that this machine trusts.",
    ),
    ((aiohttp.ClientSSLError, ssl.SSLError), "No secure connection could be agreed on."),
    ((aiohttp.ConnectionTimeoutError,), f"No connection came about within {CONNECT_SECONDS:g} s."),
    ((TimeoutError,), f"There was no answer within {WHOLE_SECONDS:g} s."),
    ((aiohttp.ClientConnectorError,), "The connection was refused, or no way leads there."),
)
"""What is said of which failure, the first that fits; of the exceptions' own words nothing is kept."""


class Outcome(msgspec.Struct, frozen=True):
    """What came of one try.

    Attributes:
        status: Of the answer; None without one.
        error: Why it is no success, in a sentence; empty if it is one.
        answer: How the answer's body begins.
        seconds: How long it took.
        retry_after: How long the receiver asks to be left alone, in seconds.
    """

    status: int | None = None
    error: str = ""
    answer: str = ""
    seconds: float = 0.0
    retry_after: float | None = None

    @property
    def accepted(self) -> bool:
        return not self.error


class Sender:
    """Makes requests; use it as an async context manager.

    Args:
        allowed: The inside addresses that the operator allows.
        connect: Seconds for a connection to come about.
        whole: Seconds for all of one request.
    """

    def __init__(
        self, allowed: Allowed, *, connect: float = CONNECT_SECONDS, whole: float = WHOLE_SECONDS
    ) -> None:
        self.whole = whole
        self._allowed = allowed
        self._timeout = aiohttp.ClientTimeout(total=whole, sock_connect=connect)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=Resolver(self._allowed), limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={
                "Accept-Encoding": "identity",
                "Content-Type": "application/json",
                "User-Agent": f"waypost/{__version__}",
            },
            timeout=self._timeout,
            auto_decompress=False,
            trust_env=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Send this once."""
        assert self._session is not None, "a sender is used as a context manager"  # noqa: S101  # for the types
        began = time.monotonic()
        try:
            # Again, since the operator may allow less than when the address was stored.
            address = URL(receiver.checked(url, self._allowed), encoded=True)
            outcome = await self._exchange(self._session, address, headers, body)
        except errors.WebhookAddressError as problem:
            outcome = Outcome(error=problem.message)
        except (aiohttp.ClientError, OSError, ValueError) as failure:
            outcome = Outcome(error=_said(failure))
        return msgspec.structs.replace(outcome, seconds=round(time.monotonic() - began, 3))

    async def _exchange(
        self, session: aiohttp.ClientSession, url: URL, headers: Mapping[str, str], body: bytes
    ) -> Outcome:
        async with session.post(url, headers=headers, data=body, allow_redirects=False) as response:
            answer = await _beginning(response)
            return Outcome(
                status=response.status,
                error=_judged(response.status),
                answer=answer,
                retry_after=_retry_after(response.headers.get("Retry-After", "")),
            )


async def _beginning(response: aiohttp.ClientResponse) -> str:
    """As much of the body as is kept. Its status has come already: that the rest breaks off changes nothing."""
    read = b""
    try:
        async for chunk in response.content.iter_any():
            read += chunk
            if len(read) >= MOST_READ:
                response.close()
                break
    except (aiohttp.ClientError, OSError):
        response.close()
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", read[: 4 * MOST_KEPT].decode(errors="replace"))[
        :MOST_KEPT
    ]


def _judged(status: int) -> str:
    """Why a status is no success; empty for one."""
    if 200 <= status < 300:
        return ""
    if 300 <= status < 400:
        return f"It answered {status}, a redirect, and none is followed."
    return f"It answered {status}."


def _said(failure: Exception) -> str:
    if isinstance(failure, aiohttp.ClientConnectorDNSError):
        if isinstance(failure.os_error, ForbiddenAddressError):
            return "Its name leads to an address inside a network, which is not called."
        return "There is no host of that name, or it could not be looked up."
    said = (said for kinds, said in _FAILURES if isinstance(failure, kinds))
    return next(said, "The connection broke before there was an answer.")


def _retry_after(text: str) -> float | None:
    """Seconds, given as such or as a date."""
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):  # whatever a receiver makes up
        return None
    return max(0.0, math.ceil((at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds()))
