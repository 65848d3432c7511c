"""The secrets of webhooks: kept sealed, opened to sign with, replaced with an overlap.

While one takes over from another every delivery is signed with both, so that a receiver may change at its leisure.
"""

import uuid
from datetime import timedelta
from typing import Final

from waypost import errors
from waypost.changes.webhooks import signing
from waypost.connections import custody
from waypost.connections.vault import WEBHOOK, Sealed, Vault
from waypost.storage import queries
from waypost.storage.database import Connection

OVERLAP: Final = timedelta(hours=24)
LONGEST_OVERLAP: Final = timedelta(days=7)

_SEALINGS: Final = 2
"""The master key may be replaced between sealing and storing; a vault that can then seals with the new one."""


async def make(
    db: Connection, vault: Vault, webhook_id: int, webhook_uuid: uuid.UUID, *, overlap: timedelta = OVERLAP
) -> str:
    """A new secret, whose text is returned this once; those before it end after the overlap.

    Raises:
        VaultError: The master key of this program was replaced.
    """
    await db.execute(queries.webhooks.end_secrets, {"webhook_id": webhook_id, "overlap": overlap})
    text = signing.fresh()
    for _ in range(_SEALINGS):
        secret_id = uuid.uuid4()
        sealed = vault.seal(text, custody.place(webhook_uuid, secret_id), WEBHOOK)
        facts = {
            "secret_id": secret_id,
            "webhook_id": webhook_id,
            "sealed_key": sealed.key,
            "sealed_token": sealed.token,
            "master": sealed.master,
        }
        if (await db.execute(queries.webhooks.store_secret, facts)).rowcount:
            return text
    raise errors.VaultError(
        "The master key that this program was started with has been replaced; no secret was stored.",
        remedy="Start Waypost again with the new master key, and repeat this.",
    )


async def current(db: Connection, vault: Vault, webhook_id: int) -> list[str]:
    """The secrets to sign with, the newest first.

    Raises:
        VaultError: One cannot be opened.
    """
    cursor = await db.execute(queries.webhooks.secrets, {"webhook_id": webhook_id})
    return [
        vault.unseal(Sealed(key, token), custody.place(webhook_uuid, secret_id), WEBHOOK)
        for webhook_uuid, secret_id, key, token in await cursor.fetchall()
    ]
