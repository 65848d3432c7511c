"""The lines about privilege: Viewer is enough to read; more is a risk while nothing acts, less is a failure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from waypost import errors
from waypost.connections.examination import remedies, result, scope, streams
from waypost.connections.examination.holder import User
from waypost.connections.examination.questions import Answer, Question
from waypost.connections.examination.result import Result
from waypost.errors import Owner
from waypost.sentinelone import permissions, refusals
from waypost.sentinelone.permissions import Role

SAMPLED: Final = 2
"""So many roles are looked at; few tokens have more than one."""

_RISK: Final = "whoever gets hold of the token can use them"


def role_ids(user: User) -> list[str]:
    """The roles to look at."""
    found = (role.roleId for role in user.scopeRoles or () if role.roleId and role.roleId.isdigit())
    return list(dict.fromkeys(found))[:SAMPLED]


def described(role_id: str) -> Question:
    return Question(f"/rbac/role/{role_id}", read=permissions.role)


def names(user: User) -> list[str]:
    """The names of the token's roles."""
    held = [role.role for role in user.scopeRoles or ()] or list(user.tenantRoles or ())
    return list(dict.fromkeys(filter(None, held)))


def role(
    user: User, roles: Sequence[Role], *, actions: bool = False, renews: bool = False, seconds: float = 0.0
) -> Result:
    """What the role may beyond reading, and whether Waypost has a use for it: to act, or to renew the token."""
    held = names(user) or list(dict.fromkeys(filter(None, (role.name for role in roles))))
    if not held:
        return result.skipped("privilege.role", "The console does not tell this token its role.")
    more = {name for role in roles if not _plain(role) for name in role.acts}
    acts = permissions.gravest_first(more - (permissions.RENEWING if renews else frozenset()))
    if acts or any(permissions.acting(name) for name in held):
        return _more(held, acts, actions=actions, seconds=seconds)
    unknown = [name for name in held if permissions.acting(name) is None and not _among(name, roles)]
    said = ": it may read and nothing else"
    if more:
        said = ": it may read, and renew its token as it is meant to"
    elif unknown:
        said = "; what it may do beyond reading is not told"
    return result.line(
        "privilege.role",
        result.PASS,
        f"{scope.some(held)}{said}.",
        seconds=seconds,
        facts={"roles": held, "acts": []},
    )


def enough(answers: Mapping[str, Answer[Any]]) -> Result:
    """Whether the role may read every kind of data; what it may not is named with the missing permission."""
    missing = {
        name: refusals.permission(streams.TABLE[name].path)
        for name, answer in answers.items()
        if streams.lacks_permission(answer)
    }
    read = [name for name, answer in answers.items() if answer.content is not None]
    if not read and not missing:
        return result.skipped("privilege.enough", "Nothing was read that could tell.")
    if not missing:
        said = "every kind of data" if len(read) == len(streams.TABLE) else scope.joined(read)
        return result.line("privilege.enough", result.PASS, f"The role may read {said}.")
    listed = scope.joined(f"{name} ('{permission}')" for name, permission in missing.items())
    wanted = scope.joined(f"'{permission}'" for permission in dict.fromkeys(missing.values()))
    return result.line(
        "privilege.enough",
        result.FAIL,
        f"The role may not read {listed}.",
        remedy=remedies.MORE.format(permissions=wanted),
        owner=Owner.CUSTOMER,
        code=errors.ForbiddenRoleError.code,
        facts={"missing": missing},
    )


def _more(held: Sequence[str], acts: Sequence[str], *, actions: bool, seconds: float) -> Result:
    facts = {"roles": list(held), "acts": list(acts)}
    named = f"{len(acts)} permissions, such as {scope.some(acts)}" if acts else "more"
    if actions:
        found = f"{scope.some(held)}: beyond reading it has {named}."
        return result.line("privilege.role", result.PASS, found, seconds=seconds, facts=facts)
    return result.line(
        "privilege.role",
        result.WARN,
        f"{scope.some(held)}: more than is needed. Beyond reading it has {named}; {_RISK}.",
        remedy=remedies.VIEWER,
        owner=Owner.CUSTOMER,
        seconds=seconds,
        code="privilege.more_than_viewer",
        facts=facts,
    )


def _plain(role: Role) -> bool:
    """The vendor's own Viewer is enough by definition, whatever else a later version puts in it."""
    return role.predefined and role.name.lower() == permissions.VIEWER.lower()


def _among(name: str, roles: Sequence[Role]) -> bool:
    return any(role.name == name and role.granted for role in roles)
