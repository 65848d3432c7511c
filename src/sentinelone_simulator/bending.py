"""What each fault does: instead of an answer, or to the answer that would have been given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from sentinelone_simulator import refusals
from sentinelone_simulator.answers import HTML, JSON, LOGIN_PAGE, TEXT, TOO_MANY, Answer
from sentinelone_simulator.faults import Fault
from sentinelone_simulator.tokens import Token

# A page that is bent on purpose has any shape.
Page = dict[str, Any]


def _limited(fault: Fault) -> Answer:
    after = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    return Answer(429, TOO_MANY.body, HTML, after)


def _status(fault: Fault) -> Answer:
    status = fault.status
    spring = {"timestamp": "2026-06-01T08:00:00.000+00:00", "status": status, "error": "Error", "path": "/"}
    bodies = {
        "json": (
            refusals.error_body(status * 10_000 + 10, "Server could not process the request.", None),
            JSON,
        ),
        "text": (b"Bad Gateway" if status == 502 else f"Error {status}".encode(), TEXT),
        "html": (f"<html><head><title>{status}</title></head><body>{status}</body></html>".encode(), HTML),
        "spring": (msgspec.json.encode(spring), JSON),
    }
    body, content_type = bodies[fault.body]
    return Answer(status, body, content_type)


def _refusal(refusal: refusals.Refusal) -> Answer:
    return Answer(refusal.status, refusal.body)


INSTEAD: dict[str, Callable[[Fault], Answer]] = {
    "limited": _limited,
    "status": _status,
    "expired_cursor": lambda _fault: _refusal(refusals.invalid("cursor: Cursor has expired.")),
    "token_expired": lambda _fault: _refusal(refusals.unauthenticated()),
    "forbidden": lambda fault: _refusal(refusals.forbidden(fault.detail)),
    "html_200": lambda _fault: Answer(200, LOGIN_PAGE, HTML),
    "redirect": lambda _fault: Answer(302, b"", HTML, {"Location": "/login"}),
    "missing": lambda _fault: _refusal(refusals.missing()),
    "conflict": lambda _fault: _refusal(refusals.conflict()),
    "drop": lambda _fault: Answer(200, b"", cut="drop"),
}


def instead(firing: list[Fault], *, after: bool = False) -> Answer | None:
    """The answer of the first fault that replaces the real one, before or after its effect took place."""
    replacing = (fault for fault in firing if fault.kind in INSTEAD and fault.after == after)
    return next((INSTEAD[fault.kind](fault) for fault in replacing), None)


def before(firing: list[Fault], token: Token | None) -> None:
    """Take sites from the token that asks."""
    for fault in firing:
        if fault.kind == "scope_lost" and token is not None:
            token.lost.update(fault.site_ids)


@dataclass(slots=True)
class Bender:
    """Bends answers; remembers each chain's last row, which `duplicate_row` shows again."""

    remember: bool = False
    _last_rows: dict[tuple[str, str], object] = field(default_factory=dict)

    def after(
        self, firing: list[Fault], answer: Answer, caller: str, path: str, query: Mapping[str, str]
    ) -> None:
        """Change the answer in place."""
        if answer.status != 200 or answer.content_type != JSON:
            return
        bends = [fault for fault in firing if fault.kind in BENDS or fault.kind == "duplicate_row"]
        if bends or self.remember:
            self._bend_page(bends, answer, (caller, f"{path}?{query.get('siteIds', '')}"), query)
        for fault in firing:
            _cut(fault, answer)

    def _bend_page(
        self, bends: list[Fault], answer: Answer, chain: tuple[str, str], query: Mapping[str, str]
    ) -> None:
        page: Page = msgspec.json.decode(answer.body)
        genuine = rows_of(page)[-1:]
        for fault in bends:
            if fault.kind in BENDS:
                BENDS[fault.kind](fault, page, query)
            elif chain in self._last_rows:
                rows_of(page).insert(0, self._last_rows[chain])
        if genuine:
            self._last_rows[chain] = genuine[0]
        if bends:
            answer.body = msgspec.json.encode(page)


def _cut(fault: Fault, answer: Answer) -> None:
    if fault.kind == "reset":
        answer.cut = "reset"
    elif fault.kind == "truncate" and fault.clean:
        answer.body = answer.body[: len(answer.body) // 2]
    elif fault.kind == "truncate":
        answer.cut = "half"


def rows_of(page: Page) -> list[Any]:
    """The rows of a page; /sites nests them."""
    data = page.get("data")
    if isinstance(data, dict):
        data = data.get("sites")
    return data if isinstance(data, list) else []


def _repeat_cursor(_fault: Fault, page: Page, query: Mapping[str, str]) -> None:
    if "pagination" in page:
        page["pagination"]["nextCursor"] = query["cursor"]


def _wrong_type(fault: Fault, page: Page, _query: Mapping[str, str]) -> None:
    for row in rows_of(page)[:1]:
        row[fault.field or "id"] = {"garbage": [1, 2.5, None]}


def _unknown_field(fault: Fault, page: Page, _query: Mapping[str, str]) -> None:
    for row in rows_of(page):
        row[fault.name] = fault.value


def _missing_pagination(_fault: Fault, page: Page, _query: Mapping[str, str]) -> None:
    page.pop("pagination", None)


def _empty_string_cursor(_fault: Fault, page: Page, _query: Mapping[str, str]) -> None:
    if "pagination" in page and page["pagination"]["nextCursor"] is None:
        page["pagination"]["nextCursor"] = ""


BENDS: dict[str, Callable[[Fault, Page, Mapping[str, str]], None]] = {
    "repeat_cursor": _repeat_cursor,
    "wrong_type": _wrong_type,
    "unknown_field": _unknown_field,
    "missing_pagination": _missing_pagination,
    "empty_string_cursor": _empty_string_cursor,
}
