"""What the service answers about itself and its keepers: connections, organizations, the mapping, webhooks, exports.

What it answers about consoles is in `waypost.unified.items` and `waypost.unified.numbers`, the same for the service and
its clients. Whatever a newer service tells besides is passed over; tests hold these against the API's description.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from waypost.unified.items import Ref

Facts = dict[str, Any]  # Any: whatever a console told, or was stored


class Named(msgspec.Struct, frozen=True):
    """An organization, by id and name."""

    id: UUID
    name: str


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One pull of one stream."""

    id: UUID
    pull: UUID
    connection: str
    connection_id: UUID
    stream: str
    kind: str
    state: str
    started_at: datetime
    finished_at: datetime | None
    worker: str
    seconds: float
    since: datetime | None
    counts: dict[str, int]
    warnings: list[str]
    error: Facts | None


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """A row that could not be read. `content` is it, as the console sent it, without secrets."""

    connection: str
    stream: str
    vendor_id: str | None
    reason: str
    content: str
    first_seen_at: datetime
    last_seen_at: datetime


class RunProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How one run of a pull stands."""

    stream: str
    kind: str
    state: str
    started_at: datetime
    finished_at: datetime | None
    seconds: float
    walks: int
    walks_left: int
    counts: dict[str, int]
    warnings: list[str]
    error: Facts | None = None


class Pull(msgspec.Struct, frozen=True, kw_only=True):
    """How a pull stands: `queued`, `running`; and at the end `done`, `partial`, `failed` or `interrupted`."""

    pull_id: UUID
    connection_id: UUID
    connection: str
    state: str
    asked_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    runs: list[RunProgress]
    error: Facts | None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A pull that was asked for; `joined` if one that was waiting already does it."""

    pull_id: UUID
    joined: bool


class Rhythm(msgspec.Struct, frozen=True, kw_only=True):
    """How often a connection is pulled, in seconds: what changed, the console's tree, everything."""

    delta_seconds: int
    tree_seconds: int
    reconcile_seconds: int


class StreamHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How one stream fares: `unknown`, `ok` or `failing`, who must act, and since when that is so."""

    stream: str
    state: str
    owner: str
    since: datetime
    last_run_at: datetime | None = None
    code: str = ""
    message: str = ""
    remedy: str = ""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How a connection fares as a whole: `unknown`, `ok`, `degraded` or `failing`."""

    state: str
    owner: str
    since: datetime
    code: str = ""
    message: str = ""
    remedy: str = ""
    streams: list[StreamHealth] = msgspec.field(default_factory=list)


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """A SentinelOne console reached with one API token: `pending`, `active`, `paused` or `needs_attention`."""

    id: UUID
    name: str
    url: str
    base_url: str
    state: str
    state_since: datetime
    reason: dict[str, str] | None
    is_default: bool
    organization: Named | None
    identity: Facts
    expires_at: datetime | None
    days_left: int | None
    auto_renew: bool
    created_at: datetime
    pulled_at: datetime | None
    rhythm: Rhythm
    next_at: datetime | None
    health: Health


class CheckLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a check: what was tried, what was found, and the next step where there is one."""

    name: str
    group: str
    title: str
    state: str
    found: str
    remedy: str
    owner: str
    seconds: float
    details: Facts


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A whole check; `state` is the worst of its lines: `pass`, `warn`, `fail` or `skipped`."""

    state: str
    results: list[CheckLine]
    requests: int
    seconds: float


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """A connection that was added, and the check that came before."""

    connection: Connection
    check: Check


class Organization(msgspec.Struct, frozen=True, kw_only=True):
    """One client or customer."""

    id: UUID
    name: str
    external_id: str | None
    domains: list[str]
    aliases: list[str]
    parent: Named | None
    tags: list[str]
    archived_at: datetime | None
    created_at: datetime
    changed_at: datetime


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What is decided about a site or account: `mapped`, `ignored` or `undecided`."""

    decision: str
    organization: Named | None = None
    reason: str | None = None
    origin: str | None = None


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What stood for a choice."""

    grade: str | None = None
    confidence: float | None = None
    reasons: list[str] = msgspec.field(default_factory=list)


class Mapped(msgspec.Struct, frozen=True, kw_only=True):
    """A site or account of a console, and whose it is: by its own decision, and in effect."""

    connection: str
    connection_id: UUID
    kind: str
    id: str
    name: str | None
    account: str | None
    account_id: str | None
    state: str | None
    gone: bool
    external_id: str | None
    devices: int
    own: Decision
    effective: Decision
    version: int
    evidence: Evidence | None
    decided_by: str | None
    decided_at: datetime | None


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """An organization that a site or account may belong to: `sure`, `likely` or `possible`, and why."""

    organization: Named
    grade: str
    confidence: float
    reasons: list[str]


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """A site or account about which nothing is decided, and at most five organizations, the best first."""

    connection: str
    connection_id: UUID
    kind: str
    id: str
    name: str | None
    account: str | None
    version: int
    candidates: list[Candidate]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the difference that a save makes."""

    connection: str
    kind: str
    id: str
    name: str | None
    before: Decision
    after: Decision
    sites: int
    devices: int
    open_findings: int
    version: int


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """What a save of the mapping changed, or would."""

    id: UUID | None
    version: int
    dry_run: bool
    items: list[Step]
    unchanged: int
    devices: int
    open_findings: int


class NewDecision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is to be decided about one site or account; `version` is that of the decision that it replaces."""

    connection: str
    kind: str
    id: str
    decision: str
    organization: str | None = None
    reason: str | None = None
    version: int | None = None


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why a webhook is disabled, and what to do about it."""

    code: str
    message: str
    remedy: str


class SecretDates(msgspec.Struct, frozen=True, kw_only=True):
    """One of the secrets that deliveries are signed with; `ends_at` is None for the newest."""

    created_at: datetime
    ends_at: datetime | None


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook, without its secret: `active`, `failing` or `disabled`."""

    id: UUID
    name: str
    url: str
    kinds: list[str]
    organization: Ref | None
    connections: list[Ref] | None
    most: int
    state: str
    failures: int
    failing_since: datetime | None
    next_at: datetime | None
    disabled_at: datetime | None
    reason: Reason | None
    lag_seconds: float
    secrets: list[SecretDates]
    created_at: datetime
    changed_at: datetime


class NewWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook that was added, and its secret, which is told this once."""

    webhook: Webhook
    secret: str

    def __repr__(self) -> str:
        return f"NewWebhook(webhook={self.webhook!r}, secret=…)"


class NewSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A new secret, which is told this once; until `old_ends_at` the one before it signs as well."""

    secret: str
    old_ends_at: datetime | None

    def __repr__(self) -> str:
        return f"NewSecret(secret=…, old_ends_at={self.old_ends_at!r})"


class Ping(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a ping."""

    id: UUID
    accepted: bool
    status: int | None
    error: str
    seconds: float
    answer: str


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One time that something was sent; `status` is None where there was no answer."""

    at: datetime
    status: int | None
    error: str
    seconds: float


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What was sent to a webhook, and what came of it: `pending`, `accepted`, `failed` or `dropped`."""

    id: UUID
    kind: str
    state: str
    entries: int
    created_at: datetime
    last_at: datetime | None
    tries: list[Try]
    status: int | None
    error: str | None
    answer: str | None


class WholeSent(msgspec.Struct, frozen=True, kw_only=True):
    """What was sent to a webhook, byte by byte."""

    delivery: Sent
    body: str | None


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """An export: `queued`, `running`, `done`, `failed` or `expired`."""

    id: UUID
    kind: str
    format: str
    organization: Ref | None
    filters: Facts
    state: str
    rows: int
    bytes: int | None
    link: str | None
    asked_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    error: dict[str, str] | None


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key, without its secret; `organization` is the one that it is bound to."""

    id: str
    name: str
    scopes: list[str]
    organization: Named | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that was made, and its text, which is told this once."""

    key: Key
    text: str

    def __repr__(self) -> str:
        return f"NewKey(key={self.key!r}, text=…)"


class ConnectLink(msgspec.Struct, frozen=True, kw_only=True):
    """A connect link: `open`, `used`, `expired`, `revoked` or `archived`; `checks` counts the tokens tried with it."""

    id: UUID
    state: str
    organization: Named
    connection: Named | None
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None
    checks: int


class NewConnectLink(msgspec.Struct, frozen=True, kw_only=True):
    """A connect link that was made, and its address, which is told this once."""

    link: ConnectLink
    url: str

    def __repr__(self) -> str:
        return f"NewConnectLink(link={self.link!r}, url=…)"


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody did: to what, and what it was before and after."""

    id: int
    at: datetime
    actor_kind: str
    actor: str
    request_id: str | None
    action: str
    subject_id: str | None
    subject_name: str | None
    before: Facts | None
    after: Facts | None
