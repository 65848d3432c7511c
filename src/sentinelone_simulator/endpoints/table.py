"""Which function answers which call, the permission it needs, and the filters it honours.

`TABLE` has the lists and single answers that are asked for with a query; `CALLS` what names one object in its
path or changes something.
"""

from collections.abc import Callable
from typing import NamedTuple

from sentinelone_simulator.console import Console
from sentinelone_simulator.endpoints import (
    agents,
    identity,
    rbac,
    risks,
    scopes,
    service_users,
    software,
    streams,
)
from sentinelone_simulator.queries import Query
from sentinelone_simulator.reach import SCOPE_NAMES
from sentinelone_simulator.roles import VIEW_RISKS
from sentinelone_simulator.tokens import Token

VIEW_APPLICATIONS = "Applications Page.view"


class Endpoint(NamedTuple):
    """Answers GET of its path; `permission` is empty where every role will do."""

    answer: Callable[[Console, Token, Query], bytes]
    filters: tuple[str, ...] = ()
    permission: str = ""


class Call(NamedTuple):
    """Takes the id in the path ("" without one) and the body."""

    answer: Callable[[Console, Token, str, bytes], bytes]
    permission: str = ""


TABLE = {
    "/system/info": Endpoint(identity.system_info),
    "/user": Endpoint(identity.user, permission=identity.VIEW_USERS),
    "/users/viewer-auth-check": Endpoint(identity.allowed),
    "/users/rs-auth-check": Endpoint(identity.allowed, permission="Endpoints.remoteShell"),
    "/users/tenant-admin-auth-check": Endpoint(identity.tenant_admin_check),
    "/service-users": Endpoint(service_users.listing, service_users.FILTERS, "Service Users.view"),
    "/rbac/roles": Endpoint(rbac.listing, rbac.FILTERS, "Roles.view"),
    "/accounts": Endpoint(scopes.accounts, scopes.ACCOUNT_FILTERS, "Accounts.view"),
    "/sites": Endpoint(scopes.sites, scopes.SITE_FILTERS, "Sites.view"),
    "/groups": Endpoint(scopes.groups, scopes.GROUP_FILTERS, "Groups.view"),
    "/agents": Endpoint(agents.agents, agents.FILTERS, "Endpoints.view"),
    "/agents/count": Endpoint(agents.count, agents.FILTERS, "Endpoints.view"),
    "/application-management/risks": Endpoint(risks.risk_list, risks.IMPLEMENTED, VIEW_RISKS),
    "/application-management/settings": Endpoint(scopes.settings, SCOPE_NAMES, VIEW_APPLICATIONS),
    "/application-management/inventory": Endpoint(
        software.inventory, software.INVENTORY_FILTERS, VIEW_APPLICATIONS
    ),
    "/application-management/inventory/endpoints": Endpoint(
        software.inventory_endpoints, software.ENDPOINT_FILTERS, VIEW_APPLICATIONS
    ),
    "/application-management/inventory/applications": Endpoint(
        software.agent_applications, ("ids",), VIEW_APPLICATIONS
    ),
    "/threats": Endpoint(streams.threats, streams.THREATS.filters, "Threats.view"),
    "/cloud-detection/alerts": Endpoint(streams.alerts, streams.ALERTS.filters, "Custom Alerts.view"),
    "/activities": Endpoint(streams.activities, streams.ACTIVITY_FILTERS, "Activity Page.view"),
    "/activities/types": Endpoint(streams.activity_types, permission="Activity Page.view"),
}
CALLS = {
    ("GET", "/users/{id}/api-token-details"): Call(identity.token_details),
    ("POST", "/service-users"): Call(service_users.create, "Service Users.create"),
    ("GET", "/service-users/{id}"): Call(service_users.one, "Service Users.view"),
    ("PUT", "/service-users/{id}"): Call(service_users.update, "Service Users.edit"),
    ("DELETE", "/service-users/{id}"): Call(service_users.delete, "Service Users.delete"),
    ("POST", "/service-users/{id}/generate-api-token"): Call(service_users.generate, "Service Users.edit"),
    ("POST", "/service-users/delete-service-users"): Call(
        service_users.delete_matching, "Service Users.delete"
    ),
    ("GET", "/rbac/role/{id}"): Call(rbac.one, "Roles.view"),
}


def call(method: str, path: str) -> tuple[str, str, Call] | None:
    """The template that this path fits, the id in it, and the call."""
    parts = path.split("/")
    for (verb, template), found in CALLS.items():
        shape = template.split("/")
        if verb == method and len(shape) == len(parts):
            ids = [part for part, known in zip(parts, shape, strict=True) if known == "{id}" and part]
            if all(known in ("{id}", part) for part, known in zip(parts, shape, strict=True)):
                return template, ids[0] if ids else "", found
    return None
