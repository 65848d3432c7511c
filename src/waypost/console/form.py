"""The form of a connect link: read, and judged field by field before anything is called.

What is plain in spite of how it was pasted is accepted: white space around a value, a whole line of the
browser's address bar, the header's word before a token.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from waypost import errors
from waypost.connections import admission, pasted
from waypost.connections.handover import Handover
from waypost.connections.links import Link
from waypost.sentinelone import address as addresses
from waypost.sentinelone.address import Allowed

MOST_BYTES: Final = 64_000
_KIND: Final = "application/x-www-form-urlencoded"
_FIELDS: Final = frozenset({"url", "token", "name", "narrower"})
_LONGEST_TOKEN: Final = 8_000
_COPY: Final = "Copy it again with Copy API Token in the console, and paste nothing else."


class Problem(msgspec.Struct, frozen=True):
    """What is wrong with a field, and what to do about it."""

    message: str
    remedy: str


class Entered(msgspec.Struct, frozen=True):
    """What may stand in the form when it is shown again: never the token, nor what might be one."""

    url: str = ""
    name: str = ""


def read(content_type: str, body: bytes) -> dict[str, str]:
    """The fields of a form as they were sent.

    Raises:
        InvalidFieldError: It is no such form.
    """
    if content_type.partition(";")[0].strip().lower() != _KIND:
        raise _unreadable()
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=2 * len(_FIELDS)
        )
    except ValueError:  # UnicodeDecodeError is one
        raise _unreadable() from None
    fields = dict(pairs)
    if len(fields) < len(pairs) or not fields.keys() <= _FIELDS:
        raise _unreadable()
    return fields


def judge(fields: Mapping[str, str], link: Link, allowed: Allowed) -> tuple[Handover, dict[str, Problem]]:
    """What was handed over, and what is wrong with it by field; it is usable only if nothing is."""
    problems: dict[str, Problem] = {}

    def judged(name: str, text: str) -> str:
        try:
            return _JUDGES[name](text, allowed)
        except errors.UsageError as error:
            problems[name] = Problem(error.message, error.remedy)
            return ""

    new = link.connection_id is None
    given = Handover(
        url=judged("url", fields.get("url", "")) if new else "",
        token=judged("token", fields.get("token", "")),
        name=judged("name", fields.get("name", "")) if new else "",
        narrower=fields.get("narrower") == "yes",
    )
    return given, problems


def _url(text: str, allowed: Allowed) -> str:
    return addresses.normalise(text, allowed).origin


def _token(text: str, _: Allowed) -> str:
    token = pasted.token(text)
    if not token:
        raise errors.TokenShapeError("There is no API token yet.", remedy=_COPY)
    if len(token) > _LONGEST_TOKEN:
        raise errors.TokenShapeError("This is too long to be an API token.", remedy=_COPY)
    if not all("!" <= letter <= "~" for letter in token):
        raise errors.TokenShapeError(
            "This has spaces, line breaks or letters in it that no API token has.", remedy=_COPY
        )
    return token


def _name(text: str, _: Allowed) -> str:
    return admission.name(text) if text.strip() else ""


_JUDGES: Final = {"url": _url, "token": _token, "name": _name}


def _unreadable() -> errors.InvalidFieldError:
    return errors.InvalidFieldError(
        "This is not the page's form.", remedy="Open the link and fill in its form."
    )
