"""One call to a console: sent within its limits, tried again while that may help, and read.

A `Client` belongs to one console and one token. It follows no redirects, keeps no cookies, uses no proxy
from the environment and lets neither the token nor an exception that may hold it out of its hands.
"""

import asyncio
import math
import random
import re
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, overload

import aiohttp
import msgspec
import structlog
from isal import isal_zlib

from waypost import __version__
from waypost.errors import (
    ConsoleError,
    LimitedError,
    TokenShapeError,
    UnreadableAnswerError,
    WaypostError,
)
from waypost.sentinelone import address as addresses
from waypost.sentinelone import limits, refusals

T = TypeVar("T")

MAX_BODY = 256 * 1024 * 1024
"""Bytes of one answer, unpacked: a hundred times a full page, and still fit for this machine's memory."""
USER_AGENT = f"waypost/{__version__} (Python {sys.version_info.major}.{sys.version_info.minor})"

_log = structlog.get_logger(__name__)
_PATH = re.compile(r"/[A-Za-z0-9_{}-]+(?:/[A-Za-z0-9_{}-]+)*")
_jitter = random.SystemRandom().uniform

# For every session of this process, since aiohttp has no other way. isal unpacks a page three times as fast.
aiohttp.set_zlib_backend(isal_zlib)


class Backoff(msgspec.Struct, frozen=True):
    """Pauses between tries: doubling from the first to the longest, each anywhere in its upper half.

    Attributes:
        tries: The most there are.
        patience: The longest pause that is worth waiting for when the console asks for it.
    """

    first: float = 0.5
    longest: float = 20.0
    tries: float = math.inf
    patience: float = math.inf

    def pause(self, attempt: int) -> float:
        whole = min(self.first * 2 ** min(attempt - 1, 30), self.longest)
        return _jitter(whole / 2, whole)


class Answer(msgspec.Struct, Generic[T], frozen=True):
    """A console's answer to one call.

    Attributes:
        content: What `check` made of the body; None without one.
        date: The console's own clock (`Date` header), in UTC.
        request_id: The console's `X-RQID`, or "".
        seconds: From sending the last attempt to having all of its body.
        attempts: How many times it was sent.
    """

    body: bytes
    content: T
    date: datetime | None
    request_id: str
    seconds: float
    attempts: int
    status: int = 200


class Client:
    """Reads from one console with one token; use it as an async context manager.

    Args:
        allowed: The hosts that may be called; the address is examined against it again, so that what an
            operator no longer allows is no longer called.
        limiter: Shared by all clients of this console and token; by default one of its own.
        deadline: Seconds for one call with all its tries, from when it may first be sent.
        read_timeout: Seconds without a byte of the answer.

    Raises:
        AddressError: The address may not be called.
        TokenShapeError: The token is blank, or cannot travel in a header.
    """

    def __init__(
        self,
        address: addresses.Address,
        token: str,
        *,
        allowed: addresses.Allowed,
        limiter: limits.Limiter | None = None,
        deadline: float = 120.0,
        connect_timeout: float = 10.0,
        read_timeout: float = 60.0,
        user_agent: str = USER_AGENT,
        backoff: Backoff | None = None,
        max_body: int = MAX_BODY,
    ) -> None:
        self.address = addresses.normalise(address.origin, allowed)
        self.requests = 0
        """Requests sent, tries included."""
        self.label = ""
        """Of the token's version, for whoever keeps several; of no meaning here, and no secret."""
        self.last_date: datetime | None = None
        """The console's clock in its latest answer, in UTC."""
        self._limiter = limiter or limits.Limiter()
        self._deadline = deadline
        self._backoff = backoff or Backoff()
        self._max_body = max_body
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=connect_timeout, sock_read=read_timeout
        )
        self._allowed = allowed
        self._token = _fit(token)
        self._user_agent = user_agent
        self._clean = refusals.Cleaner(self._token)
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"Client({self.address.origin!r})"

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            # The limiter counts what is under way, so the connector does not.
            connector=aiohttp.TCPConnector(resolver=addresses.Resolver(self._allowed), limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "User-Agent": self._user_agent,
            },
            timeout=self._timeout,
            trust_env=False,
            read_bufsize=256 * 1024,
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

    @overload
    async def get(
        self, path: str, params: Mapping[str, str] | None = None, *, anonymous: bool = False
    ) -> Answer[None]: ...
    @overload
    async def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        check: Callable[[bytes], T],
        anonymous: bool = False,
    ) -> Answer[T]: ...
    async def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        check: Callable[[bytes], Any] | None = None,  # Any: the overloads tie it to the answer
        anonymous: bool = False,
    ) -> Answer[Any]:
        """Read something, trying again while that may help and the deadline has not passed.

        Args:
            path: Below the API's prefix, like "/sites".
            params: The query; values are encoded here.
            check: Reads the body, so that it is read only once. An UnreadableAnswerError or DecodeError of
                it counts as a broken answer, and the request is sent again.
            anonymous: Without the token: for a host that may be no console.

        Raises:
            ConsoleError: One of its kinds, as `refusals` tells them apart.
            AddressError: The console's name has come to lead inside a network.
        """
        call = _Call("GET", path, params or {}, check=check, anonymous=anonymous)
        while True:
            outcome = await self._attempt(call)
            if isinstance(outcome, Answer):
                return outcome
            pause = self._pause(outcome, call)
            if pause is None:
                raise _last(outcome, call)
            call.before = outcome
            await asyncio.sleep(pause)

    @overload
    async def post(self, path: str, body: object) -> Answer[None]: ...
    @overload
    async def post(self, path: str, body: object, *, check: Callable[[bytes], T]) -> Answer[T]: ...
    async def post(
        self,
        path: str,
        body: object,
        *,
        check: Callable[[bytes], Any] | None = None,  # Any: as above
    ) -> Answer[Any]:
        """Send something, once: what was not answered may have been carried out.

        Raises:
            ConsoleError, AddressError: As for `get`.
        """
        return await self._once(_Call("POST", path, data=msgspec.json.encode(body), check=check))

    async def delete(self, path: str) -> Answer[None]:
        """Delete something, asking once: what was not answered may have been carried out.

        Raises:
            ConsoleError, AddressError: As for `get`.
        """
        return await self._once(_Call("DELETE", path))

    async def _once(self, call: "_Call") -> Answer[Any]:
        outcome = await self._attempt(call)
        if isinstance(outcome, Answer):
            return outcome
        raise outcome.error

    async def _attempt(self, call: "_Call") -> Answer[Any] | refusals.Refusal:
        """Wait for a turn, send once and read.

        What goes wrong is returned instead of raised, so that no error has another one as its context.
        """
        now = asyncio.get_running_loop().time
        request = self._request(call)
        left = None if call.ends_at is None else call.ends_at - now()
        patience = min(self._deadline if left is None else left, self._backoff.patience)
        try:
            async with asyncio.timeout(left) as scope:
                async with self._limiter.slot(call.path, patience=patience):
                    if call.ends_at is None:
                        call.ends_at = now() + self._deadline
                        scope.reschedule(call.ends_at)
                    call.attempts += 1
                    outcome = await self._exchange(call, request)
        except TimeoutError:
            # A try that ran out of time says less than the refusal that it was to overcome.
            outcome = call.before or refusals.timed_out(request, self._deadline)
        except LimitedError as error:
            outcome = refusals.Refusal(error)
        if isinstance(outcome, refusals.Refusal):
            return outcome
        return self._read(call, request, outcome)

    async def _exchange(self, call: "_Call", request: refusals.Request) -> "_Exchange | refusals.Refusal":
        """Send once and take in the whole body, whatever it is."""
        if self._session is None:
            raise RuntimeError("a Client is used as an async context manager")
        now = asyncio.get_running_loop().time
        began = now()
        self.requests += 1
        facts: dict[str, object] = {"failure": "cut off"}
        try:
            async with self._session.request(
                call.method,
                self.address.api + call.path,
                params=call.params,
                data=call.data,
                headers=self._headers(call),
                allow_redirects=False,
            ) as response:
                body = await self._body(response)
                reply = refusals.Reply(response.status, response.headers, body or b"")
            facts = {"status": reply.status, "request_id": refusals.request_id(reply, self._clean)}
        except (aiohttp.ClientError, OSError) as failure:
            facts = {"failure": type(failure).__name__}
            return refusals.from_failure(failure, request)
        finally:
            self._note(call, seconds=now() - began, **facts)
        if body is None:
            return refusals.unreadable("The console's answer is too large to be a page.", request)
        return _Exchange(reply, now() - began)

    def _read(
        self, call: "_Call", request: refusals.Request, exchange: "_Exchange"
    ) -> Answer[Any] | refusals.Refusal:
        reply = exchange.reply
        date = refusals.date(reply.headers.get("Date", ""))
        self.last_date = date or self.last_date
        if reply.status != 200 or refusals.kind(reply) != "json":
            refusal = refusals.from_answer(reply, request, self._clean)
            if reply.status == 429:
                self._limiter.limited(call.path, refusal.retry_after)
            return refusal
        self._limiter.served(call.path)
        try:
            content = (call.check or _whole)(reply.body)
        except RecursionError:
            said = "The console's answer is nested too deeply."
        except (UnreadableAnswerError, msgspec.DecodeError) as problem:
            said = (
                problem.message
                if isinstance(problem, UnreadableAnswerError)
                else f"The console's answer cannot be read: {problem}."
            )
        else:
            return Answer(
                body=reply.body,
                content=content,
                date=date,
                request_id=refusals.request_id(reply, self._clean),
                seconds=exchange.seconds,
                attempts=call.attempts,
            )
        return refusals.from_content(said, reply, request, self._clean)

    async def _body(self, response: aiohttp.ClientResponse) -> bytes | None:
        """All of the body, unpacked; None when it is larger than it may be."""
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > self._max_body:
                response.close()
                return None
            chunks.append(chunk)
        return b"".join(chunks)

    def _pause(self, refusal: refusals.Refusal, call: "_Call") -> float | None:
        """Seconds until the next try; None when there is to be none, or no time for it."""
        if not refusal.retry or call.attempts >= min(refusal.most, self._backoff.tries):
            return None
        asked = refusal.retry_after
        pause = self._backoff.pause(call.attempts) if asked is None else asked
        left = call.ends() - asyncio.get_running_loop().time()
        return pause if pause < min(left, self._backoff.patience) else None

    def _request(self, call: "_Call") -> refusals.Request:
        return refusals.Request(call.method, call.path, self.address.host, has_cursor="cursor" in call.params)

    def _headers(self, call: "_Call") -> dict[str, str]:
        headers = {} if call.anonymous else {"Authorization": f"ApiToken {self._token}"}
        return headers if call.data is None else {**headers, "Content-Type": "application/json"}

    def _note(self, call: "_Call", *, seconds: float, **facts: object) -> None:
        """One line for each request. Parameters stay out of it: they may name people and machines."""
        _log.debug(
            "console request",
            method=call.method,
            path=call.path,
            seconds=round(seconds, 4),
            attempt=call.attempts,
            **facts,
        )


class _Exchange(msgspec.Struct, frozen=True):
    reply: refusals.Reply
    seconds: float


class _Call(msgspec.Struct):
    """One call with all its tries."""

    method: str
    path: str
    params: Mapping[str, str] = {}
    data: bytes | None = None
    check: Callable[[bytes], Any] | None = None  # Any: whatever the caller's content is
    anonymous: bool = False
    attempts: int = 0
    ends_at: float | None = None
    """When the deadline passes, on the event loop's clock; None until the first try may be sent."""
    before: refusals.Refusal | None = None

    def __post_init__(self) -> None:
        self.path = f"/{self.path.strip('/')}"
        if not _PATH.fullmatch(self.path):
            raise ValueError(f"not a path of the API: {self.path!r}")

    def ends(self) -> float:
        return math.inf if self.ends_at is None else self.ends_at


def _last(refusal: refusals.Refusal, call: _Call) -> WaypostError:
    """The error that ends a call, with how often it was tried."""
    if isinstance(refusal.error, ConsoleError):
        refusal.error.attempts = call.attempts
    return refusal.error


def _fit(token: str) -> str:
    token = token.strip()
    if not token:
        raise TokenShapeError("There is no API token.")
    if not re.fullmatch(r"[!-~]+", token):
        raise TokenShapeError("The API token has spaces, line breaks or letters in it that no token has.")
    return token


def _whole(body: bytes) -> None:
    """Raises a DecodeError unless the body is JSON from end to end."""
    msgspec.json.decode(body, type=msgspec.Raw)
