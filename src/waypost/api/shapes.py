"""The shapes in which a list is answered: flat, whole or some of its fields, and OCSF.

`format=ocsf` asks for it, and so does the header `Accept: application/ocsf+json`; the parameter decides where both are.
"""

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Annotated, Any, Final, TypeVar

import msgspec
from litestar import Request, Response
from litestar.handlers import BaseRouteHandler
from litestar.params import QueryParameter
from msgspec import UNSET

from waypost import errors
from waypost.api import negotiation
from waypost.api.pages import CountedPage, Page
from waypost.unified import filters, items, reading
from waypost.unified import ocsf as documents
from waypost.unified.paging import ListPage
from waypost.unified.rows import Kind

JSON: Final = "application/json"
OCSF: Final = documents.MEDIA_TYPE
_BOTH: Final = "waypost_both_shapes"

T = TypeVar("T")
A = TypeVar("A", bound=msgspec.Struct)


class Shape(StrEnum):
    """How a list is answered."""

    FLAT = "flat"
    OCSF = "ocsf"


Asking = Request[Any, Any, Any]  # Any: what the framework leaves open
Format = Annotated[
    Shape | None,
    QueryParameter(
        name="format",
        description="`flat`, or `ocsf` for documents of OCSF 1.8.0, which the header `Accept: application/ocsf+json` "
        "asks for as well.",
    ),
]


def wanted(request: Asking, asked: Shape | None) -> Shape:
    """The shape that a request wants. A dependency that gave it to handlers would cost more than all that it does."""
    if asked is not None:
        return asked
    preferred = negotiation.media_type(request.headers.get("accept", ""), (JSON, OCSF))
    return Shape.OCSF if preferred == OCSF else Shape.FLAT


def both(options: dict[str, Any]) -> dict[str, Any]:  # Any: `opt`
    """The options of an operation that answers in either shape."""
    return {**options, _BOTH: True}


def has_both(handler: BaseRouteHandler) -> bool:
    """Whether an operation answers in either shape."""
    return bool(handler.opt.get(_BOTH))


def fields(item: type[msgspec.Struct], text: str) -> Sequence[str]:
    """The fields that are asked for; none for all.

    Raises:
        FilterError: The item has no such field.
    """
    chosen = tuple(dict.fromkeys(filters.words([text] if text else [])))
    reading.check_names(chosen, items.selectable(item), "fields")
    return chosen


def in_part(answer: A, found: Sequence[object], item: type[msgspec.Struct], text: str) -> A:
    """An answer with these fields alone of each of its items.

    Args:
        answer: A page.
        found: What is on it.
        item: What they are.
        text: The names of the fields, separated by commas; empty for all.

    Raises:
        FilterError: The item has no such field.
    """
    chosen = fields(item, text)
    return msgspec.structs.replace(answer, items=_parts(found, chosen)) if chosen else answer


def flat(found: ListPage[T], item: type[msgspec.Struct], text: str) -> Page[T]:
    """A page of flat items, or of these fields of them, as `in_part`."""
    return in_part(Page(found.items, found.next_cursor), found.items, item, text)


def _parts(
    found: Sequence[Any], chosen: Sequence[str]
) -> list[Any]:  # Any: sparse items have no type of their own
    """These fields of each, and what was asked to be included besides."""
    return [
        {
            name: value
            for name in (*chosen, items.INCLUDED)
            if (value := getattr(one, name, UNSET)) is not UNSET
        }
        for one in found
    ]


def page(found: ListPage[T], chosen: Sequence[str]) -> CountedPage[T]:
    """A page of flat items, or of these of their fields."""
    told = _parts(found.items, chosen) if chosen else found.items
    return CountedPage(told, found.next_cursor, found.total)


def refuse_for_ocsf(**given: object) -> None:
    """See that nothing is asked for that documents of OCSF cannot have.

    Raises:
        FilterError: Something is.
    """
    for name, value in given.items():
        if value:
            raise errors.FilterError(
                f"`{name}` is of the flat shape; a document of OCSF is whole.",
                remedy=f"Leave `{name}` out, or ask for `format=flat`.",
                field=name,
            )


def ocsf(kind: Kind, found: ListPage[Any], include: Collection[str]) -> Any:  # Any: an answer that is encoded
    """A page of documents.

    Raises:
        FilterError: Something else than the vendor's own row is to be included.
    """
    reading.check_names(include, ("vendor",), "include")
    made = [documents.document(kind, row, with_vendor="vendor" in include) for row in found.items]
    body = msgspec.json.encode({"items": made, "next_cursor": found.next_cursor})
    return Response(body, media_type=OCSF)
