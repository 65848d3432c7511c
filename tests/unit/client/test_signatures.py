"""Deliveries of webhooks, verified by the client: what the reference library signs, and what the service signs."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook as Reference
from standardwebhooks import WebhookVerificationError

from waypost.changes.webhooks import signing
from waypost.client import SignatureError, verify

SECRETS = st.binary(min_size=1, max_size=64).map(lambda key: "whsec_" + base64.b64encode(key).decode())
IDS = st.text("abcdef0123456789-", min_size=1, max_size=36)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3),
)
DATA = st.dictionaries(st.text(max_size=10), JSON, max_size=4)
NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


def body(kind: str, data: Any) -> bytes:
    return json.dumps({"type": kind, "timestamp": NOW.isoformat(), "data": data}).encode()


def reference(secret: str, delivery_id: str, raw: bytes, at: datetime = NOW) -> dict[str, str]:
    """The headers that the reference library makes."""
    return {
        "Webhook-Id": delivery_id,
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": Reference(secret).sign(delivery_id, at, raw.decode()),
    }


@given(SECRETS, IDS, DATA)
def test_what_the_library_signs(secret: str, delivery_id: str, data: dict[str, Any]) -> None:
    """What the reference library signs is verified, and read as it was sent."""
    raw = body("ping", data)
    found = verify(secret, reference(secret, delivery_id, raw), raw, now=NOW.timestamp())
    assert (found.id, found.type, found.data, found.sent_at) == (delivery_id, "ping", data, NOW)


@given(SECRETS, IDS, DATA)
def test_what_the_service_signs(secret: str, delivery_id: str, data: dict[str, Any]) -> None:
    """What the service signs is verified by the client as by the reference library."""
    now = datetime.now(UTC)
    raw = body("ping", data)
    headers = signing.headers(delivery_id, now, raw, [secret])
    assert verify(secret, headers, raw).data == data
    Reference(secret).verify(raw, headers)


@given(SECRETS, IDS, DATA, st.data())
def test_altered(secret: str, delivery_id: str, data: dict[str, Any], draw: st.DataObject) -> None:
    """Whatever is altered of a delivery, client and reference library refuse it alike."""
    now = datetime.now(UTC).replace(microsecond=0)
    raw = body("ping", data)
    headers = {name.lower(): value for name, value in reference(secret, delivery_id, raw, now).items()}
    part = draw.draw(st.sampled_from([*headers, "body"]))
    value = raw.decode() if part == "body" else headers[part]
    place = draw.draw(st.integers(3 if part == "webhook-signature" else 0, len(value) - 1))
    other = value[:place] + draw.draw(st.sampled_from("abcXYZ019").filter(lambda one: one != value[place]))
    if part == "body":
        raw = (other + value[place + 1 :]).encode()
    else:
        headers[part] = other + value[place + 1 :]
    with pytest.raises(WebhookVerificationError):
        Reference(secret).verify(raw, headers)
    with pytest.raises(SignatureError):
        verify(secret, headers, raw)


@given(SECRETS, SECRETS)
def test_two_secrets(old: str, new: str) -> None:
    """While one secret takes over from another, whoever has either of them can verify; a third cannot."""
    now = datetime.now(UTC)
    raw = body("ping", {})
    both = signing.headers("d", now, raw, [new, old])
    third = "whsec_" + base64.b64encode(b"a secret of somebody else" * 3).decode()
    assert verify(old, both, raw) == verify(new, both, raw) == verify([old, new], both, raw)
    assert verify([third, new], signing.headers("d", now, raw, [new]), raw).type == "ping"
    with pytest.raises(SignatureError):
        verify(third, both, raw)
    with pytest.raises(SignatureError):
        verify([], both, raw)


@pytest.mark.parametrize("age", [-301, 301, 86_400])
def test_old_and_early(age: int) -> None:
    """A delivery that is older than allowed, or from the future, is refused, however well it is signed."""
    secret, raw = signing.fresh(), body("ping", {})
    headers = signing.headers("d", NOW - timedelta(seconds=age), raw, [secret])
    with pytest.raises(SignatureError, match="too old"):
        verify(secret, headers, raw, now=NOW.timestamp())
    assert verify(secret, headers, raw, now=NOW.timestamp(), tolerance=abs(age)).type == "ping"


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_headers(missing: str) -> None:
    """A request without one of the headers is no delivery; their case does not matter."""
    secret, raw = signing.fresh(), body("ping", {})
    headers = signing.headers("d", datetime.now(UTC), raw, [secret])
    assert verify(secret, {name.title(): value for name, value in headers.items()}, raw).id == "d"
    del headers[missing]
    with pytest.raises(SignatureError, match="not all there"):
        verify(secret, headers, raw)


def test_changes() -> None:
    """A delivery of changes gives them as the feed does; fields that it does not know are passed over."""
    entry = {
        "id": "1", "at": "2026-11-22T08:00:00Z", "kind": "finding_opened", "connection": "c", "site": None,
        "site_id": None, "organization": None, "subject": "finding", "subject_id": "s", "run_id": None, "detail": None,
        "later": "a field of tomorrow",
    }  # fmt: skip
    secret, raw = signing.fresh(), body("changes", {"endpoint": "e", "cursor": "place", "items": [entry]})
    found = verify(secret, signing.headers("d", datetime.now(UTC), raw, [secret]), raw.decode())
    assert [(one.id, one.kind, one.at) for one in found.entries] == [("1", "finding_opened", NOW)]
    assert found.data["cursor"] == "place"


@pytest.mark.parametrize("raw", [b"", b"[]", b"\xff", b"{}", body("changes", {"items": 7})])
def test_signed_nonsense(raw: bytes) -> None:
    """What is signed but no delivery of the service is refused as well."""
    secret = signing.fresh()
    with pytest.raises(SignatureError, match="not one of this service"):
        verify(secret, signing.headers("d", datetime.now(UTC), raw, [secret]), raw)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64!", "päßwort"])
def test_no_secret(secret: str) -> None:
    """What is no secret is told at once, and not repeated."""
    with pytest.raises(ValueError, match="whsec_…") as told:
        verify(secret, {}, b"")
    assert not secret or secret == "whsec_" or secret not in str(told.value)
