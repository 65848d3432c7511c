"""The holder of a token, service users and roles, as /user, /service-users and /rbac show them (API notes 1)."""

from sentinelone_simulator import clock, roles, users
from sentinelone_simulator.estate import Estate
from sentinelone_simulator.roles import Role
from sentinelone_simulator.tokens import Token
from sentinelone_simulator.users import User

Row = dict[str, object]


def api_token(token: Token) -> Row:
    return {"createdAt": clock.precise(token.created), "expiresAt": clock.coarse(token.expires)}


def scope_roles(estate: Estate, user: User) -> list[Row]:
    """A role in each account or site; the whole tenant has no id and no name."""
    named: dict[str | None, tuple[str | None, str | None]] = {None: (None, None)}
    named |= {str(account.id): (account.name, account.name) for account in estate.accounts}
    named |= {str(site.id): (site.name, estate.accounts[site.account].name) for site in estate.sites}
    held: list[str | None] = [*user.scope_ids] or [None]
    return [
        {
            "id": identifier,
            "name": named.get(identifier, ("", ""))[0],
            "accountName": named.get(identifier, ("", ""))[1],
            "roleId": user.role_in(identifier).id,
            "roleName": user.role_in(identifier).name,
            "roles": [user.role_in(identifier).name],
        }
        for identifier in held
    ]


def service_user(estate: Estate, user: User, token: Token) -> Row:
    maker, changer = user.made_by, user.changed_by
    return {
        "apiToken": api_token(token),
        "createdAt": clock.precise(user.created),
        "createdBy": {"id": maker[0], "name": maker[1]},
        "description": user.description,
        "id": user.id,
        "lastActivation": None if user.last_active is None else clock.precise(user.last_active),
        "name": user.name,
        "scope": user.scope,
        "scopeRoles": scope_roles(estate, user),
        "updatedAt": clock.precise(user.updated),
        "updatedBy": {"id": changer[0], "name": changer[1]},
    }


def account_of(estate: Estate, user: User) -> Row | None:
    """The account of a user who has a single one."""
    own = user.accounts(estate)
    if user.scope == "tenant" or len(own) != 1:
        return None
    account = estate.accounts[next(iter(own))]
    return {"id": str(account.id), "name": account.name}


def myself(estate: Estate, token: Token) -> Row:
    """Who asks. That a service user gets an answer as well, and which, is a belief (API notes 8)."""
    user = token.user
    person = user.kind == users.PERSON
    held = scope_roles(estate, user)
    return {
        "id": user.id,
        "source": "mgmt",
        "globalUserId": None,
        "globalOrganizationId": None,
        "email": user.email,
        "emailReadOnly": False,
        "fullName": user.name,
        "fullNameReadOnly": False,
        "firstLogin": clock.precise(token.created + clock.SECOND) if person else None,
        "lastLogin": clock.precise(clock.START - clock.DAY) if person else None,
        "dateJoined": clock.precise(user.created),
        "lowestRole": user.role.name,
        "groupsReadOnly": False,
        "twoFaEnabled": person,
        "primaryTwoFaMethod": "application",
        "emailVerified": True,
        "scope": user.scope,
        "apiToken": api_token(token),
        "twoFaEnabledReadOnly": False,
        "agreedEula": True,
        "agreementUrl": None,
        "allowRemoteShell": False,
        "twoFaConfigured": person,
        "scopeRoles": held,
        "isSystem": False,
        "isExternalLoginUser": False,
        "canGenerateApiToken": person,
        "elevatedSessionDurationMinutes": 30,
        "twoFaStatus": "configured" if person else "not_configured",
        "tenantRoles": [user.role.id] if user.scope == "tenant" else [],
        "siteRoles": [_without_account(role) for role in held] if user.scope == "site" else [],
    }


def _without_account(role: Row) -> Row:
    """The deprecated form of a role in a site."""
    return {key: value for key, value in role.items() if key != "accountName"}


def role(row: Role, users_in_it: int) -> Row:
    changed = clock.precise(row.created)
    maker = ("SentinelOne", None) if row.predefined else ("steven@example.com", users.FOUNDER[0])
    return {
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "createdAt": changed,
        "updatedAt": changed,
        "creator": maker[0],
        "creatorId": maker[1],
        "updatedBy": maker[0],
        "updatedById": maker[1],
        "usersInRoles": users_in_it,
        "scopeId": None,
        "scope": "tenant",
        "predefinedRole": row.predefined,
        "accountName": None,
        "siteName": None,
    }


def pages(row: Role) -> list[Row]:
    """The permissions of a role, by page of the console."""
    return [
        {"name": page, "identifier": page, "permissions": [_permission(row, page, name) for name in own]}
        for page, own in roles.PAGES.items()
    ]


def _permission(row: Role, page: str, name: str) -> Row:
    identifier = f"{page}.{name}"
    return {
        "identifier": identifier,
        "title": name,
        "value": identifier in row.permissions,
        "description": f"{page}: {name}",
        "additionalDescription": None,
        "type": "boolean",
        "dependsOn": [] if name == "view" or "view" not in roles.PAGES[page] else [f"{page}.view"],
        "groupName": None,
        "disabledReason": None,
        "disabledReasonCode": None,
    }
