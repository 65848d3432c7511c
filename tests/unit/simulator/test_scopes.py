"""Accounts, sites, groups and what a token reaches."""

from typing import Any

import pytest

RISKS = "/application-management/risks"


async def test_site_tokens_may_not_list_accounts(desk: Any) -> None:
    """A site token gets the recorded 403 on /accounts, and its sites on /sites."""
    holder = desk.holder("Viewer of two sites")
    status, page = await desk.get("/accounts", holder.token)
    assert status == 403
    assert page["errors"][0]["detail"] == "Action is not allowed to site users"
    assert [site["id"] for site in await desk.drain("/sites", holder.token)] == sorted(holder.scope_ids)


async def test_account_token_sees_its_account(desk: Any) -> None:
    """An account token sees its account and the sites below it."""
    holder = desk.first("account")
    assert [row["id"] for row in await desk.drain("/accounts", holder.token)] == holder.scope_ids
    sites = await desk.drain("/sites", holder.token)
    assert {site["accountId"] for site in sites} == set(holder.scope_ids)


@pytest.mark.parametrize("path", ["/sites", "/groups", "/agents", RISKS, "/application-management/settings"])
async def test_foreign_ids_are_forbidden(desk: Any, path: str) -> None:
    """Ids outside the token's scope are a 403, on every endpoint, and its own are not."""
    holder = desk.first("site")
    foreign = next(s for s in desk.console.estate.sites if str(s.id) not in holder.scope_ids)
    status, page = await desk.get(path, holder.token, siteIds=str(foreign.id))
    assert (status, page["errors"][0]["code"]) == (403, 4030010)
    assert page["errors"][0]["title"] == "Insufficient permissions"
    assert (await desk.get(path, holder.token, siteIds=holder.scope_ids[0]))[0] == 200


async def test_scope_ids_are_anded(desk: Any) -> None:
    """A site and an account that does not own it leave nothing."""
    estate = desk.console.estate
    site = estate.sites[0]
    other = next(a for a in estate.accounts if a.index != site.account)
    both = {"siteIds": str(site.id), "accountIds": str(other.id)}
    assert await desk.drain("/agents", **both) == []
    own = {"siteIds": str(site.id), "accountIds": str(estate.accounts[site.account].id)}
    assert await desk.drain("/agents", **own) == await desk.drain("/agents", siteIds=str(site.id))


@pytest.mark.parametrize("name", ["siteIds", "accountIds", "groupIds"])
async def test_application_management_takes_one_id(desk: Any, name: str) -> None:
    """More than one scope id on application-management is a 400."""
    estate = desk.console.estate
    rows = {"siteIds": estate.sites, "accountIds": estate.accounts, "groupIds": estate.groups}[name]
    assert (await desk.get(RISKS, **{name: f"{rows[0].id},{rows[1].id}"}))[0] == 400
    assert (await desk.get(RISKS, **{name: str(rows[0].id)}))[0] == 200


async def test_risks_by_group_partition_the_site(desk: Any) -> None:
    """The groups of a site share its risks without rest."""
    site = desk.console.estate.sites[1]
    whole = {row["id"] for row in await desk.drain(RISKS, siteIds=str(site.id))}
    parts = [
        {row["id"] for row in await desk.drain(RISKS, groupIds=str(group.id))}
        for group in desk.console.estate.groups_of(site.index)
    ]
    assert len(parts) == 2
    assert set.union(*parts) == whole
    assert sum(map(len, parts)) == len(whole)


async def test_deleted_sites_hide_unless_asked_for(desk: Any) -> None:
    """A deleted site is listed only when states ask for it; an expired one always is."""
    plain = {site["state"] for site in await desk.drain("/sites")}
    assert plain == {"active", "expired"}
    everything = await desk.drain("/sites", states="active,expired,deleted")
    assert len(everything) == 12
    assert {site["state"] for site in await desk.drain("/sites", state="deleted")} == {"deleted"}
    assert {site["state"] for site in await desk.drain("/sites", statesNin="expired")} == {
        "active",
        "deleted",
    }


async def test_the_odd_sites_are_there(desk: Any) -> None:
    """Two default sites under different accounts, odd names, and sites without the module."""
    sites = await desk.drain("/sites", states="active,expired,deleted")
    default = [site for site in sites if site["name"] == "Default site"]
    assert len({site["accountId"] for site in default}) == len(default) == 2
    assert "[MDR] Äcme GmbH" in {site["name"] for site in sites}
    modules = [{module["name"] for module in site["licenses"]["modules"]} for site in sites]
    assert 1 <= sum("vulnerability_management" not in held for held in modules) <= 4
    assert all("registrationToken" in site for site in sites)


async def test_site_filters(desk: Any) -> None:
    """Names, parts of names, modules and owners select sites."""
    sites = await desk.drain("/sites")
    assert {s["name"] for s in await desk.drain("/sites", name="Default site")} == {"Default site"}
    assert all("gmbh" in s["name"].lower() for s in await desk.drain("/sites", name__contains="GMBH"))
    assert all("acme" in s["name"] for s in await desk.drain("/sites", query="acme"))
    owner = sites[0]["accountId"]
    assert {s["accountId"] for s in await desk.drain("/sites", accountId=owner)} == {owner}
    licensed = await desk.drain("/sites", module="vulnerability_management")
    assert 0 < len(licensed) < len(sites)


async def test_unscanned_sites_have_no_risks(desk: Any) -> None:
    """Where settings say that scans are off there is nothing to see."""
    seen = set()
    for site in await desk.drain("/sites"):
        _, page = await desk.get("/application-management/settings", siteIds=site["id"])
        enabled = page["data"]["vulnerabilitiesScanEnabled"]
        seen.add(enabled)
        assert enabled or await desk.drain(RISKS, siteIds=site["id"]) == []
    assert seen == {True, False}


async def test_settings_of_wider_scopes_tell_of_exceptions(desk: Any) -> None:
    """What is above sites scans, and says whether a site below it decides otherwise; a site's token asks of it."""
    settings = "/application-management/settings"
    off = {site.account for site in desk.console.estate.sites if not site.scanned}
    assert (await desk.get(settings))[1]["data"]["hasBreakingInheritance"] is True
    for account in desk.console.estate.accounts:
        _, page = await desk.get(settings, accountIds=str(account.id))
        assert page["data"]["vulnerabilitiesScanEnabled"] is True
        assert page["data"]["hasBreakingInheritance"] is (account.index in off)
    site = next(site for site in desk.console.estate.sites if not site.scanned)
    holder = next(token for token in desk.console.tokens.values() if token.scope_ids == [str(site.id)])
    _, own = await desk.get(settings, holder.token)
    assert own == (await desk.get(settings, siteIds=str(site.id)))[1]
    assert own["data"]["vulnerabilitiesScanEnabled"] is own["data"]["hasBreakingInheritance"] is False
    assert own["data"]["inheritedFrom"] is None


async def test_licences_and_scanning_differ_by_site(desk: Any) -> None:
    """There are sites without the module, sites that have it and are not scanned, and sites with both."""
    kinds = set()
    for site in await desk.drain("/sites"):
        modules = {module["name"] for module in site["licenses"]["modules"]}
        _, page = await desk.get("/application-management/settings", siteIds=site["id"])
        kinds.add(("vulnerability_management" in modules, page["data"]["vulnerabilitiesScanEnabled"]))
    assert kinds == {(True, True), (True, False), (False, True)}


async def test_group_totals(desk: Any) -> None:
    """The groups' totals add up to the agents."""
    groups = await desk.drain("/groups")
    assert sum(group["totalAgents"] for group in groups) == len(await desk.drain("/agents"))


async def test_shrunken_scope(desk: Any) -> None:
    """A token whose scope is taken away in part sees the rest, and truth agrees."""
    holder = desk.holder("Viewer of two sites")
    await desk.control("POST", f"/tokens/{holder.token}", {"scopeIds": holder.scope_ids[:1]})
    sites = await desk.drain("/sites", holder.token)
    assert [site["id"] for site in sites] == holder.scope_ids
    assert {site["id"] for site in (await desk.truth(holder.token))["sites"]} == set(holder.scope_ids)
