"""What ends a drift: each step as a command that can be pasted, and as the call of the API that does the same.

Where several steps are possible, the first is the one that most will want.
"""

import shlex
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

_MAPPING: Final = "/api/v1/mapping"


class Row(msgspec.Struct, frozen=True):
    """A drift as it is stored, with what everything in it is called now."""

    drift_id: UUID
    kind: str
    began_at: datetime
    detail: dict[str, Any]  # Any: each kind has facts of its own
    scope: str | None
    scope_id: str | None
    connection: str | None
    connection_uuid: UUID | None
    name: str | None
    alone: bool
    account: str | None
    was_account: str | None
    organization_uuid: UUID | None
    organization: str | None
    other_uuid: UUID | None
    other: str | None
    organization_alone: bool
    other_alone: bool
    other_connection: str | None
    other_connection_uuid: UUID | None
    version: int
    other_version: int
    decision: str
    reason: str | None


class Remedy(msgspec.Struct, frozen=True):
    """One step that ends a drift: what it comes to, as a command, and as a call of the API."""

    text: str
    command: str
    method: str
    path: str
    body: dict[str, Any] | None = None  # Any: whatever the call takes


Step = Callable[[Row], Remedy]


def of(row: Row) -> tuple[Remedy, ...]:
    """The steps that end a drift; there is always one."""
    return tuple(step(row) for step in _STEPS[row.kind](row))


def _map(row: Row, text: str, organization: UUID | None, name: str) -> Remedy:
    return _save(
        row, text, f"{row.connection}/{_named(row)}={name}", row.connection, organization, row.version
    )


def _save(
    row: Row, text: str, decision: str, connection: str | None, organization: UUID | None, version: int
) -> Remedy:
    command = ["waypost mapping save", *_flags(row, version), shlex.quote(decision)]
    wish = {
        "connection": connection,
        "kind": row.scope,
        "id": row.scope_id,
        "decision": "mapped",
        "organization": str(organization),
        "version": version,
    }
    return Remedy(text, " ".join(command), "PUT", _MAPPING, {"items": [wish]})


def _flags(row: Row, version: int) -> list[str]:
    kind = ["--kind account"] if row.scope == "account" else []
    return [*kind, "--replace"] if version else kind


def _named(row: Row) -> str:
    """The name where it can mean nothing else, or the id."""
    name = row.name or ""
    plain = name == name.strip() and not set(name) & set("=/") and name.isprintable() and not name.isdigit()
    return name if plain and row.alone and name else str(row.scope_id)


def _owner(row: Row) -> str:
    return str(row.organization if row.organization_alone else row.organization_uuid)


def _keep(row: Row) -> Remedy:
    """Let it stand; what holds from above is made the site's own decision."""
    if row.decision == "undecided":
        return _map(row, f"Map it to {row.organization!r} itself", row.organization_uuid, _owner(row))
    text = f"Keep it with {row.organization!r}" if row.organization else "Keep it as it is"
    command = f"waypost mapping drift --keep {row.drift_id}"
    return Remedy(text, command, "POST", f"{_MAPPING}/drift/{row.drift_id}/keep")


def _turn_over(row: Row) -> Remedy:
    name = str(row.other if row.other_alone else row.other_uuid)
    return _map(row, f"Map it to {row.other!r}", row.other_uuid, name)


def _same_on_both(row: Row) -> Remedy:
    text = f"Map it to {row.organization!r} by both connections"
    decision = f"{row.other_connection}/{row.scope_id}={_owner(row)}"
    return _save(row, text, decision, row.other_connection, row.organization_uuid, row.other_version)


def _ignoring(reason: str) -> Step:
    def ignore(row: Row) -> Remedy:
        scope = shlex.quote(f"{row.connection}/{_named(row)}")
        command = ["waypost mapping save", *_flags(row, row.version), "--ignore", scope]
        command += ["--reason", shlex.quote(reason)]
        wish = {
            "connection": row.connection,
            "kind": row.scope,
            "id": row.scope_id,
            "decision": "ignored",
            "reason": reason,
            "version": row.version,
        }
        text = f"Ignore it, with the reason {reason!r}"
        return Remedy(text, " ".join(command), "PUT", _MAPPING, {"items": [wish]})

    return ignore


def _suggest(row: Row) -> Remedy:
    command = f"waypost mapping suggest --connection {shlex.quote(str(row.connection))} --kind {row.scope}"
    body = {"connection": row.connection, "kind": row.scope}
    return Remedy("See whose it may be, and map it", command, "POST", f"{_MAPPING}/suggest", body)


def _organization(text: str, verb: str) -> Step:
    def step(row: Row) -> Remedy:
        command = f"waypost org {verb} {shlex.quote(_owner(row))}"
        return Remedy(text, command, "POST", f"/api/v1/organizations/{row.organization_uuid}/{verb}")

    return step


def _lost(reason: str) -> Callable[[Row], tuple[Step, ...]]:
    ignore = _ignoring(reason)
    return lambda row: (ignore,) if row.organization is None else (ignore, _keep)


def _moved(row: Row) -> tuple[Step, ...]:
    """What its new account decides holds already; one that has no decision of its own gets it as such."""
    if row.decision == "undecided" and row.organization is None:
        return (_ignoring("moved to an account that is ignored"),)
    return (_keep,)


_STEPS: Final[Mapping[str, Callable[[Row], tuple[Step, ...]]]] = {
    "new_site": lambda _: (_suggest, _ignoring("not a client")),
    "new_account": lambda _: (_suggest, _ignoring("not a client")),
    "gone_site": _lost("gone from the console"),
    "expired_site": _lost("expired"),
    "renamed_site": lambda _: (_keep, _turn_over),
    "renamed_account": lambda _: (_keep, _turn_over),
    "moved_site": _moved,
    "domain_contradiction": lambda _: (_keep, _turn_over),
    "two_organizations": lambda _: (_same_on_both,),
    "empty_organization": lambda _: (_organization("Archive it", "archive"),),
    "archived_organization": lambda _: (_organization("Restore it", "restore"),),
}
"""What ends each kind of drift."""
