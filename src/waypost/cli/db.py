"""`waypost db`: the database's schema."""

from cyclopts import App

from waypost import settings as settings_module
from waypost.cli import means, output
from waypost.storage import database, migrations

app = App(name="db", help="The database's schema.")


@app.command
def upgrade() -> None:
    """Bring the database's schema to this version. Does nothing when it is there already."""
    settings = settings_module.load()
    prepared = means.run(database.prepare(settings, upgrade=True))
    where = "embedded database" if prepared.embedded else "database"
    output.out.print(
        f"The {where} has schema version {migrations.known()[-1].version}, as this Waypost needs."
    )
