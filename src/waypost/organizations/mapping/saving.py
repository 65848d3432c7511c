"""Saving decisions about sites and accounts: the difference first, then all of them or none.

One save at a time. What is decided may have changed since it was looked at: whoever changes a decision names the
version that he saw, and is refused if it is no longer that one. Data follows at once, past data too (rule 7).
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from waypost.access import audit
from waypost.access.audit import Actor
from waypost.organizations import drift
from waypost.organizations.mapping import aliases, difference, storing, suggestions, twins
from waypost.organizations.mapping import directory as directories
from waypost.organizations.mapping import estate as estates
from waypost.organizations.mapping.decisions import Decided, Difference, Evidence, Saved, Seen, Wish
from waypost.organizations.mapping.directory import Directory
from waypost.organizations.mapping.estate import Estate, Key, Scope
from waypost.organizations.mapping.storing import Entry
from waypost.organizations.mapping.weighing import Domains
from waypost.organizations.mapping.wishes import Choice, Choices, Fault, Reader
from waypost.organizations.matching import Candidate
from waypost.storage.database import Connection

SAVE: Final = "save"
IMPORT: Final = "import"


async def preview(db: Connection, wanted: Sequence[Wish]) -> Difference:
    """What a save of these wishes would change.

    Raises:
        UsageError: As for `save`.
    """
    estate, directory = await estates.load(db), await directories.load(db)
    choices = await _checked(db, estate, directory, wanted)
    return await difference.told(db, estate, directory, choices.changes, unchanged=choices.unchanged)


async def faults(db: Connection, wanted: Sequence[Wish]) -> list[Fault]:
    """Every wish that cannot be carried out, and why: for whoever wishes much at once."""
    estate, directory = await estates.load(db), await directories.load(db)
    return list((await Reader(estate, directory).read(db, wanted)).faults)


async def save(db: Connection, actor: Actor, wanted: Sequence[Wish], *, source: str = SAVE) -> Saved:
    """Decide all that is wished, or nothing.

    Args:
        db: Outside of a transaction.
        actor: Who decides.
        wanted: About which sites and accounts, and what.
        source: `save` or `import`.

    Raises:
        NoSuchConnectionError: A wish names a connection that does not exist.
        NoSuchScopeError: A wish names a site or account that its connection does not have.
        NoSuchOrganizationError: A wish names an organization that does not exist.
        OrganizationNameError: A wish names several.
        OrganizationStateError: A wish names one that is archived.
        DecisionError: A wish cannot be decided, or two contradict each other.
        OutdatedMappingError: Somebody has decided about the same meanwhile.
        TwoOrganizationsError: A site would belong to two organizations.
    """
    async with db.transaction():
        await storing.one_at_a_time(db)
        estate, directory = await estates.load(db), await directories.load(db)
        choices = await _checked(db, estate, directory, wanted)
        changes, unchanged = choices.changes, choices.unchanged
        if not changes:
            return Saved(None, 0, Difference((), unchanged, 0, 0))
        await storing.hold(db, estate, directory, changes)
        domains = await suggestions.domains(db, estate, (choice.scope for choice in changes))
        async with asyncio.TaskGroup() as both:  # one is the database's work, the other is ours
            telling = both.create_task(difference.told(db, estate, directory, changes, unchanged=unchanged))
            weighing = both.create_task(suggestions.weigh(estate, directory, domains, _mapped(changes)))
        entries = _entries(estate, directory, changes, domains, weighing.result())
        save_id, save_uuid = await storing.store(db, actor, directory, entries, source=source)
        after = {"source": source, **storing.counts(entries)}
        await audit.record(db, actor, "mapping.saved", subject_id=save_uuid, after=after)
    await drift.look(db)
    return Saved(save_uuid, save_id, difference.saved(telling.result(), save_id))


async def _checked(db: Connection, estate: Estate, directory: Directory, wanted: Sequence[Wish]) -> Choices:
    choices = await Reader(estate, directory).read(db, wanted)
    choices.refuse_faults()
    twins.refuse(estate, directory, choices.changes)
    return choices


def _mapped(changes: Sequence[Choice]) -> list[Scope]:
    return [choice.scope for choice in changes if choice.ruling.decision is Decided.MAPPED]


def _entries(
    estate: Estate,
    directory: Directory,
    changes: Sequence[Choice],
    domains: Domains,
    weighed: Mapping[Key, Sequence[Candidate]],
) -> list[Entry]:
    """The changes with what stands for them, what they are about as it is now, and what they teach."""
    learned = aliases.learned(directory, changes)
    return [
        Entry(
            choice,
            _evidence(choice, weighed.get(choice.scope.key, ())),
            Seen(
                choice.scope.name,
                choice.scope.account_id,
                tuple(sorted({d for site in estate.below(choice.scope) for d in domains.get(site.key, ())})),
                choice.scope.standing,
            ),
            learned.get(choice.scope.key),
        )
        for choice in changes
    ]


def _evidence(choice: Choice, candidates: Sequence[Candidate]) -> Evidence | None:
    """The suggestion for the chosen organization; empty where it was not suggested."""
    if choice.ruling.decision is not Decided.MAPPED:
        return None
    for candidate in candidates:
        if candidate.organization_id == choice.ruling.organization_id:
            return Evidence(candidate.grade, candidate.confidence, candidate.reasons)
    return Evidence()
