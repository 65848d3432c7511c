"""Organizations as people read them."""

from collections.abc import Iterable, Sequence

from waypost.cli import output
from waypost.organizations.mapping.view import ConsoleItem
from waypost.organizations.organization import Organization


def table(found: Sequence[Organization]) -> None:
    output.table(
        ["name", "parent", "external id", "domains", "tags", "id"],
        [
            [
                one.name,
                one.parent_name,
                one.external_id,
                ", ".join(one.domains),
                ", ".join(one.tags),
                one.organization_uuid,
            ]
            for one in found
        ],
        whole="id",
    )


def card(one: Organization, consoles: Iterable[ConsoleItem]) -> None:
    facts = {
        "name": one.name,
        "id": one.organization_uuid,
        "parent": one.parent_name,
        "external id": one.external_id,
        "domains": ", ".join(one.domains),
        "aliases": ", ".join(one.aliases),
        "tags": ", ".join(one.tags),
        "added": one.created_at,
        "archived": one.archived_at,
    }
    for name, value in facts.items():
        output.out.print(f"[dim]{name:12}[/] {output.cell(value)}", soft_wrap=True)
    rows = [[item.connection, item.sites, item.devices, item.reached] for item in consoles if item.connection]
    if rows:
        output.out.print()
        output.table(["console", "sites", "devices", "by"], rows, numbers="sites devices")
