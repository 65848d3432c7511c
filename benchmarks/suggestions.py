"""Suggestions for 10,000 sites out of 10,000 organizations: seconds, memory, and how often they are right.

The names are those of company-graph; `company_names.py` says how the three sets are made of them. Every figure is of
the product's own code, `Index.suggest`, with names alone: no external ids, no aliases, no domains.

- Speed: a third of the sites from each set; and, since a site without an organization costs most, all from the last.
  Processor time of one process, from the names to the suggestions. The median of several runs.
- Precision of *sure*: over all three sets, by the raw labels; every wrong one is listed in the result.
- Recall of *sure* on the decorated names; the true one among the five candidates on the alternative spellings, of
  all, and of those that leave a trace.
- Beside it, on the same names: equal, equal in lower case, and rapidfuzz's WRatio after its default processing, at
  the threshold with the best F1 over all three sets. One of several equal answers is drawn by order.
"""

import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor

import msgspec
from rapidfuzz import fuzz, process, utils

import company_names
import figures
import stage
from company_names import Names
from figures import Figure, Outcome, Run
from waypost.organizations.matching import Grade, Index, Known, Subject

ROUNDS = 5
QUICK = 1000
FEW = 100
Labelled = Sequence[tuple[str, int | None]]
Answer = tuple[float, int | None]
"""How good the best match is, and its number."""


def measure(quick: bool) -> Outcome:
    names = company_names.load(QUICK if quick else company_names.FULL)
    runs = _speed(names, 1 if quick else ROUNDS)
    found = {name: _suggested(names.references, labelled) for name, labelled in names.sets.items()}
    wrong = [line for lines, _ in found.values() for line in lines if line["wrong"]]
    for line in wrong:
        figures.say(f"wrong: {line['name']!r} is {line['label']!r}, and sure was {line['suggested']!r}")
    sides = {**_simple(names), **_wratio(names)}
    told = {name: len(labelled) for name, labelled in names.sets.items()}
    quality = _quality(names, found)
    beside = [Figure(name, round(value, 4), "", {}) for name, value in sides.items()]
    runs["wrong"] = wrong
    size = {"organizations": len(names.references), **told}
    return Outcome(__doc__ or "", size, [*_costs(runs), *quality, *beside], runs, postgresql="")


def _speed(names: Names, rounds: int) -> dict[str, list[Run]]:
    count = len(names.references)
    third = count // 3
    mixed = [
        name
        for labelled, most in zip(names.sets.values(), (third, third, count - 2 * third), strict=True)
        for name, _ in labelled[:: max(1, len(labelled) // most)][:most]
    ]
    runs: dict[str, list[Run]] = {"a third of each": [], "nobody's alone": []}
    for _ in range(rounds):
        runs["a third of each"].append(_timed(names.references, mixed))
        runs["nobody's alone"].append(_timed(names.references, [name for name, _ in names.nobodys]))
    return runs


def _timed(organizations: Sequence[str], sites: Sequence[str]) -> Run:
    ended = subprocess.run(
        [sys.executable, str(stage.HERE / "sides" / "suggest.py")],
        input=msgspec.json.encode({"organizations": organizations, "sites": sites}),
        stdout=subprocess.PIPE,
        check=True,
    )
    run: Run = msgspec.json.decode(ended.stdout)
    figures.say(f"{len(sites):,} sites: {run['seconds']:.2f} s, {run['max_rss_mb']} MB")
    return run


def _suggested(references: Sequence[str], labelled: Labelled) -> tuple[list[Run], list[list[int]]]:
    """What was sure, each with its label, and all candidates."""
    index = Index([Known(number, name) for number, name in enumerate(references)])
    found = index.suggest([Subject(number, name, account=0) for number, (name, _) in enumerate(labelled)])
    sure = [
        {
            "name": name,
            "label": None if label is None else references[label],
            "suggested": references[candidates[0].organization_id],
            "wrong": candidates[0].organization_id != label,
        }
        for (name, label), candidates in zip(labelled, found, strict=True)
        if candidates and candidates[0].grade == Grade.SURE
    ]
    return sure, [[candidate.organization_id for candidate in candidates] for candidates in found]


def _quality(names: Names, found: dict[str, tuple[list[Run], list[list[int]]]]) -> list[Figure]:
    sure = [line for lines, _ in found.values() for line in lines]
    right = {name: sum(not line["wrong"] for line in lines) for name, (lines, _) in found.items()}
    total = sum(right.values())
    decorated, alternatives = len(names.decorated), names.alternatives
    hits = [
        label in candidates
        for (_, label), candidates in zip(alternatives, found["alternative spellings"][1], strict=True)
    ]
    first = sum(
        candidates[:1] == [label]
        for (_, label), candidates in zip(alternatives, found["alternative spellings"][1], strict=True)
    )
    traced = [
        hit
        for hit, (name, label) in zip(hits, alternatives, strict=True)
        if label is not None and company_names.leaves_a_trace(name, names.references[label])
    ]
    return [
        _part("precision of sure, all three sets", total, len(sure), at_least=0.995),
        _part("recall of sure, decorated", right["decorated"], decorated, at_least=0.97),
        _part("recall of sure, alternative spellings", right["alternative spellings"], len(alternatives)),
        _part("sure, nobody's", len(found["nobody's"][0]), len(names.nobodys)),
        _part("among the five, alternative spellings", sum(hits), len(hits), at_least=0.95),
        _part("among the five, those that leave a trace", sum(traced), len(traced), at_least=0.95),
        _part("the first of the five, alternative spellings", first, len(alternatives)),
    ]


def _part(name: str, count: int, total: int, *, at_least: float | None = None) -> Figure:
    return Figure(name, round(count / total, 4), "", {"count": count, "of": total}, at_least=at_least)


def _simple(names: Names) -> dict[str, float]:
    """Names that are equal, as they are or in lower case."""
    told: dict[str, float] = {}
    for side, written in (("equal", str), ("lower case", str.lower)):
        by_name = {written(name): number for number, name in reversed([*enumerate(names.references)])}
        answers = {
            name: [(100.0, by_name.get(written(text))) for text, _ in labelled]
            for name, labelled in names.sets.items()
        }
        told.update(_told(side, names, answers, 0))
    return told


def _wratio(names: Names) -> dict[str, float]:
    """What WRatio of rapidfuzz finds, at the threshold that suits these names best."""
    references = [utils.default_process(name) for name in names.references]
    answers: dict[str, list[Answer]] = {}
    five = 0
    with ProcessPoolExecutor(initializer=_remember, initargs=(references,)) as pool:
        for name, labelled in names.sets.items():
            figures.say(f"WRatio: {len(labelled):,} names, {name}")
            asked = [utils.default_process(text) for text, _ in labelled]
            nearest: Callable[[str], list[Answer]] = _nearest
            if name == "alternative spellings":
                nearest = _nearest_five
            ranked = list(pool.map(nearest, asked, chunksize=FEW))
            answers[name] = [found[0] if found else (0.0, None) for found in ranked]
            if name == "alternative spellings":
                five = sum(
                    label in [number for _, number in found]
                    for found, (_, label) in zip(ranked, labelled, strict=True)
                )
    threshold = max(range(50, 101), key=lambda least: _f1(names, answers, least))
    told = _told(f"WRatio at {threshold}", names, answers, threshold)
    return {**told, "WRatio: among the five, alternative spellings": five / len(names.alternatives)}


_references: list[str] = []


def _remember(references: list[str]) -> None:
    _references.extend(references)


def _nearest(text: str) -> list[Answer]:
    found = process.extractOne(text, _references, scorer=fuzz.WRatio)
    return [] if found is None else [(found[1], found[2])]


def _nearest_five(text: str) -> list[Answer]:
    return [
        (score, number)
        for _, score, number in process.extract(text, _references, scorer=fuzz.WRatio, limit=5)
    ]


def _counts(names: Names, answers: dict[str, list[Answer]], least: float) -> tuple[int, int, int]:
    """How many are answered, right, and to be found."""
    answered = right = wanted = 0
    for name, labelled in names.sets.items():
        for (_, label), (score, number) in zip(labelled, answers[name], strict=True):
            wanted += label is not None
            if number is not None and score >= least:
                answered += 1
                right += number == label
    return answered, right, wanted


def _f1(names: Names, answers: dict[str, list[Answer]], least: float) -> float:
    answered, right, wanted = _counts(names, answers, least)
    return 2 * right / (answered + wanted)


def _told(side: str, names: Names, answers: dict[str, list[Answer]], least: float) -> dict[str, float]:
    answered, right, _ = _counts(names, answers, least)
    recalls = {
        name: sum(
            number == label and score >= least
            for (_, label), (score, number) in zip(labelled, answers[name], strict=True)
        )
        / len(labelled)
        for name, labelled in names.sets.items()
        if name != "nobody's"
    }
    return {
        f"{side}: precision, all three sets": right / max(answered, 1),
        **{f"{side}: recall, {name}": recall for name, recall in recalls.items()},
    }


def _costs(runs: dict[str, list[Run]]) -> list[Figure]:
    mixed, alone = runs["a third of each"], runs["nobody's alone"]
    every = [*mixed, *alone]
    return [
        Figure(
            "seconds in all",
            _median(mixed, "seconds"),
            " s",
            {"index": _median(mixed, "index_seconds")},
            at_most=2,
        ),
        Figure(
            "seconds in all, where no site has an organization",
            _median(alone, "seconds"),
            " s",
            {"index": _median(alone, "index_seconds")},
            at_most=2,
        ),
        Figure("peak memory", max(float(run["max_rss_mb"]) for run in every), " MB", {}, at_most=300),
        Figure(
            "one new site, the index being ready",
            _median(alone, "one_ms"),
            " ms",
            {"slowest": round(max(float(run["slowest_one_ms"]) for run in every), 3)},
            at_most=20,
        ),
    ]


def _median(runs: Sequence[Run], what: str) -> float:
    ordered = sorted(float(run[what]) for run in runs)
    return round(ordered[len(ordered) // 2], 3)


if __name__ == "__main__":
    figures.main(measure, __doc__)
