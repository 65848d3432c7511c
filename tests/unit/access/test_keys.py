"""API keys: shown once, stored as a hash, good until they are revoked or over."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from support.hub import Hub
from waypost import errors
from waypost.access import audit, keys
from waypost.access.audit import SERVICE, Actor
from waypost.organizations import registry as organizations

SHAPE = re.compile(r"wp_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}")


async def test_a_key_opens(hub: Hub) -> None:
    """A new key is known by its text, with its name, scopes and organization."""
    acme = await organizations.add(hub.db, SERVICE, "ACME")
    made, text = await keys.create(
        hub.db, SERVICE, name=" ops \t team ", scopes=["manage", "read"], organization_id=acme.organization_id
    )
    assert SHAPE.fullmatch(text)
    principal = await keys.authenticate(hub.db, text)
    assert (made.name, made.scopes, made.organization_name) == ("ops team", ["read", "manage"], "ACME")
    assert principal == keys.Principal(
        made.id, "ops team", frozenset({"read", "manage"}), acme.organization_id, None
    )
    assert principal.actor("r-1") == Actor("key", f"{made.id} ops team", "r-1", acme.organization_id)


async def test_only_a_hash_is_stored(hub: Hub) -> None:
    """Neither the table of keys nor the audit log holds the secret in any form that gives it back."""
    _, text = await keys.create(hub.db, SERVICE, name="k", scopes=["read"])
    secret = text.rpartition("_")[2]
    stored = str(await hub.rows("SELECT k::text FROM api_key k"))
    stored += str(await hub.rows("SELECT a::text FROM audit a"))
    assert secret not in stored
    assert secret.encode().hex() not in stored


async def test_wrong_keys(hub: Hub) -> None:
    """Another secret, another id, a key cut short and no key at all are refused, and the right one is not."""
    made, text = await keys.create(hub.db, SERVICE, name="k", scopes=["read"])
    last = "a" if text[-1] != "a" else "b"
    wrong = [
        text[:-1] + last,
        text.replace(made.id, "A" * 12),
        text[:-1],
        text + "a",
        "",
        "wp_",
        text.upper(),
    ]
    for guess in wrong:
        with pytest.raises(errors.KeyRefusedError) as refusal:
            await keys.authenticate(hub.db, guess)
        assert text not in str(refusal.value)
    assert (await keys.authenticate(hub.db, text)).key_id == made.id


async def test_an_unknown_id_is_compared_too(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether an id exists cannot be told from the work that is done: a hash is compared in either case."""
    _, text = await keys.create(hub.db, SERVICE, name="k", scopes=["read"])
    compared = []
    real = keys.hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return bool(real(one, other))

    monkeypatch.setattr(keys.hmac, "compare_digest", compare)
    for guess in (f"wp_{'A' * 12}_{'b' * 43}", text[:-43] + "c" * 43):
        with pytest.raises(errors.KeyRefusedError, match="no such API key"):
            await keys.authenticate(hub.db, guess)
    assert compared == [(32, 32), (32, 32)]


async def test_revoked_at_once(hub: Hub) -> None:
    """A revoked key opens nothing from the next request on, and is revoked once."""
    made, text = await keys.create(hub.db, SERVICE, name="k", scopes=["read"])
    await keys.authenticate(hub.db, text)
    await keys.revoke(hub.db, SERVICE, made.id)
    with pytest.raises(errors.KeyRefusedError, match="revoked"):
        await keys.authenticate(hub.db, text)
    with pytest.raises(errors.NotFoundError):
        await keys.revoke(hub.db, SERVICE, made.id)
    assert [entry.action for entry in await audit.newest(hub.db)] == ["key.revoked", "key.created"]


async def test_expired(hub: Hub) -> None:
    """A key that is over opens nothing; who knows its secret is told why, and nobody else."""
    soon = datetime.now(UTC) + timedelta(hours=1)
    made, text = await keys.create(hub.db, SERVICE, name="k", scopes=["read"], expires_at=soon)
    assert (await keys.authenticate(hub.db, text)).expires_at == soon
    await hub.rows("UPDATE api_key SET expires_at = now() RETURNING 1")
    with pytest.raises(errors.KeyRefusedError, match="expired"):
        await keys.authenticate(hub.db, text)
    with pytest.raises(errors.KeyRefusedError, match="no such"):
        await keys.authenticate(hub.db, f"wp_{made.id}_{'x' * 43}")


async def test_last_use_is_written_once_a_minute(hub: Hub) -> None:
    """Reading costs no writing: the last use moves once, and again when a minute has passed."""
    _, text = await keys.create(hub.db, SERVICE, name="k", scopes=["read"])
    seen = []
    for _ in range(3):
        await keys.authenticate(hub.db, text)
        seen.append((await keys.listed(hub.db))[0].last_used_at)
    assert seen[0] is not None
    assert seen == [seen[0]] * 3
    await hub.rows("UPDATE api_key SET last_used_at = now() - interval '61 seconds' RETURNING 1")
    await keys.authenticate(hub.db, text)
    assert (await keys.listed(hub.db))[0].last_used_at > seen[0]  # type: ignore[operator]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\x1b[2Jb"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["read", "root"]}, "scopes"),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "expires_at"),
    ],
)
async def test_keys_that_cannot_be(hub: Hub, options: dict[str, object], field: str) -> None:
    """What a key cannot have is named by its field, and nothing is stored."""
    with pytest.raises(errors.InvalidFieldError) as refusal:
        await keys.create(hub.db, SERVICE, **{"name": "k", "scopes": ["read"], **options})  # type: ignore[arg-type]
    assert refusal.value.field == field
    assert await keys.listed(hub.db) == []


async def test_the_first_key(hub: Hub) -> None:
    """Where there was never a key there is one for the administrator, made once and with every scope."""
    text = await keys.first(hub.db)
    assert text is not None
    assert (await keys.authenticate(hub.db, text)).scopes == {"read", "manage", "act"}
    assert await keys.first(hub.db) is None
    await keys.revoke(hub.db, SERVICE, (await keys.listed(hub.db))[0].id)
    assert await keys.first(hub.db) is None


async def test_bound_actors_revoke_their_own(hub: Hub) -> None:
    """Somebody of one organization ends no key of another, and none of the whole service."""
    one = await organizations.add(hub.db, SERVICE, "one")
    other = await organizations.add(hub.db, SERVICE, "other")
    for_one, _ = await keys.create(
        hub.db, SERVICE, name="k", scopes=["read"], organization_id=one.organization_id
    )
    for_all, _ = await keys.create(hub.db, SERVICE, name="k", scopes=["read"])
    stranger = Actor("key", "stranger", organization_id=other.organization_id)
    for key in (for_one, for_all):
        with pytest.raises(errors.NotFoundError):
            await keys.revoke(hub.db, stranger, key.id)
    await keys.revoke(hub.db, Actor("key", "of one", organization_id=one.organization_id), for_one.id)
    assert [key.revoked_at is None for key in await keys.listed(hub.db)] == [False, True]
