"""Pages become rows; what cannot be read is told apart, and nothing else stops."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support import rows
from waypost.sentinelone import wire
from waypost.sentinelone.pages import Decoded
from waypost.sentinelone.wire import Risk

ROW: rows.Row = {"id": "7", "endpointId": "9", "cveId": "CVE-2024-3094"}
Decode = Callable[[bytes], Decoded[Any]]
LISTS: dict[str, Decode] = {
    "accounts": wire.accounts,
    "sites": wire.sites,
    "groups": wire.groups,
    "agents": wire.agents,
}
ALL = LISTS | {"risks": wire.risks}


def body(*sent: object, **more: object) -> bytes:
    return json.dumps({"data": sent, **more}).encode()


def slowly(content: bytes) -> Decoded[Risk]:
    return wire._page(content, wire._risk, ("risks",))


# Risks: the fast path and the slow one


@given(st.lists(rows.RISKS, max_size=4), st.sampled_from([None, "", "next"]))
def test_both_paths_read_the_same(sent: list[rows.Row], cursor: str | None) -> None:
    """A surprise in one row changes nothing in how the other rows of its page are read."""
    content = body(*sent, pagination={"nextCursor": cursor, "totalItems": 5})
    assert wire.risks(content) == slowly(content)


@given(rows.KNOWN_RISKS, st.sampled_from(sorted(rows.FIELDS)), rows.JSON)
@example(ROW, "daysDetected", "5")
@example(ROW, "baseScore", True)  # a value that a console might send
@example(ROW, "id", "null")
def test_both_paths_agree_on_what_is_readable(sent: rows.Row, name: str, odd: object) -> None:
    """Whatever stands in a field, both paths read the row alike or refuse it alike."""
    content = body(sent | {name: odd}, ROW)
    assert wire.risks(content) == slowly(content)


@given(rows.RISKS)
def test_a_risk_as_it_was_sent(sent: rows.Row) -> None:
    """A row in quarantine is the row that the console sent, with every value of it."""
    (risk,) = wire.risks(body(sent)).rows
    assert wire.as_sent(risk) == sent


@pytest.mark.parametrize("name", ["new", "extra", "fingerprint", "", "Id"])
@pytest.mark.parametrize("value", [{"a": 1}, 5, "x", None, [1]], ids=repr)
def test_unknown_fields_are_kept(name: str, value: object) -> None:
    """A field that this version does not know is kept under its name, whatever it is called."""
    decoded = wire.risks(body(ROW | {name: value}, ROW))
    first, second = decoded.rows
    assert first.extra == {name: value}
    assert second.extra is msgspec.UNSET
    assert decoded.unreadable == []


@pytest.mark.parametrize("number", [1, 9, 2011794797031672400, (1 << 63) - 1])
@pytest.mark.parametrize("kind", [int, str])
def test_ids_are_numbers_or_texts(number: int, kind: type) -> None:
    """An id is read as the number it is, whether it travels as one or as text."""
    (risk,) = wire.risks(body(ROW | {"id": kind(number), "endpointId": kind(number)})).rows
    assert (risk.id, risk.endpointId) == (number, number)
    for decode in LISTS.values():
        assert decode(body({"id": kind(number)})).rows[0].value.id == number


@pytest.mark.parametrize(
    "odd", [0, -1, "0", "-5", 1 << 63, str(1 << 63), "", "abc", "1.5", " 7", None, [], {}, True]
)
@pytest.mark.parametrize("list_", ALL)
def test_ids_that_are_none(list_: str, odd: object) -> None:
    """A row whose id is none goes to quarantine; the rows beside it are read."""
    decoded = ALL[list_](body(ROW | {"id": odd}, ROW))
    assert [json.loads(row.raw)["id"] for row in decoded.unreadable] == [odd]
    assert len(decoded.rows) == 1
    assert wire.vendor_id(decoded.unreadable[0].raw) is None


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        ("endpointId", "nowhere"),
        ("endpointId", None),
        ("cveId", None),
        ("cveId", ""),
        ("cveId", "CVE-" + "9" * 200),
        ("applicationName", 5),
        ("baseScore", [7]),
        ("daysDetected", 1.5),
        ("detectionDate", {"at": 1}),
    ],
)
def test_wrong_types_go_to_quarantine(name: str, odd: object) -> None:
    """A row with garbage in a field is told apart with the reason, and its id still counts as seen."""
    decoded = wire.risks(body(ROW | {"id": "5", name: odd}, ROW, pagination={"nextCursor": "next"}))
    (unreadable,) = decoded.unreadable
    assert json.loads(unreadable.raw) == ROW | {"id": "5", name: odd}
    assert name in unreadable.reason
    assert wire.vendor_id(unreadable.raw) == 5
    assert [row.id for row in decoded.rows] == [7]
    assert decoded.next_cursor == "next"


@pytest.mark.parametrize("missing", ["id", "cveId", "endpointId"])
def test_rows_without_what_they_need(missing: str) -> None:
    """A row that lacks its id, its CVE or its endpoint is no risk."""
    decoded = wire.risks(body({name: value for name, value in ROW.items() if name != missing}, ROW))
    assert (len(decoded.rows), len(decoded.unreadable)) == (1, 1)
    assert missing in decoded.unreadable[0].reason


@pytest.mark.parametrize("odd", [None, 5, "row", [], [[ROW]], True])
@pytest.mark.parametrize("list_", ALL)
def test_rows_that_are_no_objects(list_: str, odd: object) -> None:
    """What is no object at all is kept as it is."""
    decoded = ALL[list_](body(odd, ROW))
    (unreadable,) = decoded.unreadable
    assert json.loads(unreadable.raw) == odd
    assert wire.vendor_id(unreadable.raw) is None
    assert len(decoded.rows) == 1


# Secrets


@pytest.mark.parametrize("list_", ALL)
@pytest.mark.parametrize("secret", sorted(wire.SECRETS))
@pytest.mark.parametrize("id_", ["7", "garbage"])
def test_secrets_are_dropped(list_: str, secret: str, id_: str) -> None:
    """Join secrets go no further than here, neither with rows nor with those in quarantine."""
    decoded = ALL[list_](body(ROW | {"id": id_, secret: "canary"}))
    assert "canary" not in repr(decoded)
    assert len(decoded.rows) + len(decoded.unreadable) == 1


@given(st.dictionaries(rows.TEXTS.filter(lambda name: name not in rows.SECRETS), rows.JSON))
def test_small_lists_are_kept_as_sent(fields: rows.Row) -> None:
    """Every field of an agent, known or not, is kept; only secrets are not."""
    sent = fields | {"id": "7", "licenseKey": "canary"}
    decoded = wire.agents(body(sent))
    del sent["licenseKey"]
    kept = [row.vendor for row in decoded.rows] + [json.loads(row.raw) for row in decoded.unreadable]
    assert kept == [sent]


# The envelope


@pytest.mark.parametrize("list_", ALL)
def test_nested_lists(list_: str) -> None:
    """A list stands in `data` itself or, as sites do, under its name; what is beside it does not matter."""
    nested = json.dumps({"data": {list_: [ROW], "allSites": {"totalLicenses": 0}}}).encode()
    assert ALL[list_](nested).rows == ALL[list_](body(ROW)).rows != []


@pytest.mark.parametrize(
    ("pagination", "cursor", "total"),
    [
        ({"nextCursor": "abc", "totalItems": 5}, "abc", 5),
        ({"nextCursor": None, "totalItems": 0}, None, 0),
        ({"nextCursor": "", "totalItems": 1}, None, 1),
        ({"totalItems": 1}, None, 1),
        ({}, None, None),
        ({"nextCursor": "abc", "previousCursor": "x"}, "abc", None),
    ],
)
@pytest.mark.parametrize("list_", ALL)
def test_the_next_page(list_: str, pagination: object, cursor: str | None, total: int | None) -> None:
    """The last page's cursor is null, empty or missing."""
    decoded = ALL[list_](body(ROW, pagination=pagination))
    assert (decoded.next_cursor, decoded.total, decoded.has_pagination) == (cursor, total, True)


@pytest.mark.parametrize("more", [{}, {"pagination": None}])
@pytest.mark.parametrize("list_", ALL)
def test_a_page_without_pagination(list_: str, more: dict[str, None]) -> None:
    """A page that says nothing of a next one is told from one that says there is none."""
    decoded = ALL[list_](body(ROW, **more))
    assert (decoded.next_cursor, decoded.total, decoded.has_pagination) == (None, None, False)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"null", b"[]", b"5", b"{", b"{}", b'{"data":null}', b'{"data":5}', b'{"data":{}}',
        b'{"data":{"other":[]}}',
        b'{"data":[],"pagination":{"nextCursor":5}}', b"<html>login</html>", b"\xff\xfe", b'{"data":[{"id":"7"',
        b'{"data":[]}{"data":[]}', b'{"data":["\\u0000"', b'{"data":[' + b"9" * 5000 + b"]}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("list_", ALL)
def test_answers_that_are_no_pages(list_: str, content: bytes) -> None:
    """A body that is no page is an error that makes the client ask again, and never an empty page."""
    with pytest.raises(msgspec.DecodeError):
        ALL[list_](content)
    assert len(ALL[list_](body(ROW)).rows) == 1


# What no database can hold


ODD_TEXTS = {
    "NUL": (r"a\u0000b", "a�b"),
    "half a pair": (r"a\ud83db", "a�b"),
    "the other half": (r"a\ude00b", "a�b"),
    "halves in the wrong order": (r"\ude00\ud83d", "��"),
    "at the end": (r"a\ud83d", "a�"),
    "a pair and NUL": (r"\ud83d\ude00\u0000", "😀�"),
    "a bare NUL": ("a\0b", "a�b"),
    "a bare tab": ("a\tb", "a\tb"),
}


@pytest.mark.parametrize("odd", ODD_TEXTS)
@pytest.mark.parametrize("list_", ALL)
def test_characters_that_no_database_holds(list_: str, odd: str) -> None:
    """NUL and halves of characters, which PostgreSQL refuses, are replaced wherever they stand."""
    written, read = ODD_TEXTS[odd]
    row = '{"id":"8","cveId":"C","endpointId":"9","osType":"%s","%s":["%s"]}' % ((written,) * 3)
    (plain, mended) = ALL[list_](f'{{"data":[{json.dumps(ROW)},{row}]}}'.encode()).rows
    assert (plain, mended) == tuple(ALL[list_](body(ROW, json.loads(json.dumps(
        {"id": "8", "cveId": "C", "endpointId": "9", "osType": read, read: [read]}
    )))).rows)  # fmt: skip


def test_bytes_that_are_no_characters() -> None:
    """Bytes that are no UTF-8 are replaced, and the page is read."""
    content = body(ROW, ROW | {"id": "8", "osType": "?"}).replace(b"?", b"\xff")
    assert [row.osType for row in wire.risks(content).rows] == [msgspec.UNSET, "�"]


def test_a_backslash_before_u0000_is_only_a_backslash() -> None:
    """The six characters backslash, u, 0, 0, 0, 0 are a text like any other."""
    (risk,) = wire.risks(body(ROW | {"osType": "\\u0000"})).rows
    assert risk.osType == "\\u0000"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400"])
def test_numbers_that_are_none(number: str) -> None:
    """A number that JSON does not know or nobody can hold stays as it was written, as text."""
    content = body(ROW, ROW | {"id": "8", "new": "?", "baseScore": "?"}).replace(b'"?"', number.encode())
    _, odd = wire.risks(content).rows
    assert (odd.baseScore, odd.extra) == (number, {"new": number})
    (agent,) = wire.agents(body({"id": "8", "new": "?"}).replace(b'"?"', number.encode())).rows
    assert agent.vendor["new"] == number


@given(st.binary(max_size=60))
def test_any_bytes(content: bytes) -> None:
    """No body makes anything but rows or the one error that clients know."""
    for decode in ALL.values():
        try:
            decode(b'{"data":[{"id":"1","cveId":"' + content + b'","endpointId":"2"}]}')
        except msgspec.DecodeError:
            continue
