"""Batches: what shares a transaction, and which of its pages count."""

from hypothesis import given
from hypothesis import strategies as st

from waypost import errors
from waypost.sentinelone.pages import Page
from waypost.sync import load
from waypost.sync.load import Batch
from waypost.sync.plan import Partition
from waypost.sync.walks import Fetched, Item, Refused, Restarted, Walk

WALKS = [Walk(number, Partition("site", number + 1)) for number in range(3)]


def page(cursor: str | None = None) -> Page[object]:
    return Page([], [], None, cursor, None, None, "", 0.0, 0, 0)


def test_pages_come_in_order() -> None:
    """A batch holds the pages of all walks in the order in which they came."""
    items = [Fetched(WALKS[0], page("a")), Fetched(WALKS[1], page("b")), Fetched(WALKS[0], page("c"))]
    assert Batch(list(items)).pages == items


def test_a_restart_makes_earlier_pages_of_its_walk_void() -> None:
    """A chain that began again counts from its new beginning; other walks are not touched."""
    void, other, kept = (Fetched(walk, page()) for walk in (WALKS[0], WALKS[1], WALKS[0]))
    assert Batch([void, other, Restarted(WALKS[0]), kept]).pages == [other, kept]


@given(st.lists(st.tuples(st.sampled_from("prx"), st.integers(0, 2)), max_size=12))
def test_pages_that_count(script: list[tuple[str, int]]) -> None:
    """In any batch, those pages count that no restart of their own walk follows."""
    make = {
        "p": lambda walk: Fetched(walk, page()),
        "r": Restarted,
        "x": lambda walk: Refused(walk, errors.NotLicensedError()),
    }
    items: list[Item] = [make[kind](WALKS[number]) for kind, number in script]
    expected = [
        item for place, item in enumerate(items)
        if isinstance(item, Fetched)
        and not any(isinstance(later, Restarted) and later.walk is item.walk for later in items[place:])
    ]  # fmt: skip
    counted = Batch(items).pages
    assert len(counted) == len(expected)
    assert all(one is other for one, other in zip(counted, expected, strict=True))


def test_the_first_refusal_counts() -> None:
    """Of several refusals the first is told; a batch without one tells none."""
    first, second = errors.ForbiddenRoleError("first"), errors.NotLicensedError("second")
    assert load.refusal_of(Batch([Fetched(WALKS[0], page())])) is None
    refused = Batch([Fetched(WALKS[0], page()), Refused(WALKS[1], first), Refused(WALKS[2], second)])
    assert load.refusal_of(refused) is first


@given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1)))
def test_arrays_of_numbers(numbers: list[int]) -> None:
    """Many numbers become one text that PostgreSQL reads as their array."""
    text = load.bigints(numbers)
    assert (text[0], text[-1]) == ("{", "}")
    assert [int(number) for number in text[1:-1].split(",") if number] == numbers
