"""`/mapping`: saving decisions, their history, and undoing them."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from litestar import get, post, put
from litestar.params import JSONBody

from waypost import errors
from waypost.access.keys import Scope
from waypost.api import guard, mapping_bodies
from waypost.api.calls import Called
from waypost.api.mapping_bodies import MappingSave, NewDecisions, SavedDecisions, Undoing
from waypost.api.pages import Cursor, Limit, Page
from waypost.api.problems import FieldsError
from waypost.organizations.mapping import history, paging, saving, suggestions, undoing
from waypost.organizations.mapping.decisions import Difference, Saved, Wish
from waypost.organizations.mapping.history import SaveItem
from waypost.storage.database import Connection

SAVE: Final = "/mapping/history/{save_id:uuid}"
_MOST_FAULTS: Final = 100
"""Of the decisions of one request; the rest is counted."""


@put(
    "/mapping",
    operation_id="saveMapping",
    tags=["mapping"],
    summary="Decide whose sites and accounts are",
    description="All of it is saved, or nothing. Each decision names the `version` that it replaces; if somebody has "
    "decided about the same meanwhile, the answer is 409 and says who. The data of the sites follows at once, past "
    "data too. The answer tells for each decision how many sites, devices and open findings that concerns; with "
    "`dry_run` it tells so beforehand.",
    status_code=200,
    request_max_body_size=mapping_bodies.MOST_BYTES,
    opt=guard.needs(Scope.MANAGE, whole=True, problems=(404, 409)),
)
async def save_mapping(call: Called, data: JSONBody[NewDecisions]) -> SavedDecisions:
    if not data.items and data.accept is None:
        raise FieldsError({"items": "There is nothing to save: neither a decision, nor `accept`."})
    wishes = [item.wish() for item in data.items]
    if data.accept is not None:
        wishes += await suggestions.accepted(call.db)
    try:
        if data.dry_run:
            return answer(Saved(None, 0, await saving.preview(call.db, wishes)), dry_run=True)
        return answer(await saving.save(call.db, call.actor, wishes))
    except errors.UsageError as error:
        error.fields = await _wrong(call.db, wishes[: len(data.items)])
        raise


@get(
    "/mapping/history",
    operation_id="listMappingSaves",
    tags=["mapping"],
    summary="List who saved decisions, and when",
    description="The newest first.",
    opt=guard.needs(Scope.READ, whole=True),
)
async def list_mapping_saves(call: Called, limit: Limit = 100, cursor: Cursor = "") -> Page[SaveItem]:
    found = await paging.saves(call.db, limit=limit, cursor=cursor)
    return Page(found.items, found.next_cursor)


@get(
    SAVE,
    operation_id="getMappingSave",
    tags=["mapping"],
    summary="Show what a save decided",
    description="With what was decided before, and the evidence that stood for each choice.",
    opt=guard.needs(Scope.READ, whole=True),
)
async def get_mapping_save(
    call: Called, save_id: UUID, limit: Limit = 100, cursor: Cursor = ""
) -> MappingSave:
    one = await history.one(call.db, save_id)
    found = await paging.changes(call.db, save_id, limit=limit, cursor=cursor)
    return mapping_bodies.save(one, found.items, found.next_cursor)


@post(
    f"{SAVE}/undo",
    operation_id="undoMappingSave",
    tags=["mapping"],
    summary="Take back a save as a whole",
    description="What it decided is again what was decided before, unless somebody has decided about the same since "
    "(409). The undo is a save itself, and can be undone.",
    status_code=200,
    opt=guard.needs(Scope.MANAGE, whole=True, problems=(409,)),
)
async def undo_mapping_save(
    call: Called,
    save_id: UUID,
    data: JSONBody[Undoing] = Undoing(),  # noqa: B008  # frozen
) -> SavedDecisions:
    undone = await undoing.undo(call.db, call.actor, save_id, dry_run=data.dry_run)
    return answer(undone, dry_run=data.dry_run)


def answer(saved: Saved, *, dry_run: bool = False) -> SavedDecisions:
    """A save as the API shows it."""
    found: Difference = saved.difference
    return SavedDecisions(
        id=saved.id,
        version=saved.version,
        dry_run=dry_run,
        items=found.items,
        unchanged=found.unchanged,
        devices=found.devices,
        open_findings=found.open_findings,
    )


async def _wrong(db: Connection, wishes: Sequence[Wish]) -> dict[str, str]:
    """What is wrong with which decision of a request."""
    faults = await saving.faults(db, wishes)
    return {
        f"items.{fault.place}.{fault.error.field or 'id'}": fault.error.message
        for fault in faults[:_MOST_FAULTS]
    }


ROUTES = (save_mapping, list_mapping_saves, get_mapping_save, undo_mapping_save)
