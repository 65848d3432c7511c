"""Who opens a page: from where, and whether a form was sent by the page itself.

The service that runs the pages lies above them; what they need of it is the protocol here.
"""

import asyncio
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from litestar import Request
from litestar.types import Scope

from waypost import errors
from waypost.access.attempts import Attempts
from waypost.sync.now import Means

_CHANGING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})

Visit = Request[Any, Any, Any]  # Any: pages know neither users nor sessions


class Service(Protocol):
    """What pages need of the running service."""

    means: Means
    attempts: Attempts
    asking: asyncio.Semaphore
    public_url: str

    def caller(self, scope: Scope) -> str:
        """The visitor's address."""

    def request_id(self, scope: Scope) -> str:
        """The id of the request, for the audit log."""


def service(visit: Visit) -> Service:
    """The service that this visit came to."""
    found: Service = visit.app.state.service
    return found


async def refuse_other_sites(visit: Visit) -> None:
    """Refuse a form that another site's page sent.

    The link's secret is what lets a form in, and no other site knows it; this is a second bolt. A plain form of
    a page without referrer comes with `Origin: null`, so only an origin that is another one is refused. A proxy may
    put its own name for this service in place of `Host`.

    Raises:
        AccessError: The browser says that another site sent it.
    """
    if visit.method not in _CHANGING:
        return
    site = visit.headers.get("sec-fetch-site", "same-origin")
    origin = visit.headers.get("origin", "null")
    own = {visit.headers.get("host", "").lower(), urlsplit(service(visit).public_url).netloc.lower()}
    if site not in ("same-origin", "none") or (
        origin != "null" and urlsplit(origin).netloc.lower() not in own
    ):
        raise errors.AccessError(
            "Another site sent this form.", remedy="Open the link itself and fill in the form there."
        )
