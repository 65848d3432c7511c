"""Roles and permissions."""

import json
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.sentinelone import permissions, refusals
from waypost.sentinelone.permissions import Role

PAGES = json.loads(resources.files("sentinelone_simulator").joinpath("data/roles.json").read_text())[
    "permissions"
]
DEFINED = {f"{page}.{name}" for page, names in PAGES.items() for name in names}
"""As the simulator has them from the vendor's API definition."""


def body(*pages: Any, **more: Any) -> bytes:
    return json.dumps(
        {"data": {"name": "Ours", "predefinedRole": False, "pages": list(pages), **more}}
    ).encode()


def test_a_role() -> None:
    """A role has the permissions that are switched on, under their pages; those that change something are told."""
    page = {
        "identifier": "Endpoints",
        "permissions": [
            {"identifier": "view", "value": True},
            {"identifier": "shutDown", "value": True},
            {"identifier": "uninstall", "value": False},
        ],
    }
    found = permissions.role(
        body(page, {"name": "Sites", "permissions": [{"identifier": "view", "value": True}]})
    )
    assert found == Role("Ours", False, frozenset({"Endpoints.view", "Endpoints.shutDown", "Sites.view"}))
    assert found.acts == {"Endpoints.shutDown"}


def test_full_names_stay() -> None:
    """A permission that comes with its page's name keeps it."""
    page = {"identifier": "1", "permissions": [{"identifier": "Endpoints.view", "value": True}]}
    found = permissions.role(body(page))
    assert found is not None
    assert found.granted == {"Endpoints.view"}


@pytest.mark.parametrize("data", [None, [], 5, {"pages": 5}, {"pages": [{"permissions": "x"}]}])
def test_an_odd_role(data: Any) -> None:
    """A role of another shape is one of which nothing is known."""
    assert permissions.role(json.dumps({"data": data}).encode()) is None


def test_what_waypost_reads_only_reads() -> None:
    """None of the permissions that a pull needs can change anything."""
    changing = {"Applications Page.scanVulnerabilities"}
    assert {name for _, name in refusals.PERMISSIONS if not permissions.reads(name)} == changing


@pytest.mark.parametrize(
    ("name", "acts"),
    [("Viewer", False), ("viewer ", False), ("Admin", True), ("SOC", True), ("Ours", None), ("", None)],
)
def test_roles_by_name(name: str, acts: bool | None) -> None:
    """Predefined roles are known by their names, and no others."""
    assert permissions.acting(name) is acts


@given(st.sets(st.sampled_from([*permissions.GRAVE, "Tags.edit", "Sites.edit", "Groups.edit"])))
def test_gravest_first(names: set[str]) -> None:
    """No permission is lost, and none of the grave ones comes after another."""
    ordered = permissions.gravest_first(names)
    assert sorted(ordered) == sorted(names)
    grave = [name in permissions.GRAVE for name in ordered]
    assert grave == sorted(grave, reverse=True)


def test_names_are_the_vendors() -> None:
    """Every permission that Waypost names is one of the vendor's definition, letter by letter."""
    named = {name for _, name in refusals.PERMISSIONS} | {*permissions.GRAVE} | permissions.RENEWING
    assert named <= DEFINED
    assert {name for name in DEFINED if not permissions.reads(name)} >= {*permissions.GRAVE}
