"""The lines about the address: is it one, does a way lead to it, and is it a console that answers there."""

from typing import Any, Final

import msgspec

from waypost import errors
from waypost.connections.examination import result
from waypost.connections.examination.questions import Answer, Question
from waypost.connections.examination.result import Result
from waypost.errors import Owner
from waypost.sentinelone.address import Address
from waypost.sentinelone.handshake import Step

_ANOTHER: Final = "Use the address that the browser shows when you are logged in to the console."


class System(msgspec.Struct):
    """`/system/info`."""

    release: str | None = None
    version: str | None = None

    @property
    def words(self) -> str:
        return " ".join(part for part in (self.release, self.version) if part)


class _Document(msgspec.Struct):
    data: Any  # straight from JSON


def health() -> Question:
    """Answered by consoles without a token, so it is asked before the token is sent anywhere."""
    return Question("/system/status", read=_document, anonymous=True)


def system() -> Question:
    """Answered by consoles to every token that they accept, whatever its role."""
    return Question("/system/info", read=_system)


def shape(text: str, address: Address) -> Result:
    pasted = text.strip().rstrip("/")
    more = "" if pasted in (address.origin, address.host) else ", without the rest of what was given"
    return result.line("address.shape", result.PASS, f"{address.origin}{more}.")


def layer(step: Step) -> Result:
    """A line of a layer of the connection."""
    name = f"address.{step.layer}"
    if not step.code:
        return result.line(name, result.PASS, step.found, seconds=step.seconds)
    return result.line(
        name,
        result.FAIL,
        step.found,
        remedy=step.remedy,
        owner=step.owner,
        seconds=step.seconds,
        code=step.code,
    )


def stranger(answer: Answer[Any]) -> Result | None:
    """The line that says why what answers is no console; None when it may be one.

    A console that wants a token first, has no such path or is overloaded says so in JSON; a web page, a redirect and
    anything else come from something else, and it gets no token.
    """
    error = answer.error
    if answer.unasked:
        return result.skipped("address.console", answer.unasked)
    if isinstance(error, errors.NotAConsoleError):
        return _other(error.message, answer)
    if isinstance(error, errors.UnreadableAnswerError):
        return _other("What answers there does not answer as a SentinelOne console does.", answer)
    if error is None or isinstance(error, errors.TokenRefusedError | errors.LimitedError):
        return None
    if isinstance(error, errors.ConsoleError) and error.vendor_code is not None:
        return None
    return result.failure("address.console", error, seconds=answer.seconds)


def console(health: Answer[Any], system: Answer[System], proof: Answer[Any]) -> Result:
    """The line about a console, once it was asked for its version; some do not tell it, but answer otherwise."""
    error = proof.error
    seconds = health.seconds + system.seconds
    if isinstance(error, errors.NotAConsoleError | errors.UnreachableError):
        return result.failure("address.console", error, seconds=seconds)
    words = system.content.words if system.content else ""
    found = (
        f"A SentinelOne console, version {words}." if words else "A SentinelOne console; it tells no version."
    )
    return result.line("address.console", result.PASS, found, seconds=seconds, facts={"version": words})


def _other(found: str, answer: Answer[Any]) -> Result:
    return result.line(
        "address.console",
        result.FAIL,
        found,
        remedy=_ANOTHER,
        owner=Owner.CUSTOMER,
        seconds=answer.seconds,
        code=errors.NotAConsoleError.code,
    )


def _document(body: bytes) -> object:
    return msgspec.json.decode(body, type=_Document).data


def _system(body: bytes) -> System:
    try:
        return msgspec.convert(_document(body), System, strict=False)
    except msgspec.ValidationError:
        return System()
