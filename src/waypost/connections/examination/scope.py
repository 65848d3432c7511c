"""The lines about the scope: what part of the console the token sees, and whether it is less than before."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from waypost.connections import probe
from waypost.connections.examination import remedies, result
from waypost.connections.examination.result import Result
from waypost.connections.probe import Identity
from waypost.errors import Owner

NAMED: Final = 3
"""So many names are said; the rest are counted."""

_WORDS: Final = {"tenant": "The whole tenant", "account": "account", "site": "site"}


class Counts(msgspec.Struct, frozen=True):
    """How much the token sees; None where the console does not tell."""

    accounts: int | None = None
    sites: int | None = None
    agents: int | None = None


def reach(identity: Identity, counts: Counts, seconds: float) -> Result:
    found = f"{_scope(identity)}: {_counted(counts)}."
    facts: dict[str, Any] = {  # Any: as `details` is
        "scope": identity.scope,
        "scopes": [dict(scope) for scope in identity.scopes],
        **msgspec.to_builtins(counts),
    }
    if counts.sites == 0:
        return result.line(
            "scope.reach",
            result.WARN,
            f"{found} Nothing can be pulled without a site.",
            remedy=remedies.WIDER,
            owner=Owner.CUSTOMER,
            seconds=seconds,
            code="scope.no_site",
            facts=facts,
        )
    return result.line("scope.reach", result.PASS, found, seconds=seconds, facts=facts)


def narrower(identity: Identity, before: Identity) -> Result:
    """Against what the stored token sees, as far as the console tells of both."""
    if not probe.narrower(identity, before):
        return result.line("scope.narrower", result.PASS, "It sees no less than the token before it.")
    missing = _missing(identity, before)
    return result.line(
        "scope.narrower",
        result.WARN,
        f"It sees less than the token before it: {missing}. What it no longer sees stays as it was.",
        remedy=remedies.WIDER,
        owner=Owner.CUSTOMER,
        code="scope.narrower",
        facts={"missing": _names(before) if identity.scope != before.scope else _gone(identity, before)},
    )


def some(names: Sequence[str], *, total: int | None = None) -> str:
    """The first few of many names, and how many more there are."""
    total = len(names) if total is None else total
    shown = ", ".join(names[:NAMED])
    return shown if total <= NAMED else f"{shown} and {total - NAMED:,} more"


def counted(number: int | None, thing: str) -> str:
    if number is None:
        return f"an unknown number of {thing}s"
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def joined(parts: Iterable[str]) -> str:
    """Parts, at least one of them, as a sentence lists them."""
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def _scope(identity: Identity) -> str:
    if identity.scope not in _WORDS:
        return "What the token sees"
    if identity.scope == "tenant":
        return _WORDS["tenant"]
    names = _names(identity)
    if len(names) == 1:
        return f"The {identity.scope} {names[0]}"
    return f"{counted(len(names), identity.scope)} ({some(names)})"


def _counted(counts: Counts) -> str:
    return joined(
        (
            counted(counts.accounts, "account"),
            counted(counts.sites, "site"),
            counted(counts.agents, "agent"),
        )
    )


def _missing(identity: Identity, before: Identity) -> str:
    if identity.scope == before.scope:
        return f"{before.scope} {some(_gone(identity, before))} is missing"
    was = "the whole tenant" if before.scope == "tenant" else f"{before.scope} {some(_names(before))}"
    return f"{identity.scope} {some(_names(identity))} instead of {was}"


def _gone(identity: Identity, before: Identity) -> list[str]:
    held = {scope["id"] for scope in identity.scopes}
    return [_name(scope) for scope in before.scopes if scope["id"] not in held]


def _names(identity: Identity) -> list[str]:
    return [_name(scope) for scope in identity.scopes]


def _name(scope: dict[str, str]) -> str:
    return scope["name"] or scope["id"] or "(no name)"
