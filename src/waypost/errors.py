"""Every error that Waypost raises on purpose, as one tree.

Each class says with what stable `code`, who must act (`owner`), how callers react (`reaction`) and the
next step (`remedy`); the instance says what happened, in a sentence. Nothing here may carry a secret.

    WaypostError
    ├── UsageError                 the caller asked for something that cannot be
    │   ├── AddressError           a base URL that is not, or may not be, a console's
    │   ├── TokenShapeError        no token, or one that cannot travel in a header
    │   ├── FilterError            a filter, cursor or limit that cannot be understood
    │   ├── SettingsError          a setting that cannot be used
    │   ├── NoSuchConnectionError
    │   ├── ConnectionNameError    a name that no connection can have
    │   ├── ConnectionStateError   a connection that is paused, or waits for a token
    │   ├── ConnectionExistsError
    │   ├── SameIdentityError      a console and identity that another connection has already
    │   ├── OtherConsoleError      a new token for a console that is not the connection's
    │   ├── CheckFailedError       a new connection whose check failed; it was not saved
    │   ├── DefaultConnectionError the default connection is to go, and nothing takes its place
    │   ├── NarrowerScopeError     a new token that sees less than the one it replaces
    │   ├── NoSuchOrganizationError
    │   ├── OrganizationNameError  a name that is none, or taken
    │   ├── OrganizationStateError an organization that is archived, or cannot be
    │   ├── ExternalIdError        an external id that another organization has
    │   ├── ParentError            a parent that cannot be one, or would be its own
    │   ├── SheetError             a CSV file that cannot be taken as it is
    │   ├── NoSuchScopeError       a site or account that the connection does not have
    │   ├── DecisionError          a decision about a site or account that cannot be made
    │   ├── OutdatedMappingError   somebody decided about the same site meanwhile
    │   ├── TwoOrganizationsError  one site of a console would belong to two organizations
    │   ├── NoSuchSaveError        a saving of decisions that does not exist
    │   ├── UndoError              a saving of decisions that cannot be undone any more
    │   ├── InvalidFieldError      a field of a request or form that cannot be used
    │   ├── NotFoundError          what the API's path names does not exist
    │   ├── MethodError            a path that exists, asked in a way that it does not know
    │   ├── BodyError              a request whose body cannot be read as JSON
    │   ├── MediaTypeError         a body of another kind than JSON
    │   ├── TooLargeError          a body that is longer than the API reads
    │   ├── FeedForgottenError     a place in the feed of changes whose entries are deleted by now
    │   ├── WebhookAddressError    an address that no webhook may have
    │   ├── WebhookExistsError     a name that another webhook has
    │   ├── ExportPlaceError       a place that an export cannot be written to
    │   ├── ExportStateError       an export that is not there yet, or no longer
    │   └── PortError              an address and port that the service cannot listen on
    ├── AccessError                the API does not know the caller, or does not let it
    │   ├── KeyRefusedError        no key, or one that is wrong, expired or revoked
    │   ├── KeyScopeError          a key without the scope that this needs
    │   ├── TooManyAttemptsError   too many wrong keys or link tries from one place
    │   ├── RateLimitedError       more requests than a key may make
    │   └── LinkRefusedError       a connect link that is wrong, used, expired or revoked
    ├── ConsoleError               a console did not give what was asked
    │   ├── UnreachableError       no answer: DNS, TLS, refused, timed out
    │   ├── NotAConsoleError       an answer, but not from a SentinelOne console
    │   ├── TokenRefusedError      401
    │   ├── ForbiddenRoleError     403: the role lacks a permission
    │   ├── ForbiddenScopeError    403 or 404: outside the token's accounts or sites
    │   ├── NotLicensedError       403, 404 or 501: a feature this console or scope does not have
    │   ├── LimitedError           429 until the deadline
    │   ├── VendorFailureError     5xx until the deadline
    │   ├── UnreadableAnswerError  an answer that is no JSON, cut short, or of another shape
    │   └── RequestRefusedError    400: the console does not accept the request
    │       └── CursorRefusedError a page cursor that the console no longer accepts
    ├── RenewalError               a token that could not be renewed automatically
    ├── IncompleteWalkError        a page chain that cannot be trusted to be whole
    ├── SyncRunningError           a second pull of one connection
    ├── LeaseLostError             another worker has taken this run over
    ├── InterruptedRunError        stopped on request; the run can be resumed
    └── StorageError
        ├── DatabaseUnreachableError
        ├── TooSlowError           a question that took the database longer than is allowed
        ├── DatabaseTooOldError
        ├── RowSecurityError       the database's user cannot be held to one organization's rows
        ├── SchemaError            the schema is older or newer than this program
        ├── DataFolderError
        └── VaultError             the master key is missing or does not fit
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar


class Owner(StrEnum):
    """Who must act."""

    CUSTOMER = "customer"
    SENTINELONE = "SentinelOne"
    OPERATOR = "operator"
    NOBODY = "nobody"


class Reaction(StrEnum):
    """What a caller does about it; nothing else decides retries and pauses."""

    TRANSIENT = "transient"
    """Try again later; nothing is wrong with the request."""
    TERMINAL = "terminal"
    """Stop and tell; trying again gives the same answer."""
    NEEDS_ATTENTION = "needs attention"
    """Pause the connection and ask for a new token."""


class WaypostError(Exception):
    """Something went wrong in Waypost."""

    code: ClassVar[str] = "waypost.error"
    owner: Owner = Owner.OPERATOR
    reaction: Reaction = Reaction.TERMINAL
    remedy: str = "Run the command again; if it happens again, report it with the log."

    field: str = ""
    """The field of a request or form that is wrong, where it is one."""

    fields: Mapping[str, str] = MappingProxyType({})
    """What is wrong with which field, where it is told of several."""

    def __init__(
        self, message: str = "", *, remedy: str = "", owner: Owner | None = None, field: str = ""
    ) -> None:
        super().__init__(message or self.__doc__ or self.code)
        if field:
            self.field = field
        if remedy:
            self.remedy = remedy
        if owner is not None:
            self.owner = owner

    @property
    def message(self) -> str:
        return str(self.args[0])


class UsageError(WaypostError):
    """The request cannot be carried out as it was made."""

    code = "usage"
    owner = Owner.NOBODY
    remedy = "See `waypost --help`."


class AddressError(UsageError):
    """The address is not one of a SentinelOne console."""

    code = "connection.address"
    owner = Owner.CUSTOMER
    field = "url"
    remedy = (
        "Use the address that the console shows in the browser, like https://usea1-example.sentinelone.net"
    )


class TokenShapeError(UsageError):
    """There is no usable API token."""

    code = "connection.token_shape"
    owner = Owner.CUSTOMER
    field = "token"
    remedy = (
        "Give the API token as it was copied: on standard input or in WAYPOST_TOKEN, never as an argument; "
        "to the API in the field `token`."
    )


class FilterError(UsageError):
    """A filter cannot be understood."""

    code = "filter"
    remedy = "See the command's --help for its filters and their values."


class SettingsError(UsageError):
    """A setting cannot be used."""

    code = "settings"
    remedy = "See docs/settings.md for the settings and their values."


class NoSuchConnectionError(UsageError):
    """There is no connection of that name."""

    code = "connection.unknown"
    remedy = "See `waypost connection list` or GET /api/v1/connections for the names."


class ConnectionNameError(UsageError):
    """A connection cannot have this name."""

    code = "connection.name"
    field = "name"
    remedy = "Use 1 to 80 characters, in any script, that begin with a letter or digit."


class ConnectionStateError(UsageError):
    """The connection is not in a state for this."""

    code = "connection.state"
    remedy = "See `waypost connection list` or GET /api/v1/connections for the states."


class ConnectionExistsError(UsageError):
    """A connection like this one exists already."""

    code = "connection.exists"
    remedy = "Choose another name, or rename or remove the connection that has it."


class SameIdentityError(UsageError):
    """Another connection has this console and identity already."""

    code = "connection.same_identity"
    owner = Owner.CUSTOMER
    field = "token"
    remedy = "Use the connection that exists, or the token of another service user."


class OtherConsoleError(UsageError):
    """The token belongs to another console than the connection's."""

    code = "connection.other_console"
    owner = Owner.CUSTOMER
    field = "token"
    remedy = "Use a token of the same console, or add a connection to the other one."


class CheckFailedError(UsageError):
    """The check failed, and nothing was saved.

    Attributes:
        results: The lines of the check, as JSON holds them.
    """

    code = "connection.check_failed"
    owner = Owner.CUSTOMER
    remedy = (
        "Mend what the check names and try again, or save it as it is: with --force, or the field `force`."
    )

    def __init__(
        self,
        message: str = "",
        *,
        remedy: str = "",
        owner: Owner | None = None,
        field: str = "",
        reaction: Reaction = Reaction.TERMINAL,
        results: Sequence[Mapping[str, object]] = (),
    ) -> None:
        super().__init__(message, remedy=remedy, owner=owner, field=field)
        self.reaction = reaction
        self.results = results


class DefaultConnectionError(UsageError):
    """This is the default connection, and nothing takes its place."""

    code = "connection.is_default"
    remedy = (
        "Name the connection that becomes the default (--new-default, or `new_default`), "
        "or say that there shall be none (--no-default, or `no_default`)."
    )


class NarrowerScopeError(UsageError):
    """The new token sees less than the one that it would replace."""

    code = "connection.narrower_scope"
    owner = Owner.CUSTOMER
    remedy = (
        "Use a token of the same accounts or sites; or, if it is meant to see less, say so: "
        "with --narrower, or the field `narrower`."
    )


class NoSuchOrganizationError(UsageError):
    """There is no such organization."""

    code = "organization.unknown"
    field = "organization"
    remedy = (
        "See `waypost org list` or GET /api/v1/organizations for the names; "
        "`waypost org add NAME` or POST adds one."
    )


class OrganizationNameError(UsageError):
    """An organization cannot have this name."""

    code = "organization.name"
    field = "name"
    remedy = "Choose another name; `waypost org list` or GET /api/v1/organizations shows those that exist."


class OrganizationStateError(UsageError):
    """The organization is not in a state for this."""

    code = "organization.state"
    field = "organization"
    remedy = "See `waypost org list --archived` or GET /api/v1/organizations?archived=true; restore it first."


class ExternalIdError(UsageError):
    """Another organization has this external id."""

    code = "organization.external_id"
    field = "external_id"
    remedy = "An external id names one organization; take it from the other one first."


class ParentError(UsageError):
    """This organization cannot be the parent."""

    code = "organization.parent"
    field = "parent"
    remedy = "Choose an organization that exists, is not archived, and is not below this one itself."


class SheetError(UsageError):
    """The CSV file cannot be taken as it is; nothing of it was stored.

    Attributes:
        lines: What is wrong, by the line's number in the file, as a text editor counts; 0 is the file as a whole.
    """

    code = "sheet"
    remedy = "Mend the lines that are named and try again; a dry run tells whether anything is left."

    def __init__(
        self, message: str = "", *, remedy: str = "", field: str = "", lines: Sequence[tuple[int, str]] = ()
    ) -> None:
        super().__init__(message, remedy=remedy, field=field)
        self.lines = tuple(lines)


class NoSuchScopeError(UsageError):
    """The connection has no such site or account."""

    code = "mapping.scope"
    field = "id"
    remedy = "See `waypost mapping show` or GET /api/v1/mapping; `waypost mapping refresh` reads them again."


class DecisionError(UsageError):
    """This cannot be decided about a site or account."""

    code = "mapping.decision"
    field = "decision"
    remedy = "Map it to an organization, ignore it with a reason, or leave it undecided."


class OutdatedMappingError(UsageError):
    """Somebody has decided about the same sites or accounts meanwhile; nothing was saved.

    Attributes:
        scopes: What was decided meanwhile, one sentence each.
    """

    code = "mapping.outdated"
    field = "version"
    remedy = (
        "Look at the mapping as it is now (`waypost mapping show`, GET /api/v1/mapping) and decide again."
    )

    def __init__(self, message: str = "", *, scopes: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.scopes = tuple(scopes)


class TwoOrganizationsError(UsageError):
    """One site of a console would belong to two organizations, by two connections; nothing was saved."""

    code = "mapping.two_organizations"
    field = "organization"
    remedy = "Map the site to the same organization on both connections, or ignore it on one of them."


class NoSuchSaveError(UsageError):
    """There is no such entry in the history of the mapping."""

    code = "mapping.save"
    remedy = "See `waypost mapping history` or GET /api/v1/mapping/history for the ids."


class UndoError(UsageError):
    """This cannot be undone any more; nothing was changed."""

    code = "mapping.undo"
    remedy = "Undo what came after it first, or decide anew: `waypost mapping save`."


class InvalidFieldError(UsageError):
    """A field has a value that cannot be used."""

    code = "request.field"
    remedy = "See /api/v1/docs for the fields and their values."


class NotFoundError(UsageError):
    """What the path names does not exist."""

    code = "request.not_found"
    remedy = "See /api/v1/docs for the paths, and the lists for the ids."


class MethodError(UsageError):
    """This path does not know the method."""

    code = "request.method"
    remedy = "Use one of the methods in the header Allow; /api/v1/docs says what each does."


class BodyError(UsageError):
    """The request's body cannot be read."""

    code = "request.body"
    remedy = "Send one JSON object in UTF-8; /api/v1/docs shows an example for each operation."


class MediaTypeError(UsageError):
    """The request's body is not said to be JSON."""

    code = "request.media_type"
    remedy = "Send JSON with the header `Content-Type: application/json`."


class TooLargeError(UsageError):
    """The request's body is too long."""

    code = "request.too_large"
    remedy = "Send less at once: a body has at most 1 MB, or what /api/v1/docs says of the operation."


class PortError(UsageError):
    """The service cannot listen at this address and port."""

    code = "service.port"
    owner = Owner.OPERATOR
    remedy = "Choose another with --port, or stop what listens there."


class FeedForgottenError(UsageError):
    """This place in the feed of changes is older than what is kept, or lies beyond its end."""

    code = "changes.forgotten"
    field = "after"
    remedy = "Ask for `after=now`, then read the lists anew, and go on from the cursor that `after=now` gave."


class WebhookAddressError(UsageError):
    """A webhook cannot have this address."""

    code = "webhook.address"
    field = "url"
    remedy = (
        "Use an https address with a public name, like https://hooks.example.com/waypost; an operator may allow "
        "inside addresses with WAYPOST_ALLOWED_HOSTS."
    )


class WebhookExistsError(UsageError):
    """Another webhook has this name."""

    code = "webhook.exists"
    field = "name"
    remedy = "Choose another name; `waypost webhook list` or GET /api/v1/webhooks shows those that exist."


class ExportPlaceError(UsageError):
    """An export cannot be written there."""

    code = "export.place"
    field = "output"
    owner = Owner.OPERATOR
    remedy = "Name a file or folder that this user may write, with room for it, or an address like s3://bucket/folder."


class ExportStateError(UsageError):
    """The export is not in a state for this."""

    code = "export.state"
    remedy = (
        "GET /api/v1/exports/{export_id} tells its state; one that failed or has expired is to be made anew."
    )


class AccessError(WaypostError):
    """The caller may not do this."""

    code = "access"
    owner = Owner.OPERATOR


class KeyRefusedError(AccessError):
    """There is no valid API key with this request."""

    code = "access.key"
    remedy = "Send `Authorization: Bearer wp_…` with a key of `waypost key create`."


class KeyScopeError(AccessError):
    """The API key may not do this."""

    code = "access.scope"
    remedy = "Use a key with the scope that is named; `waypost key create --scope` makes one."


class TooManyAttemptsError(AccessError):
    """There were too many wrong attempts from this address."""

    code = "access.too_many_attempts"
    reaction = Reaction.TRANSIENT
    remedy = "Wait as long as Retry-After says, and use the right key."

    def __init__(self, message: str = "", *, retry_after: float = 60.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RateLimitedError(AccessError):
    """The API key has made more requests than it may."""

    code = "access.rate_limited"
    owner = Owner.NOBODY
    reaction = Reaction.TRANSIENT
    remedy = "Wait as long as Retry-After says. Pages of up to 1,000 items and the feed of changes need few requests."

    def __init__(self, message: str = "", *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class LinkRefusedError(AccessError):
    """This link does not exist, was used, has expired or was taken back."""

    code = "access.link"
    owner = Owner.CUSTOMER
    remedy = "Ask whoever sent it for a new link."


class ConsoleError(WaypostError):
    """A console did not give what was asked of it.

    Attributes:
        method: The HTTP method of the last attempt.
        path: The path below `/web/api/v2.1`, without its query.
        status: The HTTP status, or None when there was no answer.
        vendor_code: The console's own error code (seven digits), or None.
        detail: The console's own words, shortened, or "".
        request_id: The console's `X-RQID`, which its support asks for, or "".
        attempts: How many times it was tried.
    """

    code = "console.error"

    def __init__(
        self,
        message: str = "",
        *,
        method: str = "GET",
        path: str = "",
        status: int | None = None,
        vendor_code: int | None = None,
        detail: str = "",
        request_id: str = "",
        attempts: int = 1,
        remedy: str = "",
        owner: Owner | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy, owner=owner)
        self.method = method
        self.path = path
        self.status = status
        self.vendor_code = vendor_code
        self.detail = detail
        self.request_id = request_id
        self.attempts = attempts

    def __str__(self) -> str:
        facts = [f"{self.method} {self.path}"] if self.path else []
        if self.status is not None:
            facts.append(f"HTTP {self.status}")
        if self.vendor_code is not None:
            facts.append(f"code {self.vendor_code}")
        if self.attempts > 1:
            facts.append(f"{self.attempts} attempts")
        if self.request_id:
            facts.append(f"X-RQID {self.request_id}")
        text = self.message
        if self.detail:
            text = f"{text} The console says: {self.detail!r}."
        return f"{text} ({', '.join(facts)})" if facts else text


class UnreachableError(ConsoleError):
    """The console gave no answer."""

    code = "console.unreachable"
    reaction = Reaction.TRANSIENT
    remedy = "Check the address for typing errors and that this machine may reach it on port 443."


class NotAConsoleError(ConsoleError):
    """What answers at this address is not a SentinelOne console."""

    code = "console.not_a_console"
    owner = Owner.CUSTOMER
    remedy = (
        "Use the console's own address, like https://usea1-example.sentinelone.net, not a login or web page."
    )


class TokenRefusedError(ConsoleError):
    """The console refused the API token: it is wrong, mangled, expired or revoked."""

    code = "console.token_refused"
    owner = Owner.CUSTOMER
    reaction = Reaction.NEEDS_ATTENTION
    remedy = (
        "Generate a new API token for the service user (Settings > Users > Service Users) and use that one; "
        "for a stored connection: `waypost connection rotate NAME`."
    )


class ForbiddenRoleError(ConsoleError):
    """The token's role lacks a permission."""

    code = "console.forbidden_role"
    owner = Owner.CUSTOMER
    remedy = "Give the service user the Viewer role, or a custom role that has the missing permission."


class ForbiddenScopeError(ConsoleError):
    """This lies outside the accounts and sites that the token may see."""

    code = "console.forbidden_scope"
    owner = Owner.CUSTOMER
    remedy = "Give the service user access to this account or site, or leave it out."


class NotLicensedError(ConsoleError):
    """This console or scope does not have the feature."""

    code = "console.not_licensed"
    owner = Owner.CUSTOMER
    remedy = "Ask SentinelOne to enable the feature for this scope, or do without this data."


class LimitedError(ConsoleError):
    """The console kept answering that there were too many requests."""

    code = "console.limited"
    owner = Owner.NOBODY
    reaction = Reaction.TRANSIENT
    remedy = "Nothing to do: Waypost slows down and tries again."


class VendorFailureError(ConsoleError):
    """The console kept failing."""

    code = "console.vendor_failure"
    owner = Owner.SENTINELONE
    reaction = Reaction.TRANSIENT
    remedy = "Wait; if it lasts, give SentinelOne's support the X-RQID of the error."


class UnreadableAnswerError(ConsoleError):
    """The console's answer cannot be read."""

    code = "console.unreadable_answer"
    owner = Owner.SENTINELONE
    reaction = Reaction.TRANSIENT
    remedy = "Run the command again; if it lasts, report it with the X-RQID of the error."


class RequestRefusedError(ConsoleError):
    """The console does not accept the request."""

    code = "console.request_refused"
    remedy = (
        "Report it with the text of the error: this console's version may differ from those Waypost knows."
    )


class CursorRefusedError(RequestRefusedError):
    """The console no longer accepts the page cursor."""

    code = "console.cursor_refused"
    owner = Owner.NOBODY
    reaction = Reaction.TRANSIENT
    remedy = "Nothing to do: the walk starts again from its first page."


class RenewalError(WaypostError):
    """The token could not be renewed automatically; the connection goes on with the one it has."""

    code = "connection.renewal"
    owner = Owner.CUSTOMER
    remedy = (
        "Renew it by hand (`waypost connection rotate NAME`), or end the attempts "
        "(`waypost connection renew NAME --auto off`)."
    )


class IncompleteWalkError(WaypostError):
    """A page chain cannot be trusted to be whole, so nothing was resolved by it."""

    code = "sync.incomplete_walk"
    owner = Owner.SENTINELONE
    reaction = Reaction.TRANSIENT
    remedy = "Run `waypost sync` again; it goes on from the last page that was stored."


class SyncRunningError(WaypostError):
    """This connection is being pulled already."""

    code = "sync.running"
    owner = Owner.NOBODY
    reaction = Reaction.TRANSIENT
    remedy = "Wait for it to end; `waypost runs` shows how far it is."


class LeaseLostError(WaypostError):
    """Another worker has taken this run over; this one stopped and stored nothing more."""

    code = "sync.lease_lost"
    owner = Owner.NOBODY
    reaction = Reaction.TRANSIENT
    remedy = "Nothing to do: the other worker goes on."


class InterruptedRunError(WaypostError):
    """The pull was stopped; what was stored stays, and the next pull goes on from there."""

    code = "sync.interrupted"
    owner = Owner.NOBODY
    reaction = Reaction.TRANSIENT
    remedy = "Run `waypost sync` to go on from where it stopped."


class StorageError(WaypostError):
    """The database cannot be used."""

    code = "storage.error"


class DatabaseUnreachableError(StorageError):
    """The database does not answer."""

    code = "storage.unreachable"
    reaction = Reaction.TRANSIENT
    remedy = "Check WAYPOST_DATABASE_URL and that the server runs; unset it to use the embedded database."


class TooSlowError(StorageError):
    """The database took longer for the answer than is allowed."""

    code = "request.too_slow"
    owner = Owner.NOBODY
    reaction = Reaction.TERMINAL
    remedy = "Narrow the filters: an organization, a connection, a site, a shorter time."


class DatabaseTooOldError(StorageError):
    """The database server is older than PostgreSQL 15."""

    code = "storage.too_old"
    remedy = "Use PostgreSQL 15 or newer, or unset WAYPOST_DATABASE_URL to use the embedded database."


class RowSecurityError(StorageError):
    """The database's user may not read as the role that is held to one organization's rows."""

    code = "storage.row_security"
    remedy = (
        "Let an administrator of the database server run `CREATE ROLE waypost_capped NOLOGIN` where it does not "
        "exist, and `GRANT waypost_capped TO` Waypost's user; then run `waypost db upgrade`."
    )


class SchemaError(StorageError):
    """The database's schema does not fit this version of Waypost."""

    code = "storage.schema"
    remedy = "Run `waypost db upgrade`."


class DataFolderError(StorageError):
    """The data folder cannot be used."""

    code = "storage.data_folder"
    remedy = "Set WAYPOST_HOME to a folder that this user can write, or WAYPOST_DATABASE_URL to a server."


class VaultError(StorageError):
    """A stored token cannot be opened."""

    code = "vault.key"
    remedy = (
        "Set WAYPOST_MASTER_KEY (or WAYPOST_MASTER_KEY_FILE) to the key that the tokens were stored with."
    )
