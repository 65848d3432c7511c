"""The tree of errors: each says what happened, who must act, and the next step."""

import inspect
import pickle
import re

import pytest

from waypost import errors
from waypost.cli.main import exit_code
from waypost.errors import ConsoleError, Owner, Reaction, UsageError, WaypostError

CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, WaypostError)]
LEAVES = [kind for kind in CLASSES if not kind.__subclasses__()]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_each_error_says_all_it_must(kind: type[WaypostError]) -> None:
    """Without a word from whoever raises it, an error tells what happened, who acts and what to do next."""
    error = kind()
    assert error.message == kind.__doc__ or issubclass(kind, ConsoleError) or kind.__doc__ is not None
    assert error.message.endswith(".") or "\n" in error.message
    assert isinstance(error.owner, Owner)
    assert isinstance(error.reaction, Reaction)
    assert len(error.remedy) > 10


def test_codes_are_unique() -> None:
    """A code names one kind of error for good."""
    codes = [kind.code for kind in CLASSES]
    assert sorted(set(codes)) == sorted(codes)
    assert all(re.fullmatch(r"[a-z_]+(\.[a-z_]+)?", code) for code in codes)


def test_the_tree_is_drawn_as_it_is() -> None:
    """The drawing at the top of the module shows every class below its parent."""
    drawn = re.findall(r"^    ([│ ├└─]*)(\w+Error)\b", errors.__doc__ or "", re.MULTILINE)
    path: list[str] = []
    for branches, name in drawn:
        depth = len(branches) // 4
        path[depth:] = [name]
        parent = getattr(errors, name).__base__.__name__
        assert depth == 0 or parent == path[depth - 1]
    assert {name for _, name in drawn} == {kind.__name__ for kind in CLASSES}


def test_exit_codes() -> None:
    """Wrong use is 2, a refused token is 3, everything else, a check that failed among them, is 1."""
    for kind in CLASSES:
        expected = 1
        if issubclass(kind, UsageError) and kind is not errors.CheckFailedError:
            expected = 2
        elif kind is errors.TokenRefusedError:
            expected = 3
        assert exit_code(kind()) == expected
    assert exit_code(errors.CheckFailedError(reaction=Reaction.NEEDS_ATTENTION)) == 3


def test_only_a_refused_token_needs_attention() -> None:
    """A connection is paused for one reason only."""
    attention = [kind for kind in CLASSES if kind.reaction is Reaction.NEEDS_ATTENTION]
    assert attention == [errors.TokenRefusedError]


def test_what_is_given_wins() -> None:
    """Whoever raises an error may say more exactly what happened, who acts and what to do."""
    error = errors.SchemaError("It differs.", remedy="Restore it.", owner=Owner.NOBODY)
    assert (str(error), error.remedy, error.owner) == ("It differs.", "Restore it.", Owner.NOBODY)
    assert errors.SchemaError().remedy == "Run `waypost db upgrade`."


def test_facts_of_a_console_error() -> None:
    """What the console's support asks for stands behind the sentence."""
    error = errors.VendorFailureError(
        "It failed.",
        path="/sites",
        status=502,
        vendor_code=5000010,
        detail="Bad Gateway",
        request_id="abc",
        attempts=3,
    )
    assert str(error) == (
        "It failed. The console says: 'Bad Gateway'. "
        "(GET /sites, HTTP 502, code 5000010, 3 attempts, X-RQID abc)"
    )
    assert str(errors.LimitedError("Slow down.")) == "Slow down."


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_errors_can_travel(kind: type[WaypostError]) -> None:
    """An error can be handed from one process to another."""
    again = pickle.loads(pickle.dumps(kind("What happened.")))  # noqa: S301  # our own
    assert (type(again), again.message) == (kind, "What happened.")


@pytest.mark.parametrize(
    "kind", [errors.CheckFailedError, errors.DefaultConnectionError, errors.NarrowerScopeError]
)
def test_what_an_option_says_a_field_says_too(kind: type[WaypostError]) -> None:
    """The same remedy goes to whoever calls the API: beside each option stands the field that does the same."""
    options = re.findall(r"--([a-z-]+)", kind.remedy)
    assert options
    for option in options:
        assert f"`{option.replace('-', '_')}`" in kind.remedy
