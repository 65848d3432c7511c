"""What a day brings, and that it brings the same twice."""

from sentinelone_simulator import clock, console, days, estate, founding, risks, truth
from sentinelone_simulator.console import Console
from sentinelone_simulator.endpoints.table import TABLE
from sentinelone_simulator.queries import read

ANSWERS = {
    "/accounts": {},
    "/sites": {"states": "active,expired,deleted", "limit": "1000"},
    "/groups": {"limit": "1000"},
    "/agents": {"limit": "1000", "isDecommissioned": "true,false"},
    "/application-management/risks": {"limit": "1000", "includeRemovals": "true"},
    "/application-management/inventory": {"limit": "1000"},
    "/application-management/settings": {},
    "/user": {},
}


def answers(built: Console) -> dict[str, bytes]:
    token = next(iter(built.tokens.values()))
    return {
        path: TABLE[path].answer(built, token, read(path, asked.items(), TABLE[path].filters))
        for path, asked in ANSWERS.items()
    }


def test_same_seed_same_bytes(size: founding.Size) -> None:
    """Two consoles of one seed give the same bytes, today and after each of five days."""
    one, two = console.build(size, 5), console.build(size, 5)
    for _ in range(6):
        assert answers(one) == answers(two)
        first, second = next(iter(one.tokens.values())), next(iter(two.tokens.values()))
        assert b"".join(truth.document(one, first)) == b"".join(truth.document(two, second))
        assert days.advance(one.estate) == days.advance(two.estate)


def test_days_one_by_one_or_at_once(size: founding.Size) -> None:
    """Three single days equal three at once."""
    one, two = console.build(size, 5), console.build(size, 5)
    days.advance(one.estate, 3)
    for _ in range(3):
        days.advance(two.estate)
    assert answers(one) == answers(two)


def test_another_seed_is_another_console(size: founding.Size) -> None:
    """Seeds differ."""
    assert answers(console.build(size, 5)) != answers(console.build(size, 6))


def test_every_kind_of_change_happens(built: Console) -> None:
    """Within a week each kind of change has happened."""
    changes = days.advance(built.estate, 7)
    assert changes.keys() == set(days.KINDS)
    assert all(changes.values()), changes


def test_changes_lie_inside_the_day(built: Console) -> None:
    """Every time that a day sets is after its begin and before its end."""
    world = built.estate
    before = (list(world.risks.updated), {a.index: a.updated for a in world.agents})
    begin = world.now
    days.advance(world)
    assert world.now == begin + clock.DAY
    for row, updated in enumerate(world.risks.updated):
        if row >= len(before[0]) or updated != before[0][row]:
            assert begin < updated < world.now
        assert world.risks.detected[row] < world.now
    for agent in world.agents:
        if before[1].get(agent.index) != agent.updated:
            assert begin < agent.updated < world.now
        assert agent.created < world.now
        assert max(agent.last_scan, agent.last_active) < world.now


def test_about_one_percent_changes() -> None:
    """The default day changes about one risk in a hundred, and one day in hundred is nothing wild."""
    world = founding.found(founding.Size(3, 12, 1000, 30), 2)
    count = len(world.risks)
    changes = days.advance(world)
    touched = sum(number for kind, number in changes.items() if kind.startswith("risks"))
    assert 0.006 * count < touched < 0.025 * count
    agents = sum(
        changes[f"agents_{kind}"]
        for kind in ("added", "moved", "renamed", "decommissioned", "uninstalled", "returned")
    )
    assert 5 <= agents <= 25
    assert 250 <= changes["agents_active"] <= 350


def test_a_decommissioned_agent_takes_its_risks(built: Console) -> None:
    """Agents that leave on a day have no Detected risk afterwards."""
    world = built.estate
    living = {agent.index for agent in world.agents if agent.state == estate.ACTIVE}
    days.advance(world, 4)
    left = {i for i in living if world.agents[i].state != estate.ACTIVE}
    assert left
    table = world.risks
    rows = [row for row in range(len(table)) if table.agent[row] in left]
    assert rows
    assert all(table.flags[row] & risks.REMOVED for row in rows)


def test_a_move_bumps_the_agent_and_not_its_risks(built: Console) -> None:
    """An agent that moves is updated; the hidden time of risks that nothing else happened to is not."""
    world = built.estate
    where = {agent.index: agent.site for agent in world.agents}
    moved = []
    for _ in range(12):
        begin, known = world.now, len(world.risks)
        updated = list(world.risks.updated)
        days.advance(world, risk_change=0)
        moved = [a for a in world.agents if where.get(a.index, a.site) != a.site and a.state == estate.ACTIVE]
        where.update({agent.index: agent.site for agent in world.agents})
        for agent in moved:
            assert agent.updated > begin
            rows = [r for r in range(known) if world.risks.agent[r] == agent.index]
            quiet = [r for r in rows if world.risks.updated[r] == updated[r]]
            assert len(quiet) >= len(rows) - len(days.KINDS)
        if moved:
            break
    assert moved


def test_a_returning_computer_is_a_new_agent(built: Console) -> None:
    """The same computer comes back under a new id and uuid, the old agent decommissioned."""
    world = built.estate
    count = len(world.agents)
    days.advance(world)
    pairs = [
        (old, new)
        for new in world.agents[count:]
        for old in world.agents[:count]
        if old.name == new.name and old.applications[:] == new.applications[: len(old.applications)]
    ]
    assert pairs
    old, new = pairs[0]
    assert old.state == estate.DECOMMISSIONED
    assert old.uuid != new.uuid
    assert old.id < new.id


def test_redetection_has_a_new_id(built: Console) -> None:
    """What was removed and is found again is a second row with a later id."""
    world = built.estate
    counts = days.advance(world, 5)
    assert counts["risks_redetected"]
    table = world.risks
    seen, again = {}, 0
    for row in range(len(table)):
        key = (table.agent[row], table.pair[row])
        if key in seen:
            assert table.flags[seen[key]] & risks.REMOVED
            again += 1
        seen[key] = row
    assert again >= 1


def test_an_empty_estate_has_days_too() -> None:
    """Where there is no agent a day passes without changes to risks."""
    empty = founding.found(founding.Size(1, 1, 0, 5), 1)
    assert days.advance(empty, 4)["risks_added"] == 0
    assert empty.day == 4
