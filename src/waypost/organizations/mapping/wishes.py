"""Wishes held against what there is: which site or account each means, and whether it may be decided so."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Final

import msgspec

from waypost import errors
from waypost.organizations.mapping.decisions import Decided, Kind, Wish
from waypost.organizations.mapping.directory import Directory, Entry
from waypost.organizations.mapping.estate import Console, Estate, Key, Ruling, Scope
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.unified import names

LONGEST_REASON: Final = 500
_DIGITS: Final = re.compile(r"[0-9]{1,19}")
"""Of an id of the console."""
_TOLD: Final = 3
"""So many of several are told by name."""


class Choice(msgspec.Struct, frozen=True):
    """What is to be decided about a site or account."""

    scope: Scope
    ruling: Ruling


class Fault(msgspec.Struct, frozen=True):
    """A wish that cannot be carried out: which one, counted from 0, and why."""

    place: int
    error: errors.UsageError


class Choices(msgspec.Struct, frozen=True):
    """What wishes come to.

    Attributes:
        changes: What differs from what is decided already, each site or account once.
        unchanged: How many wishes are fulfilled already.
    """

    changes: Sequence[Choice]
    unchanged: int
    faults: Sequence[Fault]

    def refuse_faults(self) -> None:
        """All or nothing: with a single fault nothing is saved.

        Raises:
            UsageError: Of the kind that the first fault is; where others are outdated too, it tells of them all.
        """
        if not self.faults:
            return
        first = self.faults[0].error
        more = len(self.faults) - 1
        told = f" {more} more of the decisions cannot be made either." if more else ""
        if isinstance(first, errors.OutdatedMappingError):
            scopes = [str(fault.error) for fault in self.faults if isinstance(fault.error, type(first))]
            raise errors.OutdatedMappingError(f"{first}{told} Nothing was saved.", scopes=scopes)
        raise type(first)(f"{first}{told} Nothing was saved.", remedy=first.remedy, field=first.field)


def label(estate: Estate, scope: Scope) -> str:
    """A site or account as errors name it."""
    return f"The {scope.kind} {scope.name!r} ({scope.scope_id}) of {estate.console(scope).name!r}"


class Reader:
    """Holds wishes against the estate and the organizations."""

    def __init__(self, estate: Estate, directory: Directory) -> None:
        self._estate = estate
        self._directory = directory

    @cached_property
    def _consoles(self) -> Mapping[str, Console]:
        consoles = self._estate.consoles.values()
        return {str(console.connection_uuid): console for console in consoles} | {
            console.name: console for console in consoles
        }

    async def read(self, db: Connection, wishes: Sequence[Wish]) -> Choices:
        """What these wishes come to, and what is wrong with each that cannot be carried out."""
        faults: list[Fault] = []
        chosen: dict[Key, Choice] = {}
        outdated: list[tuple[int, Scope]] = []
        unchanged = 0
        for place, wish in enumerate(wishes):
            try:
                choice = self._choice(wish)
                self._refuse_contradiction(chosen.get(choice.scope.key), choice)
            except errors.UsageError as error:
                faults.append(Fault(place, _placed(error, place, len(wishes))))
                continue
            if choice.scope.key in chosen:  # wished twice, which is once
                continue
            chosen[choice.scope.key] = choice
            if _same(choice.scope.own, choice.ruling):
                unchanged += 1
            elif not _current(wish, choice.scope):
                outdated.append((place, choice.scope))
        overtaken = await self._outdated(db, [scope for _, scope in outdated])
        faults += [
            Fault(place, _placed(error, place, len(wishes)))
            for (place, _), error in zip(outdated, overtaken, strict=True)
        ]
        changes = [one for one in chosen.values() if not _same(one.scope.own, one.ruling)]
        return Choices(changes, unchanged, sorted(faults, key=lambda fault: fault.place))

    def _choice(self, wish: Wish) -> Choice:
        scope = self._scope(wish)
        return Choice(scope, self._ruling(wish, scope))

    def _scope(self, wish: Wish) -> Scope:
        console = self._consoles.get(wish.connection) or self._consoles.get(names.cleaned(wish.connection))
        if console is None:
            raise errors.NoSuchConnectionError(
                f"There is no connection {wish.connection!r}.", field="connection"
            )
        if not wish.id:
            return self._by_name(wish, console)
        scope_id = int(wish.id) if _DIGITS.fullmatch(wish.id) else -1
        found = self._estate.scopes.get((console.connection_id, wish.kind, scope_id))
        if found is None:
            raise errors.NoSuchScopeError(
                f"{console.name!r} has no {wish.kind} with the id {wish.id!r}{self._elsewhere(wish.kind, scope_id)}."
            )
        return found

    def _elsewhere(self, kind: Kind, scope_id: int) -> str:
        """On which connections such a site or account is instead."""
        others = self._estate.by_id.get((kind, scope_id), [])
        told = ", ".join(sorted(repr(self._estate.console(other).name) for other in others))
        return f"; it is one of {told}" if told else ""

    def _by_name(self, wish: Wish, console: Console) -> Scope:
        if not wish.name:
            raise errors.NoSuchScopeError(f"It is not said which {wish.kind} of {console.name!r} is meant.")
        called = self._estate.by_name.get((console.connection_id, wish.kind, wish.name), [])
        found = [scope for scope in called if not scope.gone] or called
        if not found:
            raise errors.NoSuchScopeError(f"{console.name!r} has no {wish.kind} {wish.name!r}.", field="name")
        if len(found) > 1:
            ids = _some(str(scope.scope_id) for scope in found)
            raise errors.NoSuchScopeError(
                f"{console.name!r} has {len(found)} {wish.kind}s {wish.name!r}, with the ids {ids}.",
                remedy="Say which one by its id.",
                field="name",
            )
        return found[0]

    def _ruling(self, wish: Wish, scope: Scope) -> Ruling:
        reason, organization = (wish.reason or "").strip(), (wish.organization or "").strip()
        _refuse_odd(wish.decision, organization, reason)
        if wish.decision is Decided.MAPPED:
            return Ruling(wish.decision, self._open(organization).organization_id, origin=str(scope.kind))
        if wish.decision is Decided.IGNORED:
            return Ruling(wish.decision, reason=reason, origin=str(scope.kind))
        return Ruling(wish.decision)

    def _open(self, text: str) -> Entry:
        entry = self._directory.named(text)
        if entry.archived:
            raise errors.OrganizationStateError(
                f"The organization {self._directory.path(entry)!r} is archived: nothing can be mapped to it."
            )
        return entry

    def _refuse_contradiction(self, former: Choice | None, choice: Choice) -> None:
        if former is not None and not _same(former.ruling, choice.ruling):
            raise errors.DecisionError(
                f"{label(self._estate, choice.scope)} is decided about twice, in different ways."
            )

    async def _outdated(self, db: Connection, scopes: Sequence[Scope]) -> list[errors.OutdatedMappingError]:
        if not scopes:
            return []
        save_ids = list({scope.version for scope in scopes})
        rows = await (await db.execute(queries.mapping.deciders, {"save_ids": save_ids})).fetchall()
        deciders: dict[int, tuple[str, datetime]] = {save_id: (actor, at) for save_id, actor, at in rows}
        return [
            errors.OutdatedMappingError(self._overtaken(scope, deciders.get(scope.version)))
            for scope in scopes
        ]

    def _overtaken(self, scope: Scope, decider: tuple[str, datetime] | None) -> str:
        if decider is None:
            return f"{label(self._estate, scope)} was never decided about: another version was named."
        actor, at = decider
        entry = self._directory.by_id.get(scope.own.organization_id or 0)
        held = {
            Decided.MAPPED: f"is mapped to {self._directory.path(entry)!r}" if entry else "",
            Decided.IGNORED: f"is ignored ({scope.own.reason})",
            Decided.UNDECIDED: "is undecided",
        }[scope.own.decision]
        return (
            f"{label(self._estate, scope)} {held}: {actor} decided that at "
            f"{at:%Y-%m-%d %H:%M:%S} UTC (version {scope.version})."
        )


def _placed(error: errors.UsageError, place: int, count: int) -> errors.UsageError:
    """The same error, telling which of several wishes it is about."""
    if count == 1:
        return error
    told = f"Decision {place + 1}: {error}"
    if isinstance(error, errors.OutdatedMappingError):
        return errors.OutdatedMappingError(told)
    return type(error)(told, remedy=error.remedy, field=error.field)


def _refuse_odd(decision: Decided, organization: str, reason: str) -> None:
    if decision is Decided.MAPPED and not organization:
        raise errors.DecisionError("It is to be mapped, and no organization is named.", field="organization")
    if decision is not Decided.MAPPED and organization:
        raise errors.DecisionError(
            f"It is to be {decision}, and an organization is named.", field="organization"
        )
    if decision is Decided.IGNORED and not reason:
        raise errors.DecisionError("It is to be ignored, and no reason is given.", field="reason")
    if decision is not Decided.IGNORED and reason:
        raise errors.DecisionError(
            f"It is to be {decision}; a reason is only for what is ignored.", field="reason"
        )
    if len(reason) > LONGEST_REASON or not reason.isprintable():
        raise errors.DecisionError(
            f"A reason has at most {LONGEST_REASON} characters, on one line.", field="reason"
        )


def _same(one: Ruling, other: Ruling) -> bool:
    return one.routes_like(other) and one.reason == other.reason


def _current(wish: Wish, scope: Scope) -> bool:
    """Whether whoever wishes has seen what is decided; without a version he replaces nothing that is."""
    return wish.version == scope.version if wish.version is not None else not scope.own.decides


def _some(texts: Iterable[str]) -> str:
    every = list(texts)
    return ", ".join(every[:_TOLD]) + (", …" if len(every) > _TOLD else "")
