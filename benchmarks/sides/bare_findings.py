"""An organization's findings served by nothing at all: what Waypost's reading alone allows, as a floor for both sides.

Whose key it is, the organization, the page, as JSON; and around that no server, no framework, no limits, no log: a
socket, and a request that is taken for a good one.

    DATABASE_URL=… python bare_findings.py PORT
"""

import asyncio
import os
import sys
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import msgspec

from waypost.access import keys
from waypost.organizations import whose
from waypost.storage.database import Database
from waypost.unified import reading
from waypost.unified.filters import Filters

SESSIONS = 16
_DEADLINE = timedelta(seconds=10)


async def answered(database: Database, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while head := await reader.readuntil(b"\r\n\r\n"):
        line, *headers = head.decode().split("\r\n")
        given = parse_qs(urlsplit(line.split(" ")[1]).query)
        named = dict(header.lower().split(": ", 1) for header in headers if ": " in header)
        db = await database.take()
        try:
            await keys.authenticate(db, head.decode().partition("Bearer ")[2].split("\r\n")[0])
            organization = await whose.narrowed(db, given["organization"][0])
            page = await reading.findings(
                db, Filters(organization=organization), limit=int(given["limit"][0])
            )
        finally:
            await database.give_back(db, as_it_was=True)
        body = msgspec.json.encode(page)
        closing = b"connection: close\r\n" if named.get("connection") == "close" else b""
        writer.write(b"HTTP/1.1 200 OK\r\n%scontent-length: %d\r\n\r\n" % (closing, len(body)) + body)
        if closing:
            writer.close()
            return


async def main() -> None:
    async with Database(url=os.environ["DATABASE_URL"], embedded=False).pooled(
        SESSIONS, deadline=_DEADLINE
    ) as pooled:

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await answered(pooled, reader, writer)
            except asyncio.IncompleteReadError:
                writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", int(sys.argv[1]))
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
