"""What a console sends: the rows of each list, decoded once, with nothing lost.

Every decoder takes the body of one page and gives `Decoded`: the rows that can be read, the rows that
cannot (for quarantine) and the page's cursor. Field names are the console's. A field that is absent is
`UNSET`, a field that is null is None: the console means different things by them (API notes, fact 4).
Secrets that the console hands out with its lists are dropped here and never go further. Characters that no
database text can hold become U+FFFD here, so that one odd row does not stop all others.
"""

import json
import math
import re
from collections.abc import Callable
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from waypost.sentinelone.pages import Decoded, Unreadable

T = TypeVar("T")
Id = Annotated[int, Meta(ge=1, le=(1 << 63) - 1)]
"""Ids travel as text because JavaScript cannot hold them; they are integers from here on (notes, section 7)."""
Cve = Annotated[str, Meta(min_length=1, max_length=200)]
"""A CVE's id has some 15 characters; the bound is what an index can hold."""
Text = str | None | UnsetType
Number = str | float | None | UnsetType
"""Scores travel as text with two decimals; numbers are accepted too (API notes, fact 5)."""

SECRETS: Final = frozenset({"registrationToken", "licenseKey", "passphrase", "apiToken"})
"""Join secrets in rows of sites, groups and agents (API notes, section 2): never stored, never logged."""

_EXTRA: Final = "(extra)"
_FINGERPRINT: Final = "(fingerprint)"
"""Ours beside the console's fields, by names that no console gives to a field."""


class Risk(msgspec.Struct, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """One CVE in one application version on one endpoint (`/application-management/risks`, notes 3.1).

    The fields are in two tiers: a site with Vulnerability Management sends the `nvd…` scores and the
    mitigation, one without sends `baseScore`. Neither names the site.
    """

    id: Id
    cveId: Cve
    endpointId: Id
    application: Text = UNSET
    applicationName: Text = UNSET
    applicationVendor: Text = UNSET
    applicationVersion: Text = UNSET
    severity: Text = UNSET
    baseScore: Number = UNSET
    cvssVersion: Number = UNSET
    nvdBaseScore: Number = UNSET
    nvdCvssVersion: Number = UNSET
    riskScore: Number = UNSET
    exploitCodeMaturity: Text = UNSET
    remediationLevel: Text = UNSET
    reportConfidence: Text = UNSET
    mitigationStatus: Text = UNSET
    mitigationStatusChangeTime: Text = UNSET
    mitigationStatusChangedBy: Text = UNSET
    mitigationStatusReason: Text = UNSET
    status: Text = UNSET
    detectionDate: Text = UNSET
    publishedDate: Text = UNSET
    markType: Any = UNSET  # text, an object or null: the definition leaves it open (notes 3.1)
    markedBy: Text = UNSET
    markedDate: Text = UNSET
    reason: Text = UNSET
    endpointName: Text = UNSET
    endpointType: Text = UNSET
    osType: Text = UNSET
    lastScanDate: Text = UNSET
    lastScanResult: Text = UNSET
    daysDetected: int | str | UnsetType | None = UNSET
    extra: dict[str, Any] | UnsetType = msgspec.field(default=UNSET, name=_EXTRA)
    """Not sent: fields of the row that this version of Waypost does not know."""
    fingerprint: int = msgspec.field(default=0, name=_FINGERPRINT)
    """Not sent: a place for what the reader works out of the row while it is at hand."""


class Account(msgspec.Struct):
    """`/accounts`, notes section 2."""

    id: Id
    name: Text = UNSET
    state: Text = UNSET
    externalId: Text = UNSET
    expiration: Text = UNSET


class Site(msgspec.Struct):
    """`/sites` (nested in `data.sites`), notes section 2."""

    id: Id
    name: Text = UNSET
    accountId: Id | UnsetType | None = UNSET
    accountName: Text = UNSET
    state: Text = UNSET
    externalId: Text = UNSET
    expiration: Text = UNSET


class Group(msgspec.Struct):
    """`/groups`, notes section 2. Rows do not name the account."""

    id: Id
    siteId: Id | UnsetType | None = UNSET
    name: Text = UNSET
    type: Text = UNSET


class Agent(msgspec.Struct):
    """The fields of `/agents` that the unified device is made of, notes section 4; the rest is kept as sent."""

    id: Id
    uuid: Text = UNSET
    computerName: Text = UNSET
    domain: Text = UNSET
    accountId: Id | UnsetType | None = UNSET
    accountName: Text = UNSET
    siteId: Id | UnsetType | None = UNSET
    siteName: Text = UNSET
    groupId: Id | UnsetType | None = UNSET
    osType: Text = UNSET
    osName: Text = UNSET
    osRevision: Text = UNSET
    osArch: Text = UNSET
    machineType: Text = UNSET
    agentVersion: Text = UNSET
    externalIp: Text = UNSET
    networkStatus: Text = UNSET
    isActive: bool | UnsetType | None = UNSET
    isDecommissioned: bool | UnsetType | None = UNSET
    isUninstalled: bool | UnsetType | None = UNSET
    infected: bool | UnsetType | None = UNSET
    registeredAt: Text = UNSET
    createdAt: Text = UNSET
    updatedAt: Text = UNSET
    lastActiveDate: Text = UNSET


class Sent(msgspec.Struct, Generic[T]):
    """A row of a small list: the fields Waypost reads, and everything the console sent but secrets."""

    value: T
    vendor: dict[str, Any]


class _Pagination(msgspec.Struct, gc=False):
    nextCursor: str | None = None
    totalItems: int | None = None


class _Identified(msgspec.Struct):
    id: Id


class _RiskPage(msgspec.Struct, gc=False):
    data: list[Risk]
    pagination: _Pagination | None = None


class _AnyPage(msgspec.Struct, gc=False):
    data: Any = None  # a list, or an object around a list: `_rows` decides
    pagination: _Pagination | None = None


_risk_page = msgspec.json.Decoder(_RiskPage, strict=False)
_any_page = msgspec.json.Decoder(_AnyPage)
_encode = msgspec.json.Encoder().encode
_RISK_FIELDS: Final = frozenset(Risk.__struct_fields__) - {"extra", "fingerprint"}
_NUL: Final = b"\\u0000"
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
"""What JSON can say and a PostgreSQL text cannot: NUL, and halves of surrogate pairs."""


def risks(body: bytes) -> Decoded[Risk]:
    """A page of risks. The fast path is one C call; a surprise in any row sends the page to the slow one."""
    if not _holds_nul(body):
        try:
            page = _risk_page.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass
        else:
            return _decoded(page.data, [], page.pagination)
    return _page(body, _risk, ("risks",))


def accounts(body: bytes) -> Decoded[Sent[Account]]:
    """A page of accounts."""
    return _page(body, _sent(Account), ("accounts",))


def sites(body: bytes) -> Decoded[Sent[Site]]:
    """A page of sites, which are nested in `data.sites`."""
    return _page(body, _sent(Site), ("sites",))


def groups(body: bytes) -> Decoded[Sent[Group]]:
    """A page of groups."""
    return _page(body, _sent(Group), ("groups",))


def agents(body: bytes) -> Decoded[Sent[Agent]]:
    """A page of agents."""
    return _page(body, _sent(Agent), ("agents",))


def total(body: bytes) -> int | None:
    """How many rows the console counts, of an answer to `countOnly`; what else it holds does not matter."""
    pagination = _any_page.decode(body).pagination
    return pagination.totalItems if pagination else None


def vendor_id(raw: bytes) -> int | None:
    """The id of a row that cannot be read otherwise, so that it still counts as seen; None if it has none."""
    try:
        return msgspec.json.decode(raw, type=_Identified, strict=False).id
    except msgspec.DecodeError:
        return None


def as_sent(row: Risk) -> dict[str, Any]:
    """The row as the console sent it."""
    fields: dict[str, Any] = msgspec.to_builtins(row)
    fields.pop(_FINGERPRINT, None)
    fields.update(fields.pop(_EXTRA, {}))
    fields["id"], fields["endpointId"] = str(row.id), str(row.endpointId)
    return fields


def _page(body: bytes, read: Callable[[dict[str, Any]], T], nested: tuple[str, ...]) -> Decoded[T]:
    page = _any(body)
    rows: list[T] = []
    unreadable: list[Unreadable] = []
    for row in _rows(page.data, nested):
        try:
            if not isinstance(row, dict):
                raise TypeError(f"a row is {type(row).__name__}, not an object")  # noqa: TRY301  # as decoding would
            rows.append(read(row))
        except (msgspec.ValidationError, TypeError) as problem:
            kept = _without_secrets(row) if isinstance(row, dict) else row
            unreadable.append(Unreadable(raw=_encode(kept), reason=str(problem)))
    return _decoded(rows, unreadable, page.pagination)


def _any(body: bytes) -> _AnyPage:
    if not _holds_nul(body):
        try:
            return _any_page.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass  # broken for good, or odd in a place: the next line tells
    return msgspec.convert(_mended(body), _AnyPage)


def _holds_nul(body: bytes) -> bool:
    return b"\\" in body and _NUL in body  # the first is seventy times as fast, and says no to most pages


def _mended(body: bytes) -> Any:  # Any: straight from JSON
    """JSON read leniently: numbers that are none stay as they were written, unstorable characters do not."""
    try:
        return _storable(
            json.loads(body.decode(errors="replace"), strict=False, parse_float=_number, parse_constant=str)
        )
    except ValueError as problem:
        raise msgspec.DecodeError(str(problem)) from None


def _number(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def _storable(value: Any) -> Any:  # Any: straight from JSON
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(name): _storable(item) for name, item in value.items()}
    return value


def _rows(data: Any, nested: tuple[str, ...]) -> list[Any]:  # Any: straight from JSON
    if isinstance(data, dict):
        data = next((data[name] for name in nested if name in data), None)
    if not isinstance(data, list):
        raise msgspec.ValidationError(f"data is {type(data).__name__}, not a list of rows")
    return data


def _decoded(rows: list[T], unreadable: list[Unreadable], pagination: _Pagination | None) -> Decoded[T]:
    return Decoded(
        rows=rows,
        unreadable=unreadable,
        next_cursor=(pagination.nextCursor or None) if pagination else None,
        total=pagination.totalItems if pagination else None,
        has_pagination=pagination is not None,
    )


def _risk(row: dict[str, Any]) -> Risk:
    known = {name: value for name, value in row.items() if name in _RISK_FIELDS}
    risk = msgspec.convert(known, Risk, strict=False)
    if len(known) < len(row):
        unknown = {name: value for name, value in row.items() if name not in _RISK_FIELDS}
        risk.extra = _without_secrets(unknown)
    return risk


def _sent(model: type[T]) -> Callable[[dict[str, Any]], Sent[T]]:
    def read(row: dict[str, Any]) -> Sent[T]:
        return Sent(msgspec.convert(row, model, strict=False), _without_secrets(row))

    return read


def _without_secrets(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in SECRETS}
