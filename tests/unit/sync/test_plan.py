"""What a pull walks: whole or since when, and in which partitions."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.sync import plan
from waypost.sync.plan import Partition, Scope

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)


def estate(accounts: int, sites_each: int, *, known: bool = True) -> list[Scope]:
    return [
        Scope(1000 * account + site, account if known else None, "active")
        for account in range(1, accounts + 1)
        for site in range(1, sites_each + 1)
    ]


@pytest.mark.parametrize(
    ("accounts", "sites_each", "devices", "scope", "walks"),
    [
        (0, 0, 0, "connection", 1),  # nothing is known
        (1, 1, 100_000, "connection", 1),  # one site is the whole
        (1, 2, 0, "site", 2),
        (3, 4, 400, "site", 12),
        (2, 8, 0, "site", 16),  # few walks are worth it whatever the size
        (2, 9, 0, "account", 2),  # many empty sites are not
        (2, 9, 400, "site", 18),  # 56 pages pay for 18
        (1, 17, 0, "connection", 1),  # one account is the whole
        (17, 1, 0, "connection", 1),  # as many accounts as sites
        (16, 100, 0, "account", 16),
        (40, 40, 2_100, "account", 40),
        (5, 40, 21_429, "site", 200),
        (3, 500, 21_429, "site", 1500),
        (3, 501, 21_429, "account", 3),
    ],
)
def test_partitions(accounts: int, sites_each: int, devices: int, scope: str, walks: int) -> None:
    """Sites are walked where they are few or well filled, else accounts, else the whole."""
    planned = plan.partitions(estate(accounts, sites_each), devices)
    assert ({partition.scope for partition in planned}, len(planned)) == ({scope}, walks)


def test_sites_without_a_known_account_are_not_walked_by_account() -> None:
    """A site whose account is not known would be in no account's walk, so the whole is walked."""
    sites = [*estate(3, 500), Scope(99, None, "active")]
    assert plan.partitions(sites, 0) == plan.WHOLE


@given(
    st.lists(
        st.builds(Scope, st.integers(1, 50), st.none() | st.integers(1, 5), st.none()),
        unique_by=lambda site: site.site_id,
        max_size=40,
    ),
    st.integers(0, 50_000),
)
def test_partitions_cover_every_site_once(sites: list[Scope], devices: int) -> None:
    """Whatever the estate, every site is in one partition and in no other."""
    planned = plan.partitions(sites, devices)
    assert len(set(planned)) == len(planned) >= 1
    for site in sites:
        covering = [
            partition for partition in planned
            if partition in (*plan.WHOLE, Partition("account", site.account_id), Partition("site", site.site_id))
        ]  # fmt: skip
        assert len(covering) == 1


def test_only_a_walk_of_a_site_knows_the_site() -> None:
    """Rows of a walk over an account or the whole do not tell their site."""
    assert [Partition("site", 5).site_id, Partition("account", 5).site_id, plan.WHOLE[0].site_id] == [
        5,
        None,
        None,
    ]


def test_a_delta_overlaps_the_pull_before_it() -> None:
    """What the console stamps late is still within the next delta."""
    assert plan.watermark(NOW) == NOW - plan.OVERLAP
    assert abs(plan.watermark(None) + plan.OVERLAP - datetime.now(UTC)) < timedelta(minutes=1)
