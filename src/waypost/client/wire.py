"""One request to the service: sent, sent again while that can do no harm, unpacked and read.

It follows no redirects and uses no proxy from the environment. What it raises holds neither the key nor an exception
that does.
"""

import asyncio
import random
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import aiohttp
import msgspec
import zstandard
from yarl import URL

from waypost import __version__
from waypost.client import address, errors
from waypost.client.errors import ClientError
from waypost.client.parameters import query

T = TypeVar("T")
REPEATABLE: Final = frozenset({"GET", "DELETE"})
"""What means the same when it is sent twice. PUT is not among them: what it replaces is named by a version."""
_BASE: Final = "/api/v1"
_NOTHING: Final[Mapping[str, object]] = {}
_CONNECT: Final = 10.0
"""Seconds for a connection to come about."""
_UNPACK: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "": bytes,
    "identity": bytes,
    "gzip": lambda body: zlib.decompress(body, wbits=31),
    "zstd": lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body),
}
_PACKED: Final = "zstd, gzip"
_CERTIFICATE: Final = "Its certificate is not good."
_jitter = random.SystemRandom().uniform


class Retries(msgspec.Struct, frozen=True):
    """How often what can be sent again is sent, and the pauses in between, in seconds.

    Pauses double from the first to the longest, each anywhere in its upper half; what the service asks for
    (`Retry-After`) comes first, as long as that is worth waiting for.

    Attributes:
        tries: The most there are; 1 for no second one.
        patience: The longest pause that is worth waiting for when the service asks for it.
    """

    tries: int = 5
    first: float = 0.5
    longest: float = 20.0
    patience: float = 60.0

    def pause(self, attempt: int, asked: float | None) -> float | None:
        """How long to wait after so many tries; None to give up."""
        if attempt >= self.tries or (asked or 0) > self.patience:
            return None
        whole = min(self.first * 2.0 ** min(attempt - 1, 30), self.longest)
        return max(_jitter(whole / 2, whole), asked or 0)


class Answer(msgspec.Struct, frozen=True):
    """What the service answered."""

    status: int
    body: bytes

    def as_(self, kind: type[T]) -> T:
        """The body, read. What a newer service tells besides is passed over.

        Raises:
            UnreadableError: It is something else.
        """
        try:
            return msgspec.json.decode(self.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            raise errors.UnreadableError(
                f"The answer cannot be read: {problem}. Is this client older than the service?"
            ) from None


class Wire:
    """Asks one service with one key. It belongs to the event loop in which it is used first.

    Args:
        timeout: Seconds without a byte of an answer.
        tls: How to verify the service's certificate, if not as the machine does.

    Raises:
        ValueError: The address or the key is none.
    """

    def __init__(
        self, url: str, key: str, *, timeout: float, retries: Retries, tls: ssl.SSLContext | None
    ) -> None:
        self.url = address.origin(url)
        self._key = address.Key(key)
        self._timeout = timeout
        self._retries = retries
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def get(
        self, path: str, kind: type[T], parameters: Mapping[str, object] = _NOTHING, *, wait: float = 0
    ) -> T:
        """What is at this path. So many seconds more than usual may pass without an answer."""
        return (await self.ask("GET", path, parameters, wait=wait)).as_(kind)

    async def send(self, method: str, path: str, kind: type[T], body: object = None) -> T:
        """The answer to this body."""
        return (await self.ask(method, path, {}, body=body)).as_(kind)

    async def remove(self, path: str, parameters: Mapping[str, object] = _NOTHING) -> None:
        """See that there is nothing at this path any more.

        Raises:
            NotFoundError: There was nothing from the beginning.
        """
        tries = 0

        async def once() -> Answer | ClientError:
            nonlocal tries
            tries += 1
            async with self._sent("DELETE", path, parameters, None, 0, _PACKED) as answer:
                outcome = _read(answer, await answer.read())
            gone = tries > 1 and isinstance(outcome, errors.NotFoundError)  # by a try whose answer was lost
            return Answer(204, b"") if gone else outcome

        await self.again("DELETE", once)

    async def ask(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, object],
        *,
        body: object = None,
        wait: float = 0,
    ) -> Answer:
        """The answer of the service, after as many tries as it takes.

        Raises:
            ClientError: There is none, or it is a refusal.
        """
        data = None if body is None else msgspec.json.encode(body)

        async def once() -> Answer | ClientError:
            async with self._sent(method, path, parameters, data, wait, _PACKED) as answer:
                return _read(answer, await answer.read())

        return await self.again(method, once)

    async def again(self, method: str, once: Callable[[], Awaitable[T | ClientError]]) -> T:
        """Do this until it works, or cannot be expected to.

        Raises:
            ClientError: It did not work.
        """
        attempt = 0
        while True:
            attempt += 1
            outcome = await _outcome(once)
            if not isinstance(outcome, ClientError):
                return outcome
            pause = None
            if outcome.transient and method in REPEATABLE:
                pause = self._retries.pause(attempt, getattr(outcome, "retry_after", None))
            if pause is None:
                raise outcome
            await asyncio.sleep(pause)

    @asynccontextmanager
    async def download(self, path: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """A file at this path, to be read piece by piece, by one try.

        Raises:
            ApiError: The service refused.
        """
        async with self._sent("GET", path, {}, None, 0, "identity") as answer:
            if answer.status != 200:
                raise errors.of(answer.status, await answer.read(), retry_after=_retry_after(answer))
            yield answer

    async def close(self) -> None:
        """Give up the connections; nothing can be asked any more."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    def _sent(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, object],
        data: bytes | None,
        wait: float,
        packed: str,
    ) -> Any:  # Any: aiohttp's own context manager, which has no public name
        if self._closed:
            raise errors.ClosedError("This client was closed; make a new one.")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT, sock_read=self._timeout),
                headers={
                    "Authorization": self._key.header(),
                    "User-Agent": f"waypost-client/{__version__}",
                    "Accept": "application/json",
                },
                cookie_jar=aiohttp.DummyCookieJar(),
            )
            # aiohttp would send PUT and DELETE again by itself, uncounted; it has no public way to say no.
            self._session._retry_connection = False  # noqa: SLF001
        asked = urlencode(query(parameters))
        return self._session.request(
            method,
            URL(f"{self.url}{_BASE}{path}{'?' if asked else ''}{asked}", encoded=True),
            data=data,
            headers={"Accept-Encoding": packed} | ({"Content-Type": "application/json"} if data else {}),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT, sock_read=self._timeout + wait),
            allow_redirects=False,
            ssl=True if self._tls is None else self._tls,
        )


async def _outcome(once: Callable[[], Awaitable[T | ClientError]]) -> T | ClientError:
    """What came of a try; aiohttp's errors know the headers that were sent, and so end here."""
    try:
        return await once()
    except ClientError as error:
        return error
    except aiohttp.ClientSSLError:
        told = _CERTIFICATE
    except TimeoutError:
        told = "It took too long."
    except aiohttp.ClientPayloadError:
        told = "The answer broke off."
    except (aiohttp.ClientError, OSError) as problem:
        told = f"{type(problem).__name__}."
    unreachable = errors.UnreachableError(f"The service did not answer. {told}")
    unreachable.transient = told is not _CERTIFICATE
    return unreachable


def _read(answer: aiohttp.ClientResponse, body: bytes) -> Answer | ClientError:
    unpack = _UNPACK.get(answer.headers.get("Content-Encoding", "").lower())
    try:
        unpacked = unpack(body) if unpack else None
    except (zlib.error, zstandard.ZstdError):
        unpacked = None
    if unpacked is None:
        return errors.UnreadableError("The answer is packed in a way that cannot be undone.")
    if not 200 <= answer.status < 300:
        return errors.of(answer.status, unpacked, retry_after=_retry_after(answer))
    return Answer(answer.status, unpacked)


def _retry_after(answer: aiohttp.ClientResponse) -> float | None:
    """Seconds; the service tells no dates."""
    told = answer.headers.get("Retry-After", "")
    return float(told) if told.isdecimal() else None
