"""What an archived organization had opens nothing while it is archived, and nothing new is made for it."""

import pytest

from support.hub import Hub
from waypost import errors
from waypost.access import keys
from waypost.access.audit import SERVICE
from waypost.connections import links
from waypost.organizations import registry
from waypost.organizations.organization import Organization


@pytest.fixture
async def acme(hub: Hub) -> Organization:
    return await registry.add(hub.db, SERVICE, "ACME")


async def test_its_keys(hub: Hub, acme: Organization) -> None:
    """A key is refused with the reason while its organization is archived; a wrong one learns nothing of that."""
    _, text = await keys.create(
        hub.db, SERVICE, name="k", scopes=["read"], organization_id=acme.organization_id
    )
    _, free = await keys.create(hub.db, SERVICE, name="free", scopes=["read"])
    await registry.archive(hub.db, SERVICE, acme)
    with pytest.raises(errors.KeyRefusedError, match="'ACME' is archived"):
        await keys.authenticate(hub.db, text)
    with pytest.raises(errors.KeyRefusedError, match="no such API key"):
        await keys.authenticate(hub.db, text[:-1] + ("a" if text[-1] != "a" else "b"))
    assert (await keys.authenticate(hub.db, free)).name == "free"
    with pytest.raises(errors.OrganizationStateError):
        await keys.create(hub.db, SERVICE, name="k2", scopes=["read"], organization_id=acme.organization_id)
    assert await hub.rows("SELECT count(*) FROM api_key") == [(2,)]
    await registry.restore(hub.db, SERVICE, acme)
    assert (await keys.authenticate(hub.db, text)).organization_id == acme.organization_id


async def test_its_links(hub: Hub, acme: Organization) -> None:
    """A link opens nothing while its organization is archived, at none of the steps on which it is asked."""
    link, secret = await links.create(hub.db, SERVICE, organization_id=acme.organization_id)
    await registry.archive(hub.db, SERVICE, acme)
    assert (await links.get(hub.db, link.link_id)).state == "archived"
    for refused in (links.find(hub.db, secret), links.count_check(hub.db, link), links.use(hub.db, link)):
        with pytest.raises(errors.LinkRefusedError):
            await refused
    with pytest.raises(errors.OrganizationStateError, match="'ACME' is archived"):
        await links.create(hub.db, SERVICE, organization_id=acme.organization_id)
    await registry.restore(hub.db, SERVICE, acme)
    assert (await links.find(hub.db, secret)).link_id == link.link_id
    await links.count_check(hub.db, link)
    await links.use(hub.db, link)


async def test_a_connection_for_it(hub: Hub, acme: Organization) -> None:
    """No console is connected for an archived organization; what was before stays connected."""
    there = await hub.store("there", organization_id=acme.organization_id)
    await registry.archive(hub.db, SERVICE, acme)
    with pytest.raises(errors.OrganizationStateError):
        await hub.store("new", organization_id=acme.organization_id)
    assert (await hub.again(there)).organization is not None
    await registry.restore(hub.db, SERVICE, acme)
    await hub.store("new", organization_id=acme.organization_id)
