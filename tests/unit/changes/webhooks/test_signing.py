"""Signatures that the receivers' own library verifies, and nobody can make without the secret."""

import base64
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from support.receiver import Got
from waypost.changes.webhooks import signing

NOW = datetime.now(UTC)


@given(st.text(max_size=200), st.uuids().map(str))
def test_the_library_verifies_them(text: str, delivery_id: str) -> None:
    """Whatever the body is, `standardwebhooks` takes it for signed, and any change of it for none."""
    secret, body = signing.fresh(), ('{"text": "' + text.encode("unicode_escape").hex() + '"}').encode()
    headers = signing.headers(delivery_id, datetime.now(UTC), body, [secret])
    assert Got(headers, body).verified_by(secret)
    assert not Got(headers, body + b" ").verified_by(secret)
    assert not Got(headers | {"webhook-id": delivery_id + "x"}, body).verified_by(secret)
    assert not Got(headers, body).verified_by(signing.fresh())


def test_secrets_are_as_the_standard_has_them() -> None:
    """A secret is `whsec_` and 32 random bytes in base64, never the same twice."""
    one, other = signing.fresh(), signing.fresh()
    assert one != other
    assert one.startswith("whsec_")
    assert len(base64.b64decode(one.removeprefix("whsec_"), validate=True)) == 32


def test_two_secrets() -> None:
    """While one secret takes over from another, each of the two verifies."""
    new, old = signing.fresh(), signing.fresh()
    got = Got(signing.headers("1", datetime.now(UTC), b"{}", [new, old]), b"{}")
    assert got.verified_by(new)
    assert got.verified_by(old)
    assert not got.verified_by(signing.fresh())


def test_an_old_one_is_refused() -> None:
    """What was signed an hour ago cannot be sent again by somebody who kept it."""
    secret = signing.fresh()
    headers = signing.headers("1", datetime.now(UTC) - timedelta(hours=1), b"{}", [secret])
    assert not Got(headers, b"{}").verified_by(secret)


def test_the_example_of_the_docs() -> None:
    """The receiver that docs/webhooks.md shows stores what is signed, once, and refuses everything else."""
    page = Path(__file__).parents[4] / "docs" / "webhooks.md"
    (example,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102  # it is ours
    secret, stored, seen = signing.fresh(), list[Any](), set[str]()
    body = b'{"type": "changes", "data": {"items": [{"id": "1"}]}}'
    headers = signing.headers("d", datetime.now(UTC), body, [secret])
    for _ in range(2):
        assert names["receive"](headers, body, secret, seen, stored.extend) == 204
    assert stored == [{"id": "1"}]
    assert names["receive"](headers, body + b" ", secret, seen, stored.extend) == 401
    ping = b'{"type": "ping", "data": {}}'
    headers = signing.headers("p", datetime.now(UTC), ping, [secret])
    assert names["receive"](headers, ping, secret, seen, stored.extend) == 204
    assert len(stored) == 1
