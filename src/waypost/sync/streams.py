"""The streams as a table: where a console lists them, how a page is read, what a full and a delta ask for."""

from collections.abc import Callable, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

import msgspec

from waypost.sentinelone import wire
from waypost.sentinelone.pages import Decode
from waypost.sync.plan import Partition
from waypost.unified import findings


class Stream(msgspec.Struct, frozen=True):
    """One kind of data that is pulled.

    Attributes:
        name: The glossary's word.
        path: Below the API's prefix.
        decode: Reads a page.
        row_id: The console's id of a row.
        params: Sent with every request. Pages are keyset pages: sorting by the id, which never changes, keeps
            rows from being skipped when others change meanwhile (API notes, section 5).
        since_param: The filter of a delta; None where the console has none and each pull is whole.
        delta_params: What else a delta asks for.
    """

    name: str
    path: str
    decode: Decode[Any]  # Any: each stream has rows of its own
    row_id: Callable[[Any], int]
    params: Mapping[str, str]
    since_param: str | None = None
    delta_params: Mapping[str, str] = {}

    def request(self, partition: Partition, since: datetime | None) -> dict[str, str]:
        """The parameters of a walk. A part of the connection is read whole even in a delta."""
        params = dict(self.params)
        if partition.scope == "device":
            params["endpointName__contains"] = partition.scope_name or ""
        elif partition.scope_id is not None:
            params[f"{partition.scope}Ids"] = str(partition.scope_id)
        elif since is not None and self.since_param is not None:
            params[self.since_param] = since.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            params |= self.delta_params
        return params


_SENT_ID: Final = attrgetter("value.id")
_BY_ID: Final = {"sortBy": "id", "sortOrder": "asc"}
_EVERY_STATE: Final = {"states": "active,expired,deleted"}
"""Which states a list without it leaves out is not known (API notes, section 2), so all are asked for."""
_EVERY_AGENT: Final = {"isDecommissioned": "True,False", "isUninstalled": "True,False"}
"""Decommissioned and uninstalled agents are hidden unless asked for."""

ACCOUNTS: Final = Stream("accounts", "/accounts", wire.accounts, _SENT_ID, {**_BY_ID, **_EVERY_STATE})
SITES: Final = Stream("sites", "/sites", wire.sites, _SENT_ID, {**_BY_ID, **_EVERY_STATE})
GROUPS: Final = Stream("groups", "/groups", wire.groups, _SENT_ID, _BY_ID, since_param="updatedAt__gte")
AGENTS: Final = Stream(
    "agents", "/agents", wire.agents, _SENT_ID, {**_BY_ID, **_EVERY_AGENT}, since_param="updatedAt__gte"
)
RISKS: Final = Stream(
    "risks",
    "/application-management/risks",
    findings.read,
    attrgetter("id"),
    {**_BY_ID, "skipCount": "true"},  # the count alone takes the console seconds (API notes, 3.1)
    since_param="riskUpdatedDate__gte",
    delta_params={"includeRemovals": "true"},
)

IN_ORDER: Final = (ACCOUNTS, SITES, GROUPS, AGENTS, RISKS)
"""The order of a pull: each stands on those before it."""

BY_NAME: Final = {stream.name: stream for stream in IN_ORDER}
