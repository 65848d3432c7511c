"""The lines about Vulnerability Management: on which sites it is licensed, and on which scanning is switched on.

Licences are in the rows of sites and known for all that were read. Whether scanning is on takes a request for each
site, so of many sites those with the most agents are looked at.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from waypost import errors
from waypost.connections.examination import remedies, result, scope
from waypost.connections.examination.questions import Answer, Question
from waypost.connections.examination.result import Result
from waypost.errors import Owner
from waypost.sentinelone import refusals

SAMPLED: Final = 8
"""Sites that are asked whether scanning is on."""

MODULE: Final = "vulnerability_management"
"""The licence's name among a site's modules (API notes, section 2)."""

_PATH: Final = "/application-management/settings"
_NOT_CLEAN: Final = 'An empty list of vulnerabilities there means "not scanned", not "clean".'


class Site(msgspec.Struct, frozen=True):
    """What a site's row tells.

    Attributes:
        licensed: None where the row says nothing about licences.
    """

    id: str
    name: str
    state: str
    agents: int
    licensed: bool | None
    account: str = ""

    @property
    def told(self) -> dict[str, str]:
        return {"id": self.id, "name": self.name}


class _Named(msgspec.Struct):
    name: str | None = None


class _Licences(msgspec.Struct):
    modules: list[_Named] | None = None


class _Row(msgspec.Struct):
    id: int | str = ""
    name: str | None = None
    state: str | None = None
    accountId: int | str | None = None
    activeLicenses: int | None = None
    licenses: _Licences | None = None


class _Settings(msgspec.Struct):
    vulnerabilitiesScanEnabled: bool


class _Document(msgspec.Struct):
    data: _Settings


def site(row: Mapping[str, Any]) -> Site:  # Any: as the console sent it
    try:
        read = msgspec.convert(row, _Row, strict=False)
    except msgspec.ValidationError:
        read = _Row(id=str(row.get("id", "")))
    modules = read.licenses.modules if read.licenses else None
    return Site(
        id=str(read.id),
        name=read.name or str(read.id),
        state=read.state or "active",
        agents=read.activeLicenses or 0,
        licensed=None if modules is None else any(module.name == MODULE for module in modules),
        account=str(read.accountId or ""),
    )


def sample(sites: Sequence[Site], most: int) -> list[Site]:
    """The sites to ask: of those in use, first where it is licensed, then by agents."""
    active = [site for site in sites if site.state == "active"]
    ranked = sorted(active, key=lambda site: (not site.licensed, -site.agents, site.id))
    return ranked[: max(0, min(most, SAMPLED))]


def settings(site: Site) -> Question:
    return Question(_PATH, {"siteIds": site.id}, read=_scanned)


def licence(sites: Sequence[Site], total: int | None) -> Result:
    """Where the module is and is not, over all sites that were read."""
    name = f"{MODULE}.licence"
    told = [site for site in sites if site.licensed is not None]
    if not told:
        return result.skipped(name, "The console tells of no site which licences it has.")
    without = [site for site in told if not site.licensed]
    facts = {
        "sites": total,
        "read": len(told),
        "with_licence": len(told) - len(without),
        "without_licence": [site.told for site in without],
    }
    part = _part(len(told), total, "Read")
    if not without:
        return result.line(
            name,
            result.PASS,
            f"{part}Licensed on {'each of them' if part else _all(len(told))}.",
            facts=facts,
        )
    return result.line(
        name,
        result.WARN,
        f"{part}Not licensed on {len(without):,} of {scope.counted(len(told), 'site')}: {_some(without)}. Their "
        "vulnerabilities come without risk score, exploit maturity and mitigation.",
        remedy=remedies.LICENCE,
        owner=Owner.CUSTOMER,
        code="vulnerability_management.not_licensed",
        facts=facts,
    )


def scanning(asked: Sequence[tuple[Site, Answer[bool]]], total: int | None) -> Result:
    """Where scanning is on and where it is off, over the sites that were asked."""
    name = f"{MODULE}.scanning"
    seconds = max((answer.seconds for _, answer in asked), default=0.0)
    known = [(site, answer.content) for site, answer in asked if answer.content is not None]
    if not known:
        return _nothing(name, asked, seconds)
    off = [site for site, on in known if not on]
    facts = {
        "sites": total,
        "sampled": len(known),
        "scanned": [site.told for site, on in known if on],
        "not_scanned": [site.told for site in off],
    }
    part = _part(len(known), total, "Sampled")
    if not off:
        found = f"{part}Switched on for {'each of them' if part else _all(len(known))}."
        return result.line(name, result.PASS, found, seconds=seconds, facts=facts)
    return result.line(
        name,
        result.WARN,
        f"{part}Switched off for {_some(off)}. {_NOT_CLEAN}",
        remedy=remedies.SCANNING,
        owner=Owner.CUSTOMER,
        seconds=seconds,
        code="vulnerability_management.not_scanned",
        facts=facts,
    )


def _nothing(name: str, asked: Sequence[tuple[Site, Answer[bool]]], seconds: float) -> Result:
    error = next((answer.error for _, answer in asked if answer.error), None)
    if isinstance(error, errors.ForbiddenRoleError) and error.vendor_code is not None:
        permission = f"'{refusals.permission(_PATH)}'"
        return result.line(
            name,
            result.WARN,
            f"Not told: the role lacks the permission {permission}.",
            remedy=remedies.PERMISSION.format(permission=permission),
            owner=Owner.CUSTOMER,
            seconds=seconds,
            code=error.code,
        )
    if error is not None:
        return result.failure(name, error, state=result.WARN, seconds=seconds)
    return result.skipped(name, asked[0][1].unasked if asked else "There is no active site to ask about.")


def _scanned(body: bytes) -> bool:
    return msgspec.json.decode(body, type=_Document).data.vulnerabilitiesScanEnabled


def _part(known: int, total: int | None, word: str) -> str:
    return f"{word} {known:,} of {total:,} sites. " if total is not None and known < total else ""


def _all(number: int) -> str:
    return "the only site" if number == 1 else f"all {number:,} sites"


def _some(sites: Sequence[Site]) -> str:
    return scope.some([site.name for site in sites])
