"""Giving the stored tokens another master key: only their data keys are sealed anew, the tokens stay as they are.

All of it is one transaction. Where Waypost keeps the key itself, its file holds both keys until the database has
committed, so that a crash at any point leaves a file whose keys open everything (decision 16).
"""

from collections.abc import Mapping
from typing import Final, LiteralString

import msgspec

from waypost import errors
from waypost.access import audit
from waypost.access.audit import Actor
from waypost.connections import custody, master_key
from waypost.connections.vault import CREDENTIAL, RENEWAL, WEBHOOK, Vault, sealed_by
from waypost.settings import Settings
from waypost.storage import queries
from waypost.storage.database import Connection as DatabaseConnection

_REWRAP: Final[Mapping[str, LiteralString]] = {
    CREDENTIAL: queries.credentials.rewrap_credential,
    RENEWAL: queries.credentials.rewrap_renewal,
    WEBHOOK: queries.credentials.rewrap_webhook_secret,
}
"""By the table of the row."""


class Rekeyed(msgspec.Struct, frozen=True):
    """What came of it.

    Attributes:
        tokens: How many are sealed by the new key, secrets of webhooks among them.
        kept: The new key is in Waypost's own file; otherwise the operator has to give it from now on.
    """

    tokens: int
    kept: bool


async def replace(
    db: DatabaseConnection, settings: Settings, actor: Actor, new: bytes | None = None
) -> Rekeyed:
    """Replace the master key of these settings.

    Args:
        db: In autocommit.
        settings: Where the key is that is used now.
        actor: Who replaces it.
        new: The new key; by default the first of several that the settings hold, else one that is made, where
            Waypost keeps it itself.

    Raises:
        UsageError: There is no new key, or it is the old one.
        VaultError: A stored token opens with none of the keys; nothing was changed.
    """
    keys = master_key.read(settings)
    own = master_key.own(settings)
    if new is None:
        new = _next(keys, made_here=own is not None)
    if keys == (new,):
        raise errors.UsageError(
            "The new master key is the one in use.", remedy="Give another one, or none to have it made."
        )
    old = [key for key in keys if key != new]
    target = Vault(new)  # refuses what is no key before anything is written
    if own is not None:
        master_key.write(own, [new, *old])
    tokens = await rotate_master(db, Vault(new, *old), target, actor)
    if own is not None:
        master_key.write(own, [new])
    return Rekeyed(tokens, kept=own is not None)


async def rotate_master(db: DatabaseConnection, old: Vault, new: Vault, actor: Actor) -> int:
    """Seal every data key that another key sealed with the new vault's; how many tokens that key seals then.

    Raises:
        VaultError: A stored token does not open; nothing was changed.
    """
    async with db.transaction():
        await db.execute(queries.credentials.lock_all)
        rows = await (await db.execute(queries.credentials.keys)).fetchall()
        for table, connection_uuid, row_id, sealed_key in rows:
            if sealed_by(sealed_key) == new.key_ids[0]:
                continue
            wrapped = old.rewrap(sealed_key, custody.place(connection_uuid, row_id), table, new)
            await db.execute(_REWRAP[table], {"sealed_key": wrapped, "row_id": row_id})
        retired = [key_id for key_id in old.key_ids if key_id != new.key_ids[0]]
        await db.execute(queries.credentials.retire_keys, {"key_ids": retired})
        await db.execute(queries.credentials.reinstate_key, {"key_id": new.key_ids[0]})
        await audit.record(
            db,
            actor,
            "master_key.rotated",
            before={"key_ids": [key_id.hex() for key_id in retired]},
            after={"key_id": new.key_ids[0].hex(), "tokens": len(rows)},
        )
    return len(rows)


def _next(keys: tuple[bytes, ...], *, made_here: bool) -> bytes:
    if len(keys) > 1:  # a new one before the old: given so, or left so by a crash
        return keys[0]
    if made_here:
        return master_key.fresh()
    raise errors.UsageError(
        "There is no new master key.",
        remedy="Put it in a file of one line and add --new-key-file PATH, or give Waypost both, the new one first.",
    )
