"""A check in a customer's words."""

from waypost.connections.examination import remedies, result
from waypost.connections.examination.result import Report, Result
from waypost.connections.probe import Identity
from waypost.console import lines
from waypost.errors import Owner


def report(*results: Result) -> Report:
    return Report(list(results), Identity(), requests=0, seconds=0.0)


GOOD = result.line("token.accepted", result.PASS, "It is accepted.")
WARNING = result.line("stream.threats", result.WARN, "None.", remedy="Ask.", owner=Owner.SENTINELONE)
FAILURE = result.line("stream.risks", result.FAIL, "Forbidden.", remedy="Do it.", owner=Owner.CUSTOMER)
REFUSED = result.line("token.accepted", result.FAIL, "No.", remedy=remedies.NEW_TOKEN, owner=Owner.CUSTOMER)
NARROWER = result.line("scope.narrower", result.WARN, "Less.", remedy="Widen it.", owner=Owner.CUSTOMER)


def test_every_state_has_a_word() -> None:
    """Colour and icon never stand alone."""
    words = [
        lines.line(result.line("stream.risks", state, "x")).word
        for state in ("pass", "warn", "fail", "skipped")
    ]
    assert words == ["OK", "Warning", "Failed", "Skipped"]


def test_a_remedy_says_whose_it_is() -> None:
    """What the customer must do is theirs; what others must do says who."""
    assert lines.line(FAILURE).remedy == "What to do: Do it."
    assert lines.line(WARNING).remedy == "For SentinelOne: Ask."
    assert lines.line(GOOD).remedy == ""
    operators = result.line("address.shape", result.FAIL, "No.", remedy="Allow it.", owner=Owner.OPERATOR)
    assert lines.line(operators).remedy == "For whoever sent you this link: Allow it."


def test_no_commands_for_customers() -> None:
    """A customer has no command line, so no next step names one."""
    assert "waypost" in REFUSED.remedy
    assert "waypost" not in lines.line(REFUSED).remedy


def test_what_a_check_comes_to() -> None:
    """A failed address or token keeps from saving; everything else is counted and may be mended later."""
    assert not lines.verdict(report(REFUSED)).ready
    assert lines.verdict(report(GOOD)).text == "Everything that was checked works."
    assert lines.verdict(report(GOOD, FAILURE)).text.startswith("One line needs")
    both = lines.verdict(report(GOOD, WARNING, FAILURE))
    assert (both.ready, both.text.split()[0], both.narrower) == (True, "2", False)
    assert lines.verdict(report(GOOD, NARROWER)).narrower


def test_lines_stand_under_their_headings() -> None:
    """Lines of one group stand together, in the order of the check."""
    found = lines.groups([GOOD, WARNING, FAILURE])
    assert [(group.title, len(group.lines)) for group in found] == [("Token", 1), ("Data", 2)]
    assert [line.title for line in lines.warnings(report(GOOD, WARNING, FAILURE))] == ["Threats", "Risks"]
