"""Ids follow from what a thing is, never change, and are never shared."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.unified import identity

CONNECTION = uuid.UUID("11111111-2222-4333-8444-555555555555").bytes
DEVICE = identity.device(CONNECTION, 2011794797031672400)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
PARTS = st.tuples(
    st.binary(min_size=16, max_size=16),
    st.integers(1, (1 << 63) - 1),
    TEXTS, TEXTS, TEXTS, TEXTS,
)  # fmt: skip


def finding(connection: bytes, device_id: int, *rest: str) -> bytes:
    return identity.finding(connection, identity.device(connection, device_id), *rest)


def test_device_ids_never_change() -> None:
    """The ids that users have stored stay those of their devices in every later version."""
    assert str(uuid.UUID(bytes=DEVICE)) == "cf6c8eb9-4972-8e95-84a3-218953ba3929"
    assert str(uuid.UUID(bytes=identity.device(CONNECTION, 1))) == "ec07d4a4-4dc6-8475-af6a-b073a0d4155d"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("CVE-2024-3094", "xz", "Tukaani", "5.6.0"), "cf6c8eb9-4972-8b0b-8ece-cd69f99218c2"),
        (
            ("CVE-2012-6655", "accountsservice", "Ubuntu Developers <u@ubuntu.com>", ""),
            "cf6c8eb9-4972-8e6b-9e11-076b793faad4",
        ),
        (("CVE-2024-1", "ä€😀", "", "1"), "cf6c8eb9-4972-82f2-a3dc-79f07c501ba7"),
    ],
)
def test_finding_ids_never_change(parts: tuple[str, ...], expected: str) -> None:
    """The ids that users have stored stay those of their findings in every later version."""
    assert str(uuid.UUID(bytes=identity.finding(CONNECTION, DEVICE, *parts))) == expected


def test_keys_of_dimensions_never_change() -> None:
    """Software and CVE facts that are stored are found again by a later version."""
    assert identity.content(("software", "7-Zip", "Igor Pavlov", None, 7.5)) == 1708223379334637813
    assert identity.content(()) == 8238016292129134938


@given(PARTS)
def test_ids_are_uuids_of_version_8(parts: tuple[bytes, int, str, str, str, str]) -> None:
    """Every tool that reads UUIDs takes them for what they are: made by their owner's own rule."""
    for raw in (finding(*parts), identity.device(*parts[:2])):
        made = uuid.UUID(bytes=raw)
        assert (made.version, made.variant) == (8, uuid.RFC_4122)


@given(PARTS)
def test_the_same_parts_give_the_same_id(parts: tuple[bytes, int, str, str, str, str]) -> None:
    """Whoever meets a finding again, whenever, gives it the same id."""
    assert finding(*parts) == finding(*parts)


@given(PARTS, PARTS)
def test_other_parts_give_another_id(
    one: tuple[bytes, int, str, str, str, str], other: tuple[bytes, int, str, str, str, str]
) -> None:
    """Two findings never share an id, whichever of their parts differ."""
    for place in range(len(one)):
        mixed = (*one[:place], other[place], *one[place + 1 :])
        assert (finding(*mixed) == finding(*one)) == (mixed == one)


@given(TEXTS, st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=2, max_size=2))
def test_where_a_part_ends_matters(text: str, cuts: list[tuple[int, int]]) -> None:
    """The same characters, divided otherwise between name, vendor and version, are another finding."""
    one, other = ((text[: min(cut)], text[min(cut) : max(cut)], text[max(cut) :]) for cut in cuts)
    ids = [identity.finding(CONNECTION, DEVICE, "CVE-2024-1", *parts) for parts in (one, other)]
    assert (ids[0] == ids[1]) == (one == other)


@given(PARTS)
def test_a_finding_begins_with_its_device(parts: tuple[bytes, int, str, str, str, str]) -> None:
    """The findings of a device are a range of ids, which is how they are found when it moves."""
    assert finding(*parts)[:6] == identity.device(*parts[:2])[:6]


@given(
    st.lists(st.one_of(st.none(), TEXTS, st.floats(allow_nan=False))), st.lists(st.one_of(st.none(), TEXTS))
)
def test_content_tells_every_difference(one: list[object], other: list[object]) -> None:
    """Different content has different keys, and all are positive numbers that PostgreSQL can hold."""
    assert (identity.content(one) == identity.content(other)) == (
        list(map(repr, one)) == list(map(repr, other))
    )
    assert 0 <= identity.content(one) < 1 << 63
