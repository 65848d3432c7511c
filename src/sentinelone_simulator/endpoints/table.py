"""Which function answers which path, and the filters it honours."""

from collections.abc import Callable
from typing import NamedTuple

from sentinelone_simulator.console import Console
from sentinelone_simulator.endpoints import agents, identity, risks, scopes, software
from sentinelone_simulator.queries import Query
from sentinelone_simulator.reach import SCOPE_NAMES
from sentinelone_simulator.tokens import Token


class Endpoint(NamedTuple):
    answer: Callable[[Console, Token, Query], bytes]
    filters: tuple[str, ...] = ()


TABLE = {
    "/system/info": Endpoint(identity.system_info),
    "/user": Endpoint(identity.user),
    "/users/viewer-auth-check": Endpoint(identity.viewer_check),
    "/users/tenant-admin-auth-check": Endpoint(identity.tenant_admin_check),
    "/accounts": Endpoint(scopes.accounts, scopes.ACCOUNT_FILTERS),
    "/sites": Endpoint(scopes.sites, scopes.SITE_FILTERS),
    "/groups": Endpoint(scopes.groups, scopes.GROUP_FILTERS),
    "/agents": Endpoint(agents.agents, agents.FILTERS),
    "/agents/count": Endpoint(agents.count, agents.FILTERS),
    "/application-management/risks": Endpoint(risks.risk_list, risks.IMPLEMENTED),
    "/application-management/settings": Endpoint(scopes.settings, SCOPE_NAMES),
    "/application-management/inventory": Endpoint(software.inventory, software.INVENTORY_FILTERS),
    "/application-management/inventory/endpoints": Endpoint(
        software.inventory_endpoints, software.ENDPOINT_FILTERS
    ),
    "/application-management/inventory/applications": Endpoint(software.agent_applications, ("ids",)),
}
