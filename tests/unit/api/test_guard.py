"""Every operation says what it needs, so that none is open by oversight."""

from pathlib import Path

import pytest
from litestar import HttpMethod
from litestar.handlers import HTTPRouteHandler

from waypost.access.keys import Scope
from waypost.api import app, guard, syncs
from waypost.connections.vault import Vault
from waypost.sentinelone.address import Allowed
from waypost.storage.database import Database
from waypost.sync import streams
from waypost.sync.now import Means

OPEN = {"live", "ready", "metrics", "problem", "description", "documentation", "style"}

LOOKS = {"suggest_mapping", "create_export", "delete_export"}
"""What only looks, though not by GET: an export is a look that takes its time."""


def _handlers() -> list[HTTPRouteHandler]:
    means = Means(Database(url="", embedded=False), Vault(bytes(32)), Allowed.parse(""))
    api = app.create(means)
    found = [
        handler
        for route in api.routes
        if not route.path.startswith("/connect")
        for handler in getattr(route, "route_handlers", ())
    ]
    return [handler for handler in found if HttpMethod.OPTIONS not in handler.http_methods]


@pytest.mark.filterwarnings("ignore::litestar.exceptions.LitestarDeprecationWarning")  # of its next version
def test_every_operation_needs_a_scope() -> None:
    """What is not on the list of what is open to all has a guard and a scope; reading alone needs no more."""
    handlers = _handlers()
    assert len(handlers) > 25
    for handler in handlers:
        if handler.handler_name in OPEN:
            assert not handler.resolve_guards()
            continue
        assert guard.admit in handler.resolve_guards(), handler.handler_name
        scope = guard.scope_of(handler)
        assert scope in (Scope.READ, Scope.MANAGE), handler.handler_name
        if HttpMethod.GET not in handler.http_methods and handler.handler_name not in LOOKS:
            assert scope is Scope.MANAGE, handler.handler_name


def test_the_streams_that_can_be_asked_for() -> None:
    """The API names the streams that there are."""
    assert set(syncs.Name.__args__) == set(streams.BY_NAME)


def test_templates_are_where_they_are_looked_for() -> None:
    """The page's parts ship with the package."""
    folder = Path(app.__file__).parent / "templates"
    assert {file.name for file in folder.iterdir()} >= {"reference.html", "reference.css"}
