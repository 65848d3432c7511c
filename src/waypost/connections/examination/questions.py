"""Asking the console: each question once, within a budget of requests and of time.

Nothing here raises because of a console: an answer holds what was said, or the error. A question is asked a second
time where that may help and the budget allows it, and never waits long: an overloaded console is a finding, too.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec
import structlog

from waypost import errors
from waypost.sentinelone.client import Backoff, Client

T = TypeVar("T")

REQUESTS: Final = 25
"""The most that a check sends, whatever the size of the estate."""
KEPT: Final = 9
"""Requests that no second try may use: what is asked once the first answers are known."""

_log = structlog.get_logger(__name__)


class Patience(msgspec.Struct, frozen=True):
    """How long a check waits, in seconds.

    Attributes:
        connect: For each layer of a connection.
        read: For an answer to go on.
        call: For one call altogether.
        whole: For the check; what is not known by then is skipped.
        again: Before a second try.
        asked: The longest pause that a console may ask for.
    """

    connect: float = 5.0
    read: float = 15.0
    call: float = 16.0
    whole: float = 45.0
    again: float = 0.5
    asked: float = 3.0


class Question(msgspec.Struct, frozen=True):
    """What is asked.

    Attributes:
        path: Below the API's prefix.
        read: Makes the content out of the body.
        body: Of a POST; None for a GET.
    """

    path: str
    params: Mapping[str, str] = {}
    read: Callable[[bytes], Any] | None = None  # Any: each question has its own content
    body: object = None
    anonymous: bool = False


class Answer(msgspec.Struct, Generic[T]):
    """What came of a question: content, or an error, or why it was not asked.

    Attributes:
        late: There is an error because the console took too long.
    """

    content: T | None = None
    error: errors.WaypostError | None = None
    unasked: str = ""
    seconds: float = 0.0
    late: bool = False

    @property
    def good(self) -> bool:
        """The console gave what was asked for."""
        return self.error is None and not self.unasked


class Asker:
    """Asks the questions of one check.

    Args:
        client: Entered, and made with `patient`.
        ends_at: When the check is over, on the event loop's clock.
    """

    def __init__(self, client: Client, patience: Patience, ends_at: float) -> None:
        self._client = client
        self._patience = patience
        self._sent = 0
        self._ends_at = ends_at
        self._tasks: list[asyncio.Task[Answer[Any]]] = []

    @property
    def left(self) -> int:
        """Requests that may still be sent."""
        return REQUESTS - self._sent

    def begin(self, question: Question) -> "asyncio.Task[Answer[Any]]":
        """Ask without waiting for the answer; `result` has it."""
        task = asyncio.create_task(self._ask(question))
        self._tasks.append(task)
        return task

    async def ask(self, question: Question) -> Answer[Any]:
        return await self.result(self.begin(question))

    async def result(self, task: "asyncio.Task[Answer[Any]]") -> Answer[Any]:
        """The answer, once it is there or the time of the check is over."""
        left = self._ends_at - asyncio.get_running_loop().time()
        await asyncio.wait({task}, timeout=max(0.0, left))
        if not task.done():
            return Answer(unasked="Not known in the time that a check has.")
        return task.result()

    async def results(self, tasks: Iterable["asyncio.Task[Answer[Any]]"]) -> Sequence[Answer[Any]]:
        return [await self.result(task) for task in tasks]

    async def stop(self) -> None:
        """End what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _ask(self, question: Question) -> Answer[Any]:
        answer = await self._once(question)
        if _may_get_better(answer) and self.left > KEPT:
            await asyncio.sleep(self._patience.again)
            answer = await self._once(question)
        return answer

    async def _once(self, question: Question) -> Answer[Any]:
        if self.left <= 0:
            return Answer(unasked="The check had used its requests up before this.")
        self._sent += 1
        now = asyncio.get_running_loop().time
        began = now()
        try:
            answer = await self._send(question)
        except errors.WaypostError as error:
            seconds = now() - began
            late = isinstance(error, errors.UnreachableError) and seconds >= self._patience.read
            return Answer(error=error, seconds=seconds, late=late)
        except Exception as bug:  # noqa: BLE001  # a check never throws, whatever a console sends
            # Nothing of its text is kept: it may hold what was sent.
            _log.error("check question failed", path=question.path, error=type(bug).__name__)
            return Answer(error=errors.UnreadableAnswerError(path=question.path), seconds=now() - began)
        return Answer(content=answer.content, seconds=answer.seconds)

    async def _send(self, question: Question) -> Any:  # Any: as the question reads it
        read = question.read or _ignored
        if question.body is not None:
            return await self._client.post(question.path, question.body, check=read)
        return await self._client.get(
            question.path, question.params, check=read, anonymous=question.anonymous
        )


def patient(patience: Patience) -> dict[str, Any]:  # Any: of different types
    """What a client for a check is made with: it tries once and waits little."""
    return {
        "deadline": patience.call,
        "connect_timeout": patience.connect,
        "read_timeout": patience.read,
        "backoff": Backoff(tries=1, patience=patience.asked),
    }


def _may_get_better(answer: Answer[Any]) -> bool:
    return answer.error is not None and answer.error.reaction is errors.Reaction.TRANSIENT and not answer.late


def _ignored(body: bytes) -> None:
    msgspec.json.decode(body, type=msgspec.Raw)
