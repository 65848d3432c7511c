"""Where the master key comes from: the environment, a file of the operator's, or the data folder's own.

A place may hold several keys, apart by white space or commas: the first seals, all of them open. That is how one
key takes over from another without a moment in which stored tokens cannot be opened.
"""

import base64
import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from waypost import errors
from waypost.settings import Settings

BYTES: Final = 32

_FILE: Final = "master.key"


def read(settings: Settings) -> tuple[bytes, ...]:
    """The keys of these settings, the one that seals first.

    With the embedded database a missing key is made and kept in the data folder (0600). With a server of the
    operator's it must be given: a key beside nothing else is a key that gets lost.

    Raises:
        VaultError: There is no master key, or it is none.
        DataFolderError: A new one cannot be kept.
    """
    if settings.master_key:
        return _decoded(settings.master_key, "WAYPOST_MASTER_KEY")
    file = file_of(settings)
    if file is None:
        raise errors.VaultError("There is no master key to seal tokens with.")
    if settings.master_key_file or file.exists():
        return from_file(file)
    return _make(file)


def file_of(settings: Settings) -> Path | None:
    """The file that the keys are in, or will be; None where they are in no file."""
    if settings.master_key:
        return None
    if settings.master_key_file:
        return Path(settings.master_key_file).expanduser()
    kept = settings.home / _FILE
    return kept if kept.exists() or not settings.database_url else None


def own(settings: Settings) -> Path | None:
    """The file, if it is Waypost's own to write."""
    return None if settings.master_key_file else file_of(settings)


def from_file(path: Path) -> tuple[bytes, ...]:
    """The keys in a file.

    Raises:
        VaultError: It cannot be read, or holds something else.
    """
    try:
        return _decoded(path.read_text(), str(path))
    except (OSError, UnicodeDecodeError) as problem:
        raise errors.VaultError(f"The master key file {path} cannot be read: {problem}.") from problem


def fresh() -> bytes:
    """A new key."""
    return secrets.token_bytes(BYTES)


def fit(keys: Sequence[bytes]) -> tuple[bytes, ...]:
    """These keys, if they are such.

    Raises:
        VaultError: One has another length.
    """
    for key in keys:
        if len(key) != BYTES:
            raise errors.VaultError(
                f"The master key has {len(key)} bytes instead of {BYTES}.",
                remedy="Make one with: python3 -c 'import base64, os; "
                "print(base64.b64encode(os.urandom(32)).decode())'",
            )
    return tuple(keys)


def write(path: Path, keys: Sequence[bytes]) -> None:
    """Put these keys in the place of what the file holds. A crash leaves the one or the other, whole.

    Raises:
        DataFolderError: It cannot be written.
    """
    unfinished = path.with_suffix(".new")
    try:
        handle = os.open(unfinished, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        _fill(handle, keys)
        unfinished.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as problem:
        raise _unwritable(path, problem) from problem


def _make(path: Path) -> tuple[bytes, ...]:
    key = fresh()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
    except FileExistsError:  # another process was first
        return from_file(path)
    except OSError as problem:
        raise _unwritable(path, problem) from problem
    _fill(handle, [key])
    return (key,)


def _fill(handle: int, keys: Sequence[bytes]) -> None:
    with open(handle, "w") as file:  # a descriptor, no path
        file.writelines(f"{base64.b64encode(key).decode()}\n" for key in keys)
        file.flush()
        os.fsync(handle)


def _decoded(text: str, source: str) -> tuple[bytes, ...]:
    try:
        return tuple(base64.b64decode(part, validate=True) for part in re.split(r"[\s,]+", text.strip()))
    except ValueError:
        raise errors.VaultError(f"The master key in {source} is not base64.") from None


def _unwritable(path: Path, problem: OSError) -> errors.DataFolderError:
    return errors.DataFolderError(f"The master key cannot be written to {path}: {problem}.")
