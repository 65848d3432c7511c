"""`/mapping`: whose site is whose. Here what only looks; saving, refreshing and the history are beside it."""

from typing import Annotated

from litestar import get, post
from litestar.params import JSONBody, Parameter

from waypost.access.keys import Scope
from waypost.api import guard, mapping_care, mapping_saving
from waypost.api.calls import Called
from waypost.api.mapping_bodies import Asked, OfConnection, OfOrganization
from waypost.api.pages import Cursor, Limit, Page
from waypost.organizations.mapping import paging
from waypost.organizations.mapping.decisions import Decided, Kind, ScopeItem
from waypost.organizations.mapping.suggestions import SuggestionItem
from waypost.organizations.mapping.view import ConsoleItem

Searched = Annotated[str, Parameter(max_length=200, description="Part of the name, in any case, or the id.")]


@get(
    "/mapping",
    operation_id="listMapping",
    tags=["mapping"],
    summary="Show whose each site and account is",
    description="What is decided about each itself (`own`), and what is true of it (`effective`): the nearest of its "
    "own decision, its account's, and the organization that its console was connected for.",
    opt=guard.needs(Scope.READ, whole=True, problems=(404,)),
)
async def list_mapping(
    call: Called,
    kind: Annotated[Kind | None, Parameter(description="Only sites, or only accounts.")] = None,
    decision: Annotated[Decided | None, Parameter(description="Only where this is true.")] = None,
    organization: OfOrganization = "",
    connection: OfConnection = "",
    search: Searched = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[ScopeItem]:
    found = await paging.scopes(
        call.db,
        kind=kind,
        decision=decision,
        organization=organization,
        connection=connection,
        search=search,
        limit=limit,
        cursor=cursor,
    )
    return Page(found.items, found.next_cursor)


@get(
    "/mapping/organizations",
    operation_id="listMappingOrganizations",
    tags=["mapping"],
    summary="Show which organization is on which console",
    description="One entry for each organization and console. First what is nobody's (`organization` is null). "
    "`reached` tells how: by `mapping`, because the console was connected for it (`connection`), through the "
    "`default` connection since it is on no console, or not at all (`none`).",
    opt=guard.needs(Scope.READ, whole=True, problems=(404,)),
)
async def list_mapping_organizations(
    call: Called,
    organization: OfOrganization = "",
    connection: OfConnection = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[ConsoleItem]:
    found = await paging.consoles(
        call.db, organization=organization, connection=connection, limit=limit, cursor=cursor
    )
    return Page(found.items, found.next_cursor)


@post(
    "/mapping/suggest",
    operation_id="suggestMapping",
    tags=["mapping"],
    summary="Suggest organizations for what nothing is decided about",
    description="At most five candidates each, the best first, with grade, confidence and the reasons in words. "
    "`sure` is exact evidence that fits one organization only; `likely` and `possible` are for a person to decide.",
    status_code=200,
    opt=guard.needs(Scope.READ, whole=True, problems=(404,)),
)
async def suggest_mapping(
    call: Called,
    data: JSONBody[Asked] = Asked(),  # noqa: B008  # frozen
) -> Page[SuggestionItem]:
    found = await paging.suggested(
        call.db,
        kind=data.kind,
        connection=data.connection,
        grade=data.grade,
        limit=data.limit,
        cursor=data.cursor,
    )
    return Page(found.items, found.next_cursor)


ROUTES = (
    list_mapping,
    list_mapping_organizations,
    suggest_mapping,
    *mapping_saving.ROUTES,
    *mapping_care.ROUTES,
)
