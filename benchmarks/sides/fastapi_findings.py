"""An organization's findings served by FastAPI and uvicorn, as one writes it today: the side to compare with.

The same statements as Waypost's own `GET /findings`, in the same order, through the same driver and a pool of as many
sessions, which prepares statements after a few times as it does by default: whose key it is, the organization by its
name, its sites, the page. One session a request, models by pydantic.

    DATABASE_URL=… python fastapi_findings.py PORT
"""

import hashlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException, Query
from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel

from waypost.storage import queries
from waypost.unified import ordering, selecting
from waypost.unified.filters import Filters
from waypost.unified.paging import Page
from waypost.unified.words import FindingState, Severity, word

SESSIONS = 16
_CALLED = queries.organizations.list.replace("{which}", queries.organizations.called)


class Ref(BaseModel):
    id: str
    name: str


class Software(BaseModel):
    name: str
    vendor: str
    version: str


class Finding(BaseModel):
    id: str
    connection: str
    site: str | None
    site_id: str | None
    device: Ref
    software: Software
    cve: str
    state: str
    severity: str
    score: float | None
    score_version: str | None
    exploited: bool | None
    has_fix: bool | None
    detected_at: datetime | None
    resolved_at: datetime | None
    last_seen_at: datetime | None
    changed_at: datetime
    published_at: datetime | None
    vendor_id: str
    mitigation: dict[str, Any] | None
    mark: dict[str, Any] | None
    extra: dict[str, Any] | None


class Findings(BaseModel):
    items: list[Finding]
    next_cursor: str | None


async def _configure(db: AsyncConnection[Any]) -> None:
    await db.execute("SET search_path TO waypost; SET timezone TO 'UTC'")


pool = AsyncConnectionPool(
    os.environ["DATABASE_URL"],
    min_size=1,
    max_size=SESSIONS,
    open=False,
    configure=_configure,
    kwargs={"autocommit": True},
)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with pool:
        yield


app = FastAPI(lifespan=lifespan)


async def session() -> AsyncIterator[AsyncConnection[Any]]:
    async with pool.connection() as db:
        yield db


Session = Annotated[AsyncConnection[Any], Depends(session)]


async def caller(db: Session, authorization: Annotated[str, Header()] = "") -> str:
    """The key's id, if it is a good one."""
    _, key_id, secret = authorization.removeprefix("Bearer ").split("_")
    async with db.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(queries.keys.presented, {"key_id": key_id})
        found = await cursor.fetchone()
    if found is None or found["secret_hash"] != hashlib.sha256(secret.encode()).digest():
        raise HTTPException(401)
    if found["revoked"] or found["expired"] or "read" not in found["scopes"]:
        raise HTTPException(403)
    return key_id


@app.get("/api/v1/findings")
async def findings(
    db: Session,
    _: Annotated[str, Depends(caller)],
    organization: str,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: str = "",
) -> Findings:
    async with db.cursor(row_factory=dict_row) as reading:
        await reading.execute(_CALLED, {"uuid": None, "names": [organization], "limit": None})
        (known,) = await reading.fetchall()
    filters = Filters(organization=known["organization_id"])
    page = Page("findings", ordering.FINDINGS, filters, "-severity", limit, cursor)
    async with selecting.selected(db, "finding", filters) as selection:
        assert selection is not None  # noqa: S101  # it has sites
        rows = await page.rows(
            db, selection, queries.lists.findings, {"resolved": FindingState.RESOLVED.value}
        )
    return Findings(items=[_finding(row) for row in rows[:limit]], next_cursor=page.next_cursor(rows))


def _finding(row: dict[str, Any]) -> Finding:
    return Finding(
        **{name: row[name] for name in Finding.model_fields if name in row and name not in _MADE},
        id=str(row["id"]),
        device=Ref(id=str(row["device_id"]), name=row["device_name"]),
        software=Software(
            name=row["software_name"], vendor=row["software_vendor"], version=row["software_version"]
        ),
        state=word(FindingState(row["state"])),
        severity=word(Severity(row["severity"])),
        exploited=row["maturity"] == "Functional" if row["maturity"] else None,
        has_fix=row["remediation"] == "Official Fix" if row["remediation"] else None,
    )


_MADE = {"id", "device", "software", "state", "severity", "exploited", "has_fix"}

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
