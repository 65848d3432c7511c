"""What a token sees and may, once a console has accepted it: everything that does not hang on one another at once.

The lines are told in their order all the same, each as soon as those before it are known.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from waypost.connections.examination import (
    estimate,
    holder,
    privilege,
    scope,
    streams,
    token,
    vulnerabilities,
)
from waypost.connections.examination.holder import Holder, User
from waypost.connections.examination.lines import Lines
from waypost.connections.examination.questions import Answer, Asker
from waypost.connections.examination.scope import Counts
from waypost.connections.examination.streams import Rows
from waypost.connections.examination.vulnerabilities import Site
from waypost.connections.probe import Identity
from waypost.sentinelone.claims import Claims

Task = asyncio.Task[Answer[Any]]  # Any: each question has its own content
Answers = Mapping[str, Answer[Rows]]

PAGES_OF_SITES: Final = 2
"""2,000 sites; of more, the first are read and the line says so."""


class Given(msgspec.Struct, frozen=True):
    """What is known when a survey begins.

    Attributes:
        details: The question when the token ends, already asked.
        now: By the console's clock, since it is the console that ends tokens.
        before: What the stored token told, if there is one.
    """

    version: str
    claims: Claims
    details: Task
    now: datetime
    before: Identity | None
    actions: bool
    renews: bool


class Survey:
    """Asks, and makes the lines after `token.accepted`."""

    def __init__(self, asker: Asker, lines: Lines, given: Given) -> None:
        self._asker = asker
        self._lines = lines
        self._given = given

    async def run(self) -> Identity:
        """Make the lines; who the token is, as far as the console told."""
        user = self._asker.begin(holder.who())
        probes = {name: self._asker.begin(streams.question(name)) for name in streams.TABLE}
        who: Answer[User] = await self._asker.result(user)
        known = who.content or User()
        listed = self._asker.begin(holder.listed(known.id)) if known.id else None
        roles = [self._asker.begin(privilege.described(one)) for one in privilege.role_ids(known)]

        found = await self._token(who, listed)
        identity = self._identity(found)
        sites = await self._sites(probes["sites"])
        settings = [
            (site, self._asker.begin(vulnerabilities.settings(site)))
            for site in vulnerabilities.sample(sites, self._asker.left)
        ]
        await self._scope(identity, probes, sites)
        await self._privilege(known, roles, probes)
        answers = await self._streams(probes)
        await self._vulnerabilities(answers["sites"], sites, settings)
        self._lines.make("estimate.first_pull", estimate.line, _estate(answers))
        return identity

    async def _token(self, who: Answer[User], listed: Task | None) -> Holder:
        details = await self._asker.result(self._given.details)
        rows = (
            await self._asker.result(listed)
            if listed
            else Answer[list[holder.ServiceUser]](unasked="Whose token it is is not known.")
        )
        found = holder.known(self._given.claims, who, rows, details)
        self._lines.make("token.holder", token.holder, found, who.seconds)
        self._lines.make("token.lifetime", token.lifetime, found.lifetime, self._given.now, details.seconds)
        return found

    def _identity(self, found: Holder) -> Identity:
        sent = msgspec.to_builtins(holder.identity(found, self._given.version))
        return msgspec.convert(self._lines.clean(sent), Identity, strict=False)

    async def _sites(self, first: Task) -> list[Site]:
        """The sites of the first pages; rows that cannot be read are left out."""
        rows: list[dict[str, Any]] = []  # Any: as the console sent them
        task = first
        for page in range(PAGES_OF_SITES):
            answer: Answer[Rows] = await self._asker.result(task)
            if answer.content is None:
                break
            rows.extend(answer.content.rows)
            if not answer.content.next_cursor or page == PAGES_OF_SITES - 1:
                break
            task = self._asker.begin(streams.question("sites", answer.content.next_cursor))
        return [vulnerabilities.site(row) for row in rows]

    async def _scope(self, identity: Identity, probes: Mapping[str, Task], sites: Sequence[Site]) -> None:
        answers = {name: await self._asker.result(probes[name]) for name in ("accounts", "sites", "agents")}
        accounts = {site.account for site in sites if site.account}
        counts = Counts(
            accounts=_total(answers["accounts"])
            if _total(answers["accounts"]) is not None
            else len(accounts) or None,
            sites=_total(answers["sites"]),
            agents=_total(answers["agents"]),
        )
        seconds = max(answer.seconds for answer in answers.values())
        self._lines.make("scope.reach", scope.reach, identity, counts, seconds)
        if self._given.before is not None:
            self._lines.make("scope.narrower", scope.narrower, identity, self._given.before)

    async def _privilege(self, known: User, roles: Sequence[Task], probes: Mapping[str, Task]) -> None:
        answers = await self._asker.results(roles)
        told = [answer.content for answer in answers if answer.content is not None]
        seconds = max((answer.seconds for answer in answers), default=0.0)
        self._lines.make(
            "privilege.role",
            privilege.role,
            known,
            told,
            actions=self._given.actions,
            renews=self._given.renews,
            seconds=seconds,
        )
        probed = {name: await self._asker.result(task) for name, task in probes.items()}
        self._lines.make("privilege.enough", privilege.enough, probed)

    async def _streams(self, probes: Mapping[str, Task]) -> Answers:
        answers: dict[str, Answer[Rows]] = {}
        for name, task in probes.items():
            answers[name] = await self._asker.result(task)
            self._lines.make(f"stream.{name}", streams.probe, name, answers[name])
        return answers

    async def _vulnerabilities(
        self, answer: Answer[Rows], sites: Sequence[Site], settings: Sequence[tuple[Site, Task]]
    ) -> None:
        if answer.content is None:
            self._lines.rest("Not tried: the sites could not be read.", of="vulnerability_management.")
            return
        total = answer.content.total
        self._lines.make("vulnerability_management.licence", vulnerabilities.licence, sites, total)
        asked = [(site, await self._asker.result(task)) for site, task in settings]
        self._lines.make("vulnerability_management.scanning", vulnerabilities.scanning, asked, total)


def _total(answer: Answer[Rows]) -> int | None:
    return answer.content.total if answer.content else None


def _estate(answers: Answers) -> estimate.Estate:
    return estimate.Estate(
        sites=_total(answers["sites"]),
        groups=_total(answers["groups"]),
        agents=_total(answers["agents"]),
        risks=_total(answers["risks"]),
        latency=answers["agents"].seconds,
    )
