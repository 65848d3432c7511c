"""`/organizations/import`, `export` and `from_console`: many organizations at once."""

from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import JSONBody, Parameter, RawBody
from msgspec import Meta

from waypost.access.keys import Scope
from waypost.api import bodies, guard
from waypost.api.bodies import Body, Name
from waypost.api.calls import Called
from waypost.organizations import from_console, importing, sheets
from waypost.organizations.mapping.decisions import Kind

EXAMPLE: Final = (
    "name,external_id,domains,aliases,parent,tags\r\n"
    "Nordwind Logistics,CRM-00123,nordwind.example;nw.local,Nordwind,Nordwind Holding,gold;24x7\r\n"
)
DryRun = Annotated[bool, Parameter(description="Say what it would change, and change nothing.")]


class ImportedLine(msgspec.Struct, frozen=True):
    """What a line of the file changes: what differs, as it is and as it is then."""

    line: Annotated[int, Meta(description="As a text editor counts; the header is 1.")]
    action: Literal["add", "change"]
    name: Annotated[str, Meta(description="Of the organization, as it is now.")]
    path: Annotated[str, Meta(description="Its name after those above it, as it is then.")]
    before: dict[str, str | list[str] | None]
    after: dict[str, str | list[str] | None]


class Imported(msgspec.Struct, frozen=True):
    """What an import changed, or would."""

    dry_run: bool
    added: int
    changed: int
    unchanged: int
    items: list[ImportedLine]


class FromConsole(Body, frozen=True):
    """Of what organizations are to be made."""

    connection: Annotated[Name | None, Meta(description="Name or id of the only connection to look at.")] = (
        None
    )
    kind: Annotated[Kind, Meta(description="Whether each is made of a site or of a whole account.")] = (
        Kind.SITE
    )
    dry_run: Annotated[bool, Meta(description="Say what would be made, and make nothing.")] = False


class MadeOfScope(msgspec.Struct, frozen=True):
    """A site or account that is nobody's: the organization that is made of it, or why none is."""

    action: Literal["add", "skip"]
    connection: str
    connection_id: UUID
    kind: Kind
    id: Annotated[str, Meta(description="The console's id of the site or account.")]
    scope_name: str | None
    account: str | None
    name: Annotated[str | None, Meta(description="Of the organization.")]
    external_id: Annotated[str | None, Meta(description="The console's, which becomes the organization's.")]
    reason: Annotated[str | None, Meta(description="Why none is made.")]


class MadeOfConsole(msgspec.Struct, frozen=True):
    """What was made, or would be."""

    dry_run: bool
    added: int
    skipped: int
    items: list[MadeOfScope]


@post(
    "/organizations/import",
    operation_id="importOrganizations",
    tags=["organizations"],
    summary="Import organizations from a CSV file",
    description="Send the file as it is: UTF-8, at most 100,000 lines and 20 MB. A line is about the organization that "
    "has its `external_id`, else about the one of its name below its parent, else about a new one. Columns that the "
    "file does not have stay as they are; an empty cell empties. All of it is stored or nothing; `errors` names every "
    "line that is wrong.",
    status_code=200,
    request_max_body_size=sheets.MOST_BYTES,
    opt=bodies.sheet(guard.needs(Scope.MANAGE, whole=True), EXAMPLE),
)
async def import_organizations(call: Called, body: RawBody, dry_run: DryRun = False) -> Imported:
    if dry_run:
        outcome = await importing.preview(call.db, body)
    else:
        outcome = await importing.store(call.db, call.actor, body)
    return msgspec.convert({**msgspec.to_builtins(outcome), "dry_run": dry_run}, Imported)


@get(
    "/organizations/export",
    operation_id="exportOrganizations",
    tags=["organizations"],
    summary="Export the organizations as a CSV file",
    description="All that are not archived. Imported again it changes nothing. A cell that a spreadsheet would take "
    "for a formula begins with an apostrophe, which an import takes off again.",
    media_type=bodies.SHEET,
    opt=guard.needs(Scope.READ, whole=True),
)
async def export_organizations(call: Called) -> Response[str]:
    return bodies.download(await importing.export(call.db), "organizations.csv")


@post(
    "/organizations/from-console",
    operation_id="makeOrganizations",
    tags=["organizations"],
    summary="Make an organization of each site or account that is nobody's",
    description="Not of generic names, nor of names that an organization has already. Nothing is mapped by it: "
    "`POST /mapping/suggest` is the next step.",
    status_code=200,
    opt=guard.needs(Scope.MANAGE, whole=True, problems=(404,)),
)
async def make_organizations(
    call: Called,
    data: JSONBody[FromConsole] = FromConsole(),  # noqa: B008  # frozen
) -> MadeOfConsole:
    if data.dry_run:
        outcome = await from_console.preview(call.db, connection=data.connection, kind=data.kind)
    else:
        outcome = await from_console.store(call.db, call.actor, connection=data.connection, kind=data.kind)
    return msgspec.convert({**msgspec.to_builtins(outcome), "dry_run": data.dry_run}, MadeOfConsole)


ROUTES = (import_organizations, export_organizations, make_organizations)
