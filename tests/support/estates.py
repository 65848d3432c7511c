"""Consoles with accounts, sites, devices and findings, written straight into the database."""

from typing import Any, NamedTuple
from uuid import UUID

from psycopg.types.json import Jsonb

from support.hub import Hub
from waypost.connections.connection import Connection
from waypost.organizations.mapping.decisions import Decided, Kind, Wish
from waypost.unified.words import DeviceState, FindingState, Severity


class Client(NamedTuple):
    """An organization, by the ids that it has."""

    id: int
    uuid: UUID
    name: str


class Grounds:
    """Builds estates, and says who owns what by the view that all data is read through."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.db = hub.db
        self._numbers = iter(range(1, 1 << 62))

    async def console(self, name: str = "console", **more: Any) -> Connection:
        return await self.hub.store(name, **more)

    async def client(self, name: str, *, parent: Client | None = None, **more: Any) -> Client:
        """An organization; `more` are its external_id, aliases, domains, archived_at."""
        columns = {"name": name, "parent_id": parent.id if parent else None, **more}
        names, places = ", ".join(columns), ", ".join(["%s"] * len(columns))
        insert = f"INSERT INTO organization ({names}) VALUES ({places})"  # noqa: S608  # columns of ours
        rows = await self.hub.rows(
            f"{insert} RETURNING organization_id, organization_uuid", *columns.values()
        )
        return Client(*rows[0], name)

    async def archive(self, client: Client) -> None:
        await self.db.execute(
            "UPDATE organization SET archived_at = now() WHERE organization_id = %s", [client.id]
        )

    async def account(
        self, connection: Connection, account_id: int, name: str | None, external_id: str | None = None
    ) -> int:
        await self.db.execute(
            "INSERT INTO account (connection_id, account_id, name, state, vendor) VALUES (%s, %s, %s, 'active', %s)",
            [connection.connection_id, account_id, name, Jsonb({"externalId": external_id})],
        )
        return account_id

    async def site(
        self,
        connection: Connection,
        site_id: int,
        name: str | None,
        account_id: int | None = None,
        *,
        external_id: str | None = None,
        gone: bool = False,
    ) -> int:
        await self.db.execute(
            "INSERT INTO site (connection_id, site_id, account_id, name, state, vendor, gone_at)"
            " VALUES (%s, %s, %s, %s, 'active', %s, CASE WHEN %s THEN now() END)",
            [connection.connection_id, site_id, account_id, name, Jsonb({"externalId": external_id}), gone],
        )
        return site_id

    async def devices(
        self,
        connection: Connection,
        site_id: int,
        number: int,
        *,
        domain: str | None = None,
        findings: int = 0,
    ) -> None:
        """Devices of a site, each with so many open findings and a resolved one beside them."""
        for _ in range(number):
            device_id = next(self._numbers)
            await self.db.execute(
                "INSERT INTO device (connection_id, device_id, device_uuid, state, site_id, name, domain, row_hash)"
                " VALUES (%s, %s, gen_random_uuid(), %s, %s, %s, %s, 0)",
                [
                    connection.connection_id,
                    device_id,
                    DeviceState.ACTIVE.value,
                    site_id,
                    f"d{device_id}",
                    domain,
                ],
            )
            states = [FindingState.OPEN] * findings + [FindingState.RESOLVED]
            await self.db.execute(
                "INSERT INTO finding (connection_id, finding_id, device_id, site_id, software_id, facts_id, vendor_id,"
                " row_hash, changed_at, state, severity)"
                " SELECT %s, gen_random_uuid(), %s, %s, 0, 0, 0, 0, now(), state, %s"
                " FROM unnest(%s::smallint[]) AS state",
                [
                    connection.connection_id,
                    device_id,
                    site_id,
                    Severity.HIGH.value,
                    [state.value for state in states],
                ],
            )

    async def owners(self) -> dict[tuple[str, int], str]:
        """Whose each site is, by connection and site, as all data is read."""
        rows = await self.hub.rows(
            "SELECT c.name, w.site_id, o.name FROM site_owner w JOIN connection c USING (connection_id)"
            " JOIN organization o ON o.organization_id = w.organization_id"
        )
        assert len({row[:2] for row in rows}) == len(rows), "a site has two owners"
        return {(console, site_id): organization for console, site_id, organization in rows}

    async def open_findings(self, client: Client) -> int:
        """How many findings that are not resolved are an organization's, as all data is read."""
        ((number,),) = await self.hub.rows(
            "SELECT count(*) FROM finding JOIN site_owner w USING (connection_id, site_id)"
            " WHERE w.organization_id = %s AND state <> %s",
            client.id,
            FindingState.RESOLVED.value,
        )
        return int(number)


def mapped(connection: str, scope_id: int, organization: object, **more: Any) -> Wish:
    """A wish that a site, or what `kind` says, is an organization's."""
    decided = {"decision": Decided.MAPPED, "organization": str(organization)}
    return Wish(**{"connection": connection, "kind": Kind.SITE, "id": str(scope_id), **decided, **more})


def ignored(connection: str, scope_id: int, reason: str | None = "a lab", **more: Any) -> Wish:
    decided = {"decision": Decided.IGNORED, "reason": reason}
    return Wish(**{"connection": connection, "kind": Kind.SITE, "id": str(scope_id), **decided, **more})


def undecided(connection: str, scope_id: int, **more: Any) -> Wish:
    decided = {"decision": Decided.UNDECIDED}
    return Wish(**{"connection": connection, "kind": Kind.SITE, "id": str(scope_id), **decided, **more})
