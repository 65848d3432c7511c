"""Which methods a path has: told where another was tried, and to who asks with OPTIONS."""

import re
from collections.abc import Iterator
from typing import Any, Final

from litestar import Request, Response

_PARAMETER: Final = re.compile(r"\{[^}]+\}")


def allowed(request: Request[Any, Any, Any]) -> str:
    """The methods of a request's path, as the header `Allow` has them; whatever can be got has a head."""
    found = {"OPTIONS", *_found(request)}
    if "GET" in found:
        found.add("HEAD")
    return ", ".join(sorted(found))


def answer(request: Request[Any, Any, Any]) -> Response[None]:
    """The answer to OPTIONS. It needs no key: the description of the API, which anybody can read, says as much."""
    return Response(None, status_code=204, headers={"Allow": allowed(request)})


def _found(request: Request[Any, Any, Any]) -> Iterator[str]:
    for route in request.app.routes:
        pattern = _PARAMETER.sub("[^/]+", route.path_format)
        if re.fullmatch(pattern, request.scope["path"]):
            yield from getattr(route, "methods", ())
