"""What stands in a request's address: nothing unknown, nothing twice, nothing that no name or id has in it."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from litestar import Request
from litestar.constants import RESERVED_KWARGS
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler

from waypost.api.problems import FieldsError
from waypost.unified import nearest

CONTROL: Final = r"[^\x00-\x1f\x7f-\x9f]*"
NO_CONTROL: Final = "It may not contain control characters."
_SANE: Final = re.compile(CONTROL)
_NAMES: Final = "waypost_parameters"
_NAME: Final = 80
"""Characters of an unknown name that are repeated."""
_MOST_FAULTS: Final = 100


def look(request: Request[Any, Any, Any]) -> None:
    """Look at the parameters: nothing that is meant to limit a list or a change may pass unread.

    Raises:
        FieldsError: Some are wrong; each is named.
    """
    given = list(request.query_params.multi_items())
    placed = request.path_params
    if not given and not placed:
        return
    known = [name for name in _known(request.route_handler) if name not in placed]
    times = Counter(name for name, _ in given)
    wrong = {name: "It is given twice." for name in known if times[name] > 1}
    for name, text in given:
        if name in known and not _SANE.fullmatch(text):
            wrong[name] = NO_CONTROL
        elif name not in known and len(wrong) < _MOST_FAULTS:
            wrong[name[:_NAME]] = nearest.refusal("parameter", name, known)
    for name, value in placed.items():
        if isinstance(value, str) and not _SANE.fullmatch(value):
            wrong[name] = NO_CONTROL
    if wrong:
        raise FieldsError(wrong)


def _known(handler: BaseRouteHandler) -> tuple[str, ...]:
    """The parameters of an operation, found once."""
    names: tuple[str, ...] | None = handler.opt.get(_NAMES)
    if names is None:
        names = handler.opt[_NAMES] = tuple(_found(handler))
    return names


def _found(handler: BaseRouteHandler) -> Iterator[str]:
    """What of the arguments of a handler, and of what it stands on, comes from the address; as callers name it."""
    dependencies = handler.resolve_dependencies()
    arguments = [handler.parsed_fn_signature.parameters]
    arguments += [provider.parsed_fn_signature.parameters for provider in _taken(arguments[0], dependencies)]
    for name, parameter in (argument for taken in arguments for argument in taken.items()):
        if name not in RESERVED_KWARGS and name not in dependencies:
            # A word that means something to the framework has another name within.
            yield getattr(parameter.kwarg_definition, "name", None) or name


def _taken(names: Iterable[str], dependencies: Mapping[str, Provide]) -> Iterator[Provide]:
    return (dependencies[name] for name in names if name in dependencies)
