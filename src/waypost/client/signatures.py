"""Whether a delivery of a webhook comes from the service, is whole and is new, as Standard Webhooks has it.

Nothing of a delivery may be believed before `verify` has returned it.
"""

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from waypost.client.errors import SignatureError
from waypost.unified.items import ChangeItem

TOLERANCE: Final = 300
"""Seconds that a delivery may be old, or that two clocks may differ."""
_PREFIX: Final = "whsec_"
_STAMP: Final = re.compile(r"[0-9]{1,12}")


class Entries(msgspec.Struct, frozen=True):
    """What a delivery of changes tells. `cursor` is the place in the feed after the last of them."""

    cursor: str = ""
    items: tuple[ChangeItem, ...] = ()


class Delivery(msgspec.Struct, frozen=True):
    """A delivery that is proved to be the service's.

    Attributes:
        id: The same with every try: keep it, and pass over what comes a second time.
        sent_at: When this try was sent.
        type: `changes`, or `ping`.
        data: All that it tells, as it came.
        entries: The changes, where it tells some.
    """

    id: str
    sent_at: datetime
    type: str
    data: dict[str, Any]  # Any: straight from JSON
    entries: tuple[ChangeItem, ...]


class _Sent(msgspec.Struct, frozen=True):
    type: str
    data: dict[str, Any]  # Any: straight from JSON


def verify(
    secrets: str | Iterable[str],
    headers: Mapping[str, str],
    body: bytes | str,
    *,
    tolerance: float = TOLERANCE,
    now: float | None = None,
) -> Delivery:
    """Prove that a request is a delivery of the service, and read it.

    Args:
        secrets: As the service showed it when the webhook was added; several while one takes over from another.
        headers: Of the request, in any case.
        body: As it came, byte by byte.
        tolerance: Seconds that it may be old, or that the clocks may differ.
        now: Seconds since 1970, if it is not to be judged by this machine's clock.

    Raises:
        SignatureError: It is not proved.
        ValueError: A secret is none.
    """
    keys = [_key(secret) for secret in ([secrets] if isinstance(secrets, str) else secrets)]
    told = {name.lower(): value for name, value in headers.items()}
    delivery_id, stamp, signatures = (
        told.get(f"webhook-{part}", "") for part in ("id", "timestamp", "signature")
    )
    if not (delivery_id and stamp and signatures):
        raise SignatureError(
            "The headers webhook-id, webhook-timestamp and webhook-signature are not all there."
        )
    raw = body.encode() if isinstance(body, str) else bytes(body)
    signed = f"{delivery_id}.{stamp}.".encode() + raw
    if not _STAMP.fullmatch(stamp) or not _any_fits(signatures, signed, keys):
        raise SignatureError("No signature of the delivery was made with this secret.")
    if abs((time.time() if now is None else now) - int(stamp)) > tolerance:
        raise SignatureError("The delivery is too old, or the clocks differ.")
    return _read(delivery_id, int(stamp), raw)


def _any_fits(signatures: str, signed: bytes, keys: list[bytes]) -> bool:
    """Whether one of the signatures was made with one of the keys; all are compared, whichever fits."""
    sent = [one.removeprefix("v1,").encode() for one in signatures.split(" ") if one.startswith("v1,")]
    good = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)) for key in keys]
    return any([hmac.compare_digest(one, other) for one in sent for other in good])  # noqa: C419  # all of them


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise ValueError("The secret of a webhook is like whsec_…, as the service showed it.")
    return key


def _read(delivery_id: str, stamp: int, raw: bytes) -> Delivery:
    try:
        sent = msgspec.json.decode(raw, type=_Sent)
        entries = msgspec.convert(sent.data, Entries).items if sent.type == "changes" else ()
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise SignatureError("The delivery is signed, but is not one of this service.") from None
    return Delivery(delivery_id, datetime.fromtimestamp(stamp, UTC), sent.type, sent.data, entries)
