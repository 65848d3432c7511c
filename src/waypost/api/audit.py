"""`/audit`: who did what, when, and what it was before and after."""

from typing import Annotated

from litestar import get
from litestar.params import Parameter

from waypost.access import audit
from waypost.access.audit import Entry
from waypost.access.keys import Scope
from waypost.api import guard, pages
from waypost.api.calls import Called
from waypost.api.pages import Cursor, Limit, Page
from waypost.unified import cursors

Action = Annotated[str, Parameter(max_length=100, description="Only this action, like `connection.added`.")]
Subject = Annotated[
    str, Parameter(max_length=100, description="Only what was done to the thing with this id.")
]


@get(
    "/audit",
    operation_id="listAudit",
    tags=["audit"],
    summary="List the audit log",
    description="The newest entries first. A key that is bound to an organization sees what was done to that one.",
    opt=guard.needs(Scope.READ),
)
async def list_audit(
    call: Called, action: Action = "", subject_id: Subject = "", limit: Limit = 100, cursor: Cursor = ""
) -> Page[Entry]:
    filters = [action, subject_id]
    (before,) = cursors.read(cursor, "audit", filters, 1)
    rows = await audit.newest(
        call.db,
        before_id=before,
        organization_id=call.organization_id,
        action=action or None,
        subject_id=subject_id or None,
        limit=limit + 1,
    )
    return pages.page(
        rows, limit, kind="audit", filters=filters, key=lambda entry: [entry.id], item=lambda entry: entry
    )


ROUTES = (list_audit,)
