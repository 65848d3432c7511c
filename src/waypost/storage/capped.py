"""The second wall: what is read for one organization is read as a role that sees the rows of its sites alone.

The first wall is the query, which goes by the organization's sites. Should one forget to, PostgreSQL still gives it
nothing of others (migration 0003 has the role and its policies). It guards against mistakes of this program, not
against who can run SQL of his own: such a one could name other sites.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence

import msgspec
import psycopg
from psycopg import pq

from waypost import errors
from waypost.storage import queries
from waypost.storage.database import Connection


class Owned(msgspec.Struct, frozen=True):
    """The sites of an organization: each by its connection and its id, in the same places."""

    connection_ids: Sequence[int]
    site_ids: Sequence[int]


@contextlib.asynccontextmanager
async def reading(db: Connection, organization_id: int) -> AsyncIterator[Owned]:
    """Hold this database session to an organization while the block runs; the sites that it sees.

    Raises:
        RowSecurityError: The database's user may not become the role.
    """
    # Within another transaction the role would stay to the end of that, if this were not rolled back. Alone it need not
    # be, and with a rollback the driver would forget what it has prepared.
    within = db.info.transaction_status != pq.TransactionStatus.IDLE
    async with db.transaction(force_rollback=within):
        try:
            cursor = await db.execute(queries.lists.cap, {"organization_id": organization_id}, prepare=True)
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidParameterValue) as problem:
            raise errors.RowSecurityError(
                f"The database's user may not read as waypost_capped: {problem.diag.message_primary}."
            ) from None
        connection_ids, site_ids, *_ = (await cursor.fetchall())[0]
        yield Owned(connection_ids, site_ids)


async def owned(db: Connection, organization_id: int) -> Owned:
    """The sites of an organization, for a caller who may see more."""
    cursor = await db.execute(queries.lists.sites_of, {"organization_id": organization_id}, prepare=True)
    connection_ids, site_ids = (await cursor.fetchall())[0]
    return Owned(connection_ids, site_ids)
