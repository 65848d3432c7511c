"""The one place that reads the environment and the settings file.

A setting comes from the environment, else from the TOML file that WAYPOST_CONFIG names or that lies in the
data folder as `waypost.toml` (the same names, without WAYPOST_ and in lower case), else from its default.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from waypost import errors

_PREFIX: Final = "WAYPOST_"
_FILE_KEYS: Final = {
    "database_url": "the PostgreSQL server to use instead of the embedded one",
    "master_key": "the key that seals the tokens, 32 bytes in base64",
    "master_key_file": "a file that holds the master key",
    "allowed_hosts": "further console hosts: suffixes, addresses or ranges, comma-separated",
    "log_level": "debug, info, warning or error",
}


class Settings(msgspec.Struct, frozen=True):
    """What an operator can set. `home` holds the embedded database, its password and the master key."""

    home: Path
    database_url: str = ""
    master_key: str = ""
    master_key_file: str = ""
    allowed_hosts: str = ""
    log_level: str = "warning"

    def __repr__(self) -> str:  # the database URL and the master key are secrets
        return f"Settings(home={str(self.home)!r}, embedded={not self.database_url})"


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: The file cannot be read, or has a key that no setting has.
    """
    env = os.environ if environ is None else environ
    home = _home(env)
    values = _from_file(env, home)
    for key in _FILE_KEYS:
        if text := env.get(_PREFIX + key.upper(), "").strip():
            values[key] = text
    return Settings(home=home, **values)


def _home(env: Mapping[str, str]) -> Path:
    if text := env.get(_PREFIX + "HOME", "").strip():
        return Path(text).expanduser().absolute()
    if text := env.get("XDG_DATA_HOME", "").strip():
        return Path(text).absolute() / "waypost"
    user = env.get("HOME", "").strip()
    if not user:
        raise errors.SettingsError(
            "Neither WAYPOST_HOME nor HOME is set.", remedy="Set WAYPOST_HOME to a folder."
        )
    return Path(user).absolute() / ".local" / "share" / "waypost"


def _from_file(env: Mapping[str, str], home: Path) -> dict[str, str]:
    named = env.get(_PREFIX + "CONFIG", "").strip()
    path = Path(named).expanduser() if named else home / "waypost.toml"
    try:
        content = tomllib.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):  # the folder itself is judged by who uses it
        if named:
            raise errors.SettingsError(f"The settings file {path} does not exist.") from None
        return {}
    except (OSError, ValueError) as problem:
        raise errors.SettingsError(f"The settings file {path} cannot be read: {problem}.") from problem
    for key, value in content.items():
        if key not in _FILE_KEYS:
            known = ", ".join(_FILE_KEYS)
            raise errors.SettingsError(
                f"The settings file {path} has an unknown key {key!r}; known are {known}."
            )
        if not isinstance(value, str):
            raise errors.SettingsError(f"The settings file {path} needs a text in quotes for {key!r}.")
    return dict(content)
