"""Changing accounts and sites by the control plane, and how the console lists them afterwards."""

from typing import Any

import pytest

EVERYTHING = {"states": "active,expired,deleted"}


class Tree:
    """Takes steps, and looks at the console's own lists."""

    def __init__(self, desk: Any) -> None:
        self._desk = desk

    async def do(self, do: str, **what: Any) -> Any:
        (done,) = await self._desk.control("POST", "/tree", {"steps": [{"do": do, **what}]})
        return done

    async def refused(self, do: str, **what: Any) -> str:
        body = {"steps": [{"do": do, **what}]}
        answer = await self._desk.client.request("POST", "/_simulator/tree", json=body)
        assert answer.status == 400
        return str((await answer.json())["error"])

    async def sites(self, **asked: str) -> dict[str, Any]:
        return {row["id"]: row for row in await self._desk.drain("/sites", **(asked or EVERYTHING))}

    async def accounts(self, **asked: str) -> dict[str, Any]:
        return {row["id"]: row for row in await self._desk.drain("/accounts", **(asked or EVERYTHING))}

    async def agents(self, site: str) -> list[Any]:
        every = {"isDecommissioned": "true,false", "isUninstalled": "true,false"}
        return list(await self._desk.drain("/agents", siteIds=site, **every))


@pytest.fixture
def tree(desk: Any) -> Tree:
    return Tree(desk)


async def test_what_is_added_is_listed(tree: Tree, desk: Any) -> None:
    """A new account and a new site in it are listed, the site with its groups and agents."""
    account = await tree.do("add_account", name="Zenith IT", externalId="Z-1")
    site = await tree.do("add_site", name="Zenith - HQ", account=account["id"], externalId="Z-2", agents=3)
    assert (await tree.accounts())[account["id"]]["externalId"] == "Z-1"
    listed = (await tree.sites())[site["id"]]
    assert (listed["name"], listed["accountName"], listed["externalId"]) == (
        "Zenith - HQ",
        "Zenith IT",
        "Z-2",
    )
    assert [group["name"] for group in await desk.drain("/groups", siteIds=site["id"])]
    assert len(await tree.agents(site["id"])) == listed["activeLicenses"] == 3
    truth = await desk.truth()
    assert {row["id"]: row["state"] for row in truth["sites"]}[site["id"]] == "active"


async def test_a_new_name_is_the_same_site(tree: Tree) -> None:
    """A site keeps its id and creation when it is renamed, and is updated; so does an account."""
    for listed, lists in ((await tree.sites(), tree.sites), (await tree.accounts(), tree.accounts)):
        before = next(row for row in listed.values() if row["state"] == "active")
        await tree.do("rename", id=before["id"], name="Quite another")
        after = (await lists())[before["id"]]
        assert (after["name"], after["createdAt"]) == ("Quite another", before["createdAt"])
        assert after["updatedAt"] > before["updatedAt"]


async def test_a_moved_site_is_listed_below_the_other_account(tree: Tree) -> None:
    """A site that is moved is the other account's, with its agents, and no longer the first one's."""
    site = next(
        row for row in (await tree.sites()).values() if row["state"] == "active" and row["activeLicenses"]
    )
    other = next(row for row in (await tree.accounts()).values() if row["id"] != site["accountId"])
    await tree.do("move", id=site["id"], account=other["id"])
    assert (await tree.sites())[site["id"]]["accountName"] == other["name"]
    assert site["id"] in await tree.sites(accountIds=other["id"], **EVERYTHING)
    assert site["id"] not in await tree.sites(accountIds=site["accountId"], **EVERYTHING)
    assert {agent["accountId"] for agent in await tree.agents(site["id"])} == {other["id"]}


async def test_an_expired_site_stays_listed(tree: Tree) -> None:
    """A site that expires stays listed with its agents and risks; brought back it is as before."""
    before = next(
        row for row in (await tree.sites()).values() if row["state"] == "active" and row["activeLicenses"]
    )
    await tree.do("expire", id=before["id"])
    expired = (await tree.sites(state="expired"))[before["id"]]
    assert expired["expiration"] is not None
    assert expired["unlimitedExpiration"] is False
    assert expired["activeLicenses"] == before["activeLicenses"]
    await tree.do("reactivate", id=before["id"])
    after = (await tree.sites())[before["id"]]
    assert {**after, "updatedAt": None} == {**before, "updatedAt": None}
    assert await tree.refused("reactivate", id=before["id"]) == f"step 1: {before['name']!r} is active"


async def test_a_deleted_site_hides_and_empties(tree: Tree, desk: Any) -> None:
    """A deleted site is listed where states ask for it; its agents are decommissioned, its risks Removed."""
    truth = await desk.truth()
    peopled = {finding["siteId"] for finding in truth["findings"]}
    site = next(
        row for row in (await tree.sites()).values() if row["id"] in peopled and row["state"] == "active"
    )
    living = {agent["id"] for agent in await tree.agents(site["id"]) if not agent["isDecommissioned"]}
    await tree.do("delete", id=site["id"])
    assert site["id"] not in await tree.sites(limit="1000")
    assert (await tree.sites(states="deleted"))[site["id"]]["activeLicenses"] == 0
    gone = {agent["id"] for agent in await tree.agents(site["id"]) if agent["isDecommissioned"]}
    assert living
    assert living <= gone
    after = await desk.truth()
    assert living.isdisjoint(finding["deviceId"] for finding in after["findings"])
    changed = await desk.drain(
        "/application-management/risks", riskUpdatedDate__gte=truth["now"], includeRemovals="true"
    )
    assert living & {row["endpointId"] for row in changed if row["status"] == "Removed"}


async def test_an_account_takes_its_sites_along(tree: Tree) -> None:
    """Sites that follow their account expire and come back with it, others do not; all are deleted with it."""
    account = (await tree.do("add_account", name="Short-lived"))["id"]
    sites = [(await tree.do("add_site", name=f"S{n}", account=account))["id"] for n in range(3)]
    follows = {
        key: row["inheritAccountExpiration"]
        for key, row in (await tree.sites(accountIds=account, **EVERYTHING)).items()
    }
    assert set(follows) == set(sites)
    assert set(follows.values()) == {True, False}
    await tree.do("expire", id=account)
    listed = await tree.sites(accountIds=account, **EVERYTHING)
    assert {key: row["state"] == "expired" for key, row in listed.items()} == follows
    assert "expired" in await tree.refused("add_site", name="S4", account=account)
    await tree.do("reactivate", id=account)
    assert {row["state"] for row in (await tree.sites(accountIds=account, **EVERYTHING)).values()} == {
        "active"
    }
    await tree.do("delete", id=account)
    assert account not in await tree.accounts(limit="1000")
    assert {row["state"] for row in (await tree.sites(accountIds=account, **EVERYTHING)).values()} == {
        "deleted"
    }
    assert "deleted" in await tree.refused("reactivate", id=sites[0])


async def test_ids_of_the_users_own_and_domains(tree: Tree) -> None:
    """The external id of a site or account can be set and taken away; a site's computers join a domain."""
    site = next(
        row for row in (await tree.sites()).values() if row["state"] == "active" and row["activeLicenses"]
    )
    await tree.do("set_external_id", id=site["id"], externalId="CRM-9")
    assert (await tree.sites())[site["id"]]["externalId"] == "CRM-9"
    await tree.do("set_external_id", id=site["accountId"], externalId=None)
    assert (await tree.accounts())[site["accountId"]]["externalId"] is None
    before = {agent["id"]: agent["updatedAt"] for agent in await tree.agents(site["id"])}
    await tree.do("set_domain", id=site["id"], domain="acme.example")
    living = [agent for agent in await tree.agents(site["id"]) if not agent["isDecommissioned"]]
    assert {agent["domain"] for agent in living if not agent["isUninstalled"]} == {"acme.example"}
    assert any(agent["updatedAt"] > before[agent["id"]] for agent in living)


async def test_what_cannot_be_is_refused(tree: Tree) -> None:
    """Unknown ids, a site for an account, deleted ones and unknown words are refused, and nothing is done."""
    before = await tree.sites()
    site, account = next(iter(before.values())), next(iter(await tree.accounts()))
    gone = next(row for row in before.values() if row["state"] == "deleted")
    assert "no account or site" in await tree.refused("rename", id="1", name="x")
    assert "not an account" in await tree.refused("move", id=site["id"], account=site["id"])
    assert "not a site" in await tree.refused("move", id=account, account=account)
    assert "deleted" in await tree.refused("move", id=gone["id"], account=account)
    assert "deleted" in await tree.refused("delete", id=gone["id"])
    assert await tree.refused("rename", id=site["id"], name="")
    assert await tree.refused("burn", id=site["id"])
    assert await tree.sites() == before
