"""`waypost key rotate-master`: another master key for the stored tokens."""

from pathlib import Path

from waypost import errors
from waypost import settings as settings_module
from waypost.cli import means, output
from waypost.connections import master_key, rekeying
from waypost.settings import Settings


def rotate_master(*, new_key_file: Path | None = None) -> None:
    """Replace the master key that the stored API tokens are sealed with. The tokens themselves stay.

    Where Waypost made the key itself, in its data folder, it makes and keeps the new one as well, and services that
    run take it up. Otherwise give the new key here, and to every Waypost service from then on. Backups of the
    database from before need the old key.

    Parameters
    ----------
    new_key_file
        A file with the new key: 32 bytes in base64.
    """
    means.run(_rotate_master(new_key_file))


async def _rotate_master(new_key_file: Path | None) -> None:
    settings = settings_module.load()
    new = None if new_key_file is None else _only(new_key_file)
    async with means.session(settings) as session:
        done = await rekeying.replace(session.db, settings, session.actor, new)
    count = f"{done.tokens:,} stored {'token is' if done.tokens == 1 else 'tokens are'}"
    output.out.print(f"The master key was replaced; {count} sealed with the new one.")
    if not done.kept:
        output.out.print(
            f"Next: give the new key, and it alone, to every Waypost service ({_where(settings)})."
        )
    output.out.print("Backups of the database from before need the old key.")


def _only(path: Path) -> bytes:
    keys = master_key.from_file(path.expanduser())
    if len(keys) != 1:
        raise errors.UsageError(
            f"The file {path} has {len(keys)} keys instead of one.",
            remedy="Keep only the new key in it.",
        )
    return keys[0]


def _where(settings: Settings) -> str:
    return "WAYPOST_MASTER_KEY" if settings.master_key else "WAYPOST_MASTER_KEY_FILE"
