"""The labelled names of company-graph 0.5.3, and the sets that `suggestions.py` makes of them.

The package is a graph of names, as people wrote them when they told where they work, each with how often it was
seen and the company it was taken to be. Its own loader needs pkg_resources and networkx, so the graph is read here.
It is a pickle, from PyPI, pinned by hash in requirements/bench.lock; still, it is read by a loader that can build
nothing but dictionaries.

- A company is taken with the names that were seen at least twice, and its most frequent one is its reference.
- 10,000 references: every company with several such names (3,164), and others by a shuffle with a fixed seed.
- Decorated: each reference once, changed in one to three ways, drawn with a fixed seed from `WAYS`.
- Alternative spellings: all other names of the references (5,971).
- Nobody's: the names of 10,000 companies that are not among the references.

A name *leaves a trace* of its reference if the two share a word, two pieces of three letters, or one has the initials
of the other. An alternative without a trace is another name and no spelling: of a firm that was bought (`eds`,
`Hewlett Packard`), of a brand, or in another script (`高通`, `Qualcomm`). Who does not know it cannot tell.
"""

import importlib.util
import pathlib
import pickle
import random
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

SEED: Final = 4
SEEN_TWICE: Final = 2
FULL: Final = 10_000

BEFORE: Final = (
    "PROD_",
    "PROD - ",
    "[MDR] ",
    "(EDR) ",
    "S1 - ",
    "Client: ",
    "#TRIAL ",
    "UAT_",
    "[C1042] ",
    "Kunde - ",
)
BEHIND: Final = (
    " - HQ", " [MDR]", " #TRIAL", " (old)", " Site", " (2)", " - Servers", "_PROD", " | Workstations", " - CRM-00123",
    " (Head Office)", " 004711", " - Hauptsitz", " [EDR/XDR]", " Head Office", " (do not use)",
)  # fmt: skip
FORMS: Final = (
    "GmbH", "AG", "Inc.", "LLC", "Ltd.", "Limited", "S.A.", "S.à r.l.", "B.V.", "N.V.", "Sp. z o.o.", "s.r.o.", "A/S",
    "AB", "Oy", "S.p.A.", "S.L.", "Pty Ltd", "Corp.", "Co., Ltd.", "GmbH & Co. KG", "Kft.", "d.o.o.", "SA de CV",
)  # fmt: skip
LAST_FORMS: Final = frozenset({
    "inc", "ltd", "llc", "gmbh", "ag", "plc", "bv", "nv", "sa", "ab", "oy", "as", "srl", "spa", "corp", "limited",
    "incorporated",
})  # fmt: skip
ACCENTS: Final = {"a": "áàâä", "e": "éèê", "i": "íî", "o": "óôö", "u": "úû", "c": "ç", "n": "ñ"}


class Names(msgspec.Struct):
    """The sets: each name with the number of its reference, None where it has none."""

    references: list[str]
    decorated: list[tuple[str, int | None]]
    alternatives: list[tuple[str, int | None]]
    nobodys: list[tuple[str, int | None]]

    @property
    def sets(self) -> dict[str, list[tuple[str, int | None]]]:
        return {
            "decorated": self.decorated,
            "alternative spellings": self.alternatives,
            "nobody's": self.nobodys,
        }


def load(size: int = FULL) -> Names:
    """Read the names, and make the sets of this many references."""
    chance = random.Random(SEED)  # noqa: S311  # no secret
    companies = _companies()
    several = [names for names in companies if len(names) > 1]
    single = [names for names in companies if len(names) == 1]
    chance.shuffle(single)
    if size < FULL:
        several = several[: size // 3]
    rest = size - len(several)
    chosen = several + single[:rest]
    references = [names[0] for names in chosen]
    return Names(
        references=references,
        decorated=[(_decorated(name, chance), number) for number, name in enumerate(references)],
        alternatives=[(name, number) for number, names in enumerate(chosen) for name in names[1:]],
        nobodys=[(names[0], None) for names in single[rest : rest + size]],
    )


def leaves_a_trace(name: str, reference: str) -> bool:
    """Whether anything that is written in a name is in the reference."""
    one, other = _words(name), _words(reference)
    if not one or not other:
        return False
    if {*one} & {*other} or _initials(one) in other or _initials(other) in one:
        return True
    return len(_pieces("".join(one)) & _pieces("".join(other))) > 1


def _companies() -> list[list[str]]:
    """The names of each company that were seen twice, the most frequent first; companies in order of their ids."""
    found = importlib.util.find_spec("company_graph")
    if found is None or found.origin is None:
        raise SystemExit("company-graph is not installed: it is in the dependency group `bench`.")
    with (pathlib.Path(found.origin).parent / "data" / "graph.pkl").open("rb") as file:
        edges = _OnlyDictionaries(file).load()._adj  # noqa: SLF001  # it has nothing else
    names: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for name, companies in edges.items():
        if isinstance(name, str):
            for company, facts in companies.items():
                if facts["n"] >= SEEN_TWICE:
                    names[company].append((-facts["n"], name))
    return [[name for _, name in sorted(names[company])] for company in sorted(names)]


class _Hollow:
    """Stands for the classes of networkx: it gets their attributes, and does nothing."""

    _adj: dict[Any, dict[int, dict[str, int]]]


class _OnlyDictionaries(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type:
        if (module, name) == ("builtins", "dict"):
            return dict
        if module.startswith("networkx."):
            return _Hollow
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a graph of names")


def _decorated(name: str, chance: random.Random) -> str:
    for way in chance.sample(WAYS, chance.randint(1, 3)):
        name = way(name, chance)
    return name


def _with_another_form(name: str, chance: random.Random) -> str:
    *rest, last = name.split()
    return " ".join(
        [*(rest if rest and last.casefold() in LAST_FORMS else name.split()), chance.choice(FORMS)]
    )


def _with_accents(name: str, chance: random.Random) -> str:
    place = chance.randrange(len(name))
    return name[:place] + chance.choice(ACCENTS.get(name[place], name[place])) + name[place + 1 :]


def _in_another_case(name: str, chance: random.Random) -> str:
    return chance.choice((str.upper, str.title, str.capitalize))(name)


WAYS: Final[Sequence[Callable[[str, random.Random], str]]] = (
    lambda name, chance: chance.choice(BEFORE) + name,
    lambda name, chance: name + chance.choice(BEHIND),
    _with_another_form,
    _with_accents,
    _in_another_case,
)


def _words(name: str) -> list[str]:
    plain = "".join(
        char for char in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(char)
    )
    return "".join(char if char.isalnum() else " " for char in plain).split()


def _initials(words: Sequence[str]) -> str:
    return "".join(word[0] for word in words) if len(words) > 1 else ""


def _pieces(text: str) -> set[str]:
    return {text[place : place + 3] for place in range(len(text) - 2)}
