"""The lines about the token: does the console accept it, whose is it, and when does it end."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from waypost import errors
from waypost.connections.examination import remedies, result
from waypost.connections.examination.holder import Holder, Lifetime
from waypost.connections.examination.questions import Answer, Question
from waypost.connections.examination.result import Result
from waypost.errors import Owner
from waypost.sentinelone import claims

REFUSED: Final = errors.TokenRefusedError.code
EXPIRED: Final = "token.expired"

SOON: Final = timedelta(days=30)
"""A token that ends earlier than this is a warning."""


def proof() -> Question:
    """Answered to every token that a console accepts, where it did not tell by `/system/info`."""
    return Question("/users/viewer-auth-check")


def unusable(error: errors.WaypostError) -> Result:
    """A token that cannot even be sent."""
    return result.line(
        "token.accepted",
        result.FAIL,
        str(error),
        remedy="Copy the token again, whole and with nothing else; if it is lost, make another. "
        + remedies.NEW_TOKEN,
        owner=error.owner,
        code=error.code,
    )


def accepted(answers: Sequence[Answer[Any]], lifetime: Lifetime, now: datetime) -> Result:
    """Whether any of the answers shows that the console knows the token."""
    seconds = sum(answer.seconds for answer in answers)
    if any(_knows(answer) for answer in answers):
        return result.line("token.accepted", result.PASS, "The console accepts it.", seconds=seconds)
    refusal = next((a.error for a in answers if isinstance(a.error, errors.TokenRefusedError)), None)
    if refusal is not None:
        return result.line(
            "token.accepted",
            result.FAIL,
            f"The console refuses it{_why(lifetime, now)}",
            remedy=remedies.NEW_TOKEN,
            owner=Owner.CUSTOMER,
            seconds=seconds,
            code=REFUSED,
        )
    error = next((answer.error for answer in answers if answer.error), None)
    if error is None:
        return result.skipped("token.accepted", answers[0].unasked)
    return result.failure("token.accepted", error, seconds=seconds)


def holder(holder: Holder, seconds: float) -> Result:
    name = f", {holder.name}" if holder.name else ""
    if holder.kind == claims.SERVICE_USER:
        return result.line(
            "token.holder",
            result.PASS,
            f"A service user{name}.",
            seconds=seconds,
            facts={"kind": holder.kind},
        )
    if holder.kind == claims.PERSON:
        return result.line(
            "token.holder",
            result.WARN,
            f"A person{name}: the token ends when they leave or make another, and what Waypost does is logged under "
            "their name.",
            remedy=remedies.NEW_SERVICE_USER,
            owner=Owner.CUSTOMER,
            seconds=seconds,
            code="token.person",
            facts={"kind": holder.kind},
        )
    return result.line(
        "token.holder",
        result.PASS,
        "The console does not tell whose it is, to a role without 'Users.view'; nothing depends on it.",
        seconds=seconds,
    )


def lifetime(lifetime: Lifetime, now: datetime, seconds: float) -> Result:
    """How long the token has. An unknown lifetime is no failure: consoles differ in what they tell."""
    name, ends = "token.lifetime", lifetime.expires_at
    made = f"Made on {_day(lifetime.created_at)}; it" if lifetime.created_at else "It"
    if ends is None:
        return result.line(
            name, result.PASS, f"{made} ends at a time that the console does not tell.", seconds=seconds
        )
    left = ends - now
    facts = {
        "created_at": lifetime.created_at.isoformat() if lifetime.created_at else None,
        "expires_at": ends.isoformat(),
        "days_left": left.days,
    }
    if left > SOON:
        found = f"{made} ends on {_day(ends)}, in {left.days:,} days."
        return result.line(name, result.PASS, found, seconds=seconds, facts=facts)
    ended = left <= timedelta(0)
    return result.line(
        name,
        result.FAIL if ended else result.WARN,
        f"{made} ended on {_day(ends)}." if ended else f"{made} ends on {_day(ends)}, {_in(left)}.",
        remedy=remedies.NEW_TOKEN,
        owner=Owner.CUSTOMER,
        seconds=seconds,
        code=EXPIRED if ended else "token.ends_soon",
        facts=facts,
    )


def _knows(answer: Answer[Any]) -> bool:
    """A refusal for want of a permission or a path was made for somebody known."""
    forgiving = errors.ForbiddenRoleError | errors.ForbiddenScopeError | errors.NotLicensedError
    known = isinstance(answer.error, forgiving) and answer.error.vendor_code == 4030010
    return answer.good or known


def _why(lifetime: Lifetime, now: datetime) -> str:
    if lifetime.expires_at is not None and lifetime.expires_at <= now:
        return f": it ended on {_day(lifetime.expires_at)}."
    return ": it is wrong, cut short, taken back, or of another console."


def _in(left: timedelta) -> str:
    return {0: "within a day", 1: "in 1 day"}.get(left.days, f"in {left.days} days")


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else ""
