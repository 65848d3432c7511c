"""Suggestions: which evidence makes an organization sure, what keeps it from that, and why."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.organizations import matching
from waypost.organizations.matching import Candidate, Grade, Index, Known, Subject

ACME = Known(1, "Acme GmbH", "CRM-00123", ("Acme Europe",), ("acme.com", "acme.local"))
GLOBEX = Known(2, "Globex", "CRM-00200", (), ("globex.com",))
MULLER = Known(3, "Bäckerei Müller")
ALL = (ACME, GLOBEX, MULLER)


def site(name: str, account: object = "a", **more: object) -> Subject:
    """A site of an account."""
    return Subject(name, name, account, **more)  # type: ignore[arg-type]


def best(subject: Subject, known: Sequence[Known] = ALL, others: Sequence[Subject] = ()) -> Candidate:
    """The first candidate of one subject."""
    ((first, *_),) = Index(known).suggest([subject], others=others)
    return first


@pytest.mark.parametrize(
    ("subject", "organization", "reason"),
    [
        (site("x y z", external_id="crm-00123 "), 1, "The console's externalId crm-00123 is the organization's."),
        (site("Default site", external_id="CRM-00200"), 2, "The console's externalId CRM-00200 is the organization's."),
        (site("Globex"), 2, "The name is the organization's, 'Globex'."),
        (site("GLÓBEX."), 2, "The name is the organization's, 'Globex', written in another way."),
        (
            site("PROD_ACME [MDR]"),
            1,
            "The name is the organization's, 'Acme GmbH', once 'MDR', 'PROD' and 'GmbH' are left out.",
        ),
        (site("Acme Europe HQ"), 1, "The name is 'Acme Europe', an alias of the organization, once 'HQ' is left out."),
        (site("Baeckerei Mueller"), 3, "The name is the organization's, 'Bäckerei Müller', written in another way."),
        (
            site("Springfield", domains={"acme.com": 8, "corp.acme.com": 1, "WORKGROUP": 4, "gmail.com": 1}),
            1,
            "All 9 devices that are in a domain are in domains of the organization.",
        ),
    ],
)  # fmt: skip
def test_what_is_sure(subject: Subject, organization: int, reason: str) -> None:
    """The external id, the name or an alias once cleaned, and the domain of the devices are exact evidence."""
    found = best(subject)
    assert (found.organization_id, found.grade, found.reasons) == (organization, Grade.SURE, (reason,))
    assert found.confidence > 0.9


def test_evidence_that_agrees() -> None:
    """All that speaks for an organization is told, and each counts."""
    alone = best(site("Acme"))
    together = best(site("Acme", external_id="CRM-00123", domains={"acme.com": 3}))
    assert [reason.split()[1] for reason in together.reasons] == ["console's", "name", "3"]
    assert together.confidence > alone.confidence


@pytest.mark.parametrize(
    ("subject", "others", "known", "doubt"),
    [
        (
            site("Acme"), (), (*ALL, Known(4, "ACME Ltd")),
            "Not sure: 'ACME Ltd' has the same name once cleaned.",
        ),
        (
            site("Acme"), (), (*ALL, Known(4, "Other", aliases=("acme",))),
            "Not sure: 'Other' has the same name once cleaned.",
        ),
        (
            site("Acme"), (site("ACME [MDR]", "b"),), ALL,
            "Not sure: 'Acme' is also the name of a site in another account.",
        ),
        (
            site("Baeckerei Mueller"), (site("Bäckerei Müller", "b"),), ALL,
            "Not sure: 'Baeckerei Mueller' is also the name of a site in another account.",
        ),
        (site("Servers"), (), (Known(4, "Servers"),), "Not sure: 'Servers' says nothing about whose it is."),
        (site("Acme", external_id="CRM-00200"), (), ALL, "Not sure: 'Acme GmbH' has its name."),
        (
            site("Acme", external_id="CRM-00777"), (), ALL,
            "Not sure: the console's externalId is CRM-00777, the organization's is CRM-00123.",
        ),
        (site("Acme", domains={"globex.com": 3}), (), ALL, "Not sure: 'Globex' has a domain of its devices."),
        (
            site("x", external_id="7"), (), (Known(4, "One", "7"), Known(5, "Two", "7")),
            "Not sure: 'Two' has the same external id.",
        ),
        (
            site("Springfield", domains={"acme.com": 6, "other.org": 4}), (), ALL,
            "Not sure: 4 of 10 devices that are in a domain are in other domains.",
        ),
        (site("Springfield", domains={"acme.com": 1}), (), ALL, "Not sure: that is the only device that tells."),
        (
            site("Default site", domains={"acme.com": 5}), (), ALL,
            "Not sure: 'Default site' says nothing about whose it is.",
        ),
        (
            site("Springfield", domains={"acme.com": 5}), (site("springfield", "b"),), ALL,
            "Not sure: 'Springfield' is also the name of a site in another account.",
        ),
        (
            site("Kerensen Consulting", domains={"acme.com": 5}), (), (*ALL, Known(4, "Kerensen Consultng")),
            "Not sure: its name is like 'Kerensen Consultng'.",
        ),
        (site("v soft"), (), (Known(4, "VSoft"),), "Not sure: it is short, and written in other words than 'VSoft'."),
        (site("Store #12"), (), (Known(4, "Store #14 Kowalski"), Known(5, "Kowalski #14")), None),
        (site("Kowalski #12"), (), (Known(5, "Kowalski #14"),), "Not sure: 'Kowalski #14' has another number."),
    ],
)  # fmt: skip
def test_what_is_not_sure(
    subject: Subject, others: Sequence[Subject], known: Sequence[Known], doubt: str | None
) -> None:
    """Each rule that keeps a candidate from being sure says so in its reasons."""
    (found,) = Index(known).suggest([subject], others=others)
    assert Grade.SURE not in {candidate.grade for candidate in found}
    if doubt is not None:
        assert doubt in found[0].reasons


def test_the_other_way_out_of_a_doubt() -> None:
    """An external id is enough where a name says nothing or many have it."""
    for name in ("Servers", "Acme"):
        found = best(site(name, external_id="CRM-00123"), others=[site(name, "b")])
        assert (found.organization_id, found.grade) == (1, Grade.SURE)


def test_an_external_id_against_a_name() -> None:
    """Where the external id points to one organization and the name to another, both are shown and none is sure."""
    (found,) = Index(ALL).suggest([site("Globex", external_id="CRM-00123")])
    assert [(candidate.organization_id, candidate.grade) for candidate in found] == [
        (1, Grade.LIKELY),
        (2, Grade.LIKELY),
    ]


@pytest.mark.parametrize("none", [None, "", " ", "0", "N/A", "none", "-"])
def test_external_ids_that_are_none(none: str | None) -> None:
    """What people write into a field that must not be empty is no external id."""
    known = [Known(1, "Acme", none), Known(2, "Globex", none)]
    assert Index(known).suggest([site("x y z", external_id=none)]) == [[]]


def test_ids_of_another_kind() -> None:
    """A console's external id that is written in another form comes from another place and says nothing."""
    assert best(site("Acme", external_id="0017-A")).grade == Grade.SURE


def test_accounts() -> None:
    """Accounts of the same name on two consoles are no doubt: there is nothing above them."""
    accounts = [Subject(1, "Acme"), Subject(2, "ACME GmbH")]
    assert [found[0].grade for found in Index(ALL).suggest(accounts)] == [Grade.SURE, Grade.SURE]


def test_names_that_are_alike() -> None:
    """A misspelt, abbreviated or longer name is found, is never sure, and says that it is another one."""
    known = [
        *ALL,
        Known(4, "Kerensen Consulting"),
        Known(5, "Boston Medical Holdings"),
        Known(6, "Wayne Enterprises"),
    ]
    for name, organization in (
        ("Kerensne Consulting", 4),
        ("Kerensen Consult", 4),
        ("Kerensen Consulting Berlin", 4),
        ("BMH", 5),
        ("Boston Med Holding", 5),
        ("wayne-enterprise", 6),
    ):
        found = best(site(name), known)
        assert (name, found.organization_id) == (name, organization)
        assert found.grade != Grade.SURE
        assert found.reasons[-1] == "Not sure: it is not the same name."


def test_a_domain_called_like_an_organization() -> None:
    """Devices in globex.local are a hint at Globex, where nothing else is known."""
    known = [Known(2, "Globex")]
    found = best(site("Default site", domains={"ad.globex.local": 5, "other.de": 1}), known)
    assert (found.organization_id, found.grade) == (2, Grade.POSSIBLE)
    assert "ad.globex.local" in found.reasons[0]


def test_five_at_most() -> None:
    """No more than five candidates are told, the best first."""
    known = [
        Known(number, f"Acme Widgets {name}")
        for number, name in enumerate(("One", "Two", "X", "Y", "Z", "W"), 1)
    ]
    (found,) = Index(known).suggest([site("Acme Widgets")])
    assert len(found) == matching.MOST_CANDIDATES
    assert [one.confidence for one in found] == sorted((one.confidence for one in found), reverse=True)


def test_nobody() -> None:
    """Without organizations, or without anything in common, nobody is suggested."""
    assert Index([]).suggest([site("Acme"), site("")]) == [[], []]
    assert Index(ALL).suggest([site("Qqqqq"), site("北京"), site("---"), site("Servers")]) == [[], [], [], []]


def test_of_whom_a_name_speaks() -> None:
    """A name speaks of the organizations that have it, as name or alias; a generic one of nobody."""
    index = Index([*ALL, Known(4, "acme"), Known(5, "Servers")])
    assert index.speaks_of("ACME - HQ") == {1, 4}
    assert index.speaks_of("Acme Europe Ltd") == {1}
    assert index.speaks_of("Baeckerei Mueller") == {3}
    assert index.speaks_of("Servers") == frozenset()
    assert index.speaks_of("Initech") == frozenset()


WORDS = (
    "Acme",
    "acme",
    "Globex",
    "GmbH",
    "Ltd",
    "Servers",
    "Berlin",
    "Müller",
    "Mueller",
    "HQ",
    "[MDR]",
    "#7",
    "株式会社",
)
names = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)
ids = st.sampled_from([None, "", "K-1", "K-2", "k-1 ", "9"])
some_domains = st.sampled_from(["acme.com", "ad.acme.com", "globex.local", "WORKGROUP", "müller.de"])


@st.composite
def organizations(draw: st.DrawFn) -> list[Known]:
    """A few organizations that have much in common."""
    return [
        Known(
            number,
            draw(names),
            draw(ids),
            tuple(draw(st.lists(names, max_size=2))),
            tuple(draw(st.lists(some_domains, max_size=2))),
        )
        for number in range(1, draw(st.integers(1, 6)) + 1)
    ]


@st.composite
def subjects(draw: st.DrawFn) -> list[Subject]:
    """A few sites of two accounts."""
    return [
        Subject(
            number,
            draw(names),
            draw(st.sampled_from(["a", "b"])),
            draw(ids),
            draw(st.dictionaries(some_domains, st.integers(0, 9), max_size=2)),
        )
        for number in range(draw(st.integers(1, 5)))
    ]


@given(organizations(), subjects(), st.randoms(use_true_random=False))
def test_what_always_holds(known: list[Known], asked: list[Subject], chance: random.Random) -> None:
    """At most one is sure, and it comes first; the list is ranked; the order of organizations changes nothing."""
    found = Index(known).suggest(asked)
    for candidates in found:
        grades = [candidate.grade for candidate in candidates]
        assert grades == sorted(grades, key=list(Grade).index)
        assert Grade.SURE not in grades[1:]
        assert len({candidate.organization_id for candidate in candidates}) == len(candidates) <= 5
        confidences = [candidate.confidence for candidate in candidates]
        assert confidences == sorted(confidences, reverse=True)
        for candidate in candidates:
            assert 0 <= candidate.confidence < 1
            assert candidate.reasons
            assert (candidate.grade == Grade.SURE) == ("Not sure" not in " ".join(candidate.reasons))
    shuffled = list(known)
    chance.shuffle(shuffled)
    assert Index(shuffled).suggest(asked) == found
    assert [Index(known).suggest([one], others=asked)[0] for one in asked] == found


@given(organizations(), subjects())
def test_a_twin_is_never_sure(known: list[Known], asked: list[Subject]) -> None:
    """Nothing is sure of an organization that has a twin."""
    twins = [
        Known(one.organization_id + 100, one.name, one.external_id, one.aliases, one.domains) for one in known
    ]
    for candidates in Index([*known, *twins]).suggest(asked):
        assert Grade.SURE not in {candidate.grade for candidate in candidates}


@given(st.lists(st.text(), max_size=4), st.text(), st.dictionaries(st.text(), st.integers(0), max_size=3))
def test_any_text(known: list[str], name: str, domains: dict[str, int]) -> None:
    """No name, id or domain is too strange."""
    index = Index([Known(number, text, text, (text,), (text,)) for number, text in enumerate(known)])
    (found,) = index.suggest([Subject(None, name, "a", name, domains)])
    assert len(found) <= 5
