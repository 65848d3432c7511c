"""/rbac/roles and /rbac/role/{id}: the roles of the console and what each of them may (API notes 1)."""

from collections import Counter

from sentinelone_simulator import pages, refusals
from sentinelone_simulator.console import Console
from sentinelone_simulator.endpoints import envelopes
from sentinelone_simulator.queries import Query
from sentinelone_simulator.roles import Role
from sentinelone_simulator.tokens import Token
from sentinelone_simulator.wire import users as wire

FILTERS = ("ids", "name", "query", "predefinedRole", "tenant", "includeParents", "includeChildren")


def listing(console: Console, _token: Token, query: Query) -> bytes:
    wanted = pages.paging(query)
    counts = _holders(console)
    rows = [wire.role(role, counts[role.id]) for role in console.roles.values() if _asked_for(query, role)]

    def raw(row: wire.Row) -> pages.Raw:
        value = row.get(wanted.sort_by)
        return value if isinstance(value, str | int) else None

    def ident(row: wire.Row) -> int:
        return int(str(row["id"]))

    key = None if wanted.sort_by == "id" else raw
    page, cursor = pages.cut(pages.arrange(rows, key, ident), key, ident, wanted)
    return envelopes.rows(page, len(rows), wanted, cursor)


def one(console: Console, _token: Token, role_id: str, _body: bytes) -> bytes:
    role = console.roles.get(role_id)
    if role is None:
        raise refusals.missing()
    return envelopes.data({**wire.role(role, _holders(console)[role.id]), "pages": wire.pages(role)})


def _holders(console: Console) -> Counter[str]:
    return Counter(role.id for user in console.users.values() for role in user.roles())


def _asked_for(query: Query, role: Role) -> bool:
    """All roles here belong to the tenant, so a narrower scope sees them as its parents' (the default)."""
    ids = query.words("ids")
    return (
        (not ids or role.id in ids)
        and ("name" not in query.values or query.values["name"] == role.name)
        and query.values.get("query", "").lower() in f"{role.name} {role.description}".lower()
        and ("predefinedRole" not in query.values or query.flag("predefinedRole") == role.predefined)
    )
