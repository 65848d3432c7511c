"""A stored connection, as everything else sees it."""

import uuid
from datetime import datetime
from typing import Any

import msgspec


class Connection(msgspec.Struct):
    """A stored connection; its token stays in the vault."""

    connection_id: int
    connection_uuid: uuid.UUID
    name: str
    base_url: str
    state: str
    identity: dict[str, Any]  # Any: as `probe.Identity` was stored
    created_at: datetime
    expires_at: datetime | None
    pulled_at: datetime | None
