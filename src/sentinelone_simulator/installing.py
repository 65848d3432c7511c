"""Putting an agent on a computer: what it is called, what is installed, which risks that brings."""

from array import array

from sentinelone_simulator import clock, dice, names
from sentinelone_simulator.catalogue import Product, Version
from sentinelone_simulator.estate import Agent, Estate

PLATFORM_SHARES = ("W",) * 62 + ("S",) * 16 + ("U",) * 14 + ("M",) * 8


def agent(estate: Estate, site: int, created: int, like: Agent | None = None) -> Agent:
    """Add an agent to a site; `like` installs it again on that agent's computer: new id, new uuid."""
    chance, index = estate.random, len(estate.agents)
    noise = chance.getrandbits(62)
    platform = like.platform if like else chance.choice(PLATFORM_SHARES)
    groups = estate.groups_of(site)
    added = Agent(
        index=index,
        id=clock.snowflake(created, index),
        noise=noise,
        platform=platform,
        name=like.name if like else names.computer(platform, noise),
        uuid=_uuid(platform, dice.mix(noise, 1), dice.mix(noise, 2)),
        site=site,
        group=chance.choice(groups).index,
        created=created,
        updated=min(estate.now - 1, created + chance.randrange(clock.DAY)),
        last_active=created,
        last_scan=created,
        connected=chance.random() < 0.9,
        infected=chance.random() < 0.01,
    )
    added.caught = added.infected
    _install(estate, added, like)
    estate.agents.append(added)
    return added


def _uuid(platform: str, high: int, low: int) -> str:
    """32 digits on Windows, dashed elsewhere, as recorded (API notes 4)."""
    digits = f"{high:016x}{low:016x}"
    if platform in "WS":
        return digits
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _install(estate: Estate, added: Agent, like: Agent | None) -> None:
    if like:
        added.operating_system, added.applications = like.operating_system, like.applications[:]
        return
    chance = estate.random
    products = estate.catalogue.on(added.platform)
    systems = [product for product in products if product.operating_system]
    system = chance.choice(chance.choice(systems).versions)
    added.operating_system = system.index
    chosen = [
        chance.choice(product.versions).index
        for product in products
        if not product.operating_system and chance.random() * 66 < product.share
    ]
    added.applications = array("H", [system.index, *chosen])


def risks(estate: Estate, computer: Agent, wanted: int) -> list[int]:
    """The pairs that a scan of this computer finds: `wanted` of them, spread over its applications.

    What is not taken stays to be detected later. Where the installed versions cannot supply so many,
    further versions of the platform's products are installed beside them.
    """
    versions = estate.catalogue.versions
    found: list[int] = []
    share = max(3, wanted // 8)
    rest: list[Version] = []
    for index in computer.applications:
        version = versions[index]
        last = min(version.last, version.first + share, version.first + wanted - len(found))
        found.extend(range(version.first, max(last, version.first)))
        rest.append(version)
    for version in rest:
        begin = min(version.first + share, version.last)
        found.extend(range(begin, min(version.last, begin + wanted - len(found))))
    if len(found) < wanted:
        _install_more(estate, computer, found, wanted)
    return found


def _install_more(estate: Estate, computer: Agent, found: list[int], wanted: int) -> None:
    present = set(computer.applications)
    products: list[Product] = [
        product for product in estate.catalogue.on(computer.platform) if not product.operating_system
    ]
    estate.random.shuffle(products)
    for depth in range(max(len(product.versions) for product in products)):
        for product in products:
            version = product.versions[depth % len(product.versions)]
            if version.index in present or version.first == version.last:
                continue
            present.add(version.index)
            computer.applications.append(version.index)
            found.extend(range(version.first, min(version.last, version.first + wanted - len(found))))
            if len(found) >= wanted:
                return
