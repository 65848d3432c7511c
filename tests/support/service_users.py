"""Service users of a simulated console, made and looked at as an administrator of the console would."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.request import Request, urlopen

from support.simulator import Simulator

Document = dict[str, Any]  # Any: straight from JSON


class Administrator:
    """Works at the console by hand, with the tenant administrator's token."""

    def __init__(self, console: Simulator) -> None:
        self.console = console
        self.token = console.holder("Tenant admin")

    def make(
        self,
        name: str = "Reader",
        *,
        role: str = "Admin",
        scope: str = "tenant",
        scope_ids: tuple[str, ...] = (),
        days: float = 200,
    ) -> Document:
        """A service user whose token ends so many days from now; `apiToken.value` is the token."""
        role_id = next(row["id"] for row in self.call("GET", "/rbac/roles?limit=1000") if row["name"] == role)
        roles = [{"id": one, "roleId": role_id} for one in scope_ids] or [{"roleId": role_id}]
        ends = (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
        plan = {"name": name, "expirationDate": ends, "scope": scope, "scopeRoles": roles}
        made: Document = self.call("POST", "/service-users", {"data": plan})
        return made

    def token_of(self, **options: Any) -> str:
        """The token of a new service user."""
        return str(self.make(**options)["apiToken"]["value"])

    def all(self) -> list[Document]:
        found: list[Document] = self.call("GET", "/service-users?limit=1000")
        return found

    def names(self) -> list[str]:
        return sorted(row["name"] for row in self.all())

    def ours(self) -> list[Document]:
        """Those that Waypost made."""
        return [row for row in self.all() if "Waypost renewal" in (row["description"] or "")]

    def delete(self, user_id: str) -> None:
        self.call("DELETE", f"/service-users/{user_id}")

    def call(self, method: str, path: str, body: object = None) -> Any:
        request = Request(  # noqa: S310  # loopback
            f"{self.console.url}/web/api/v2.1{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Authorization": f"ApiToken {self.token}", "Content-Type": "application/json"},
        )
        with urlopen(request, timeout=60) as answer:  # noqa: S310  # loopback
            return json.load(answer)["data"]
