"""Secrets of webhooks and the signatures made with them, as Standard Webhooks has them (standardwebhooks.com).

What is signed is the delivery's id, the time of this try and the body, so that nobody can send an old one again.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Final

PREFIX: Final = "whsec_"
_BYTES: Final = 32


def fresh() -> str:
    """A new secret, as the receiver's library takes it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def headers(delivery_id: str, at: datetime, body: bytes, keys: Iterable[str]) -> dict[str, str]:
    """The headers of one try, with a signature by each of these secrets: any of them is good."""
    stamp = str(int(at.timestamp()))
    signed = f"{delivery_id}.{stamp}.".encode() + body
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(_signature(key, signed) for key in keys),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}"
