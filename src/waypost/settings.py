"""The one place that reads the environment and the settings file.

A setting comes from the environment, else from the TOML file that WAYPOST_CONFIG names or that lies in the
data folder as `waypost.toml` (the same names, without WAYPOST_ and in lower case), else from its default.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from waypost import errors

_PREFIX: Final = "WAYPOST_"
_FILE_KEYS: Final = {
    "database_url": "the PostgreSQL server to use instead of the embedded one",
    "master_key": "the key that seals the tokens, 32 bytes in base64",
    "master_key_file": "a file that holds the master key",
    "allowed_hosts": "further console hosts: suffixes, addresses or ranges, comma-separated",
    "log_level": "debug, info, warning or error",
    "host": "where the service listens: an address of this machine",
    "port": "the port that the service listens on",
    "tls_cert": "a file with the service's certificate and its chain, in PEM",
    "tls_key": "a file with the certificate's private key, in PEM",
    "behind_proxy": "true if every request comes through a proxy that terminates TLS",
    "public_url": "the address under which others reach the service, for links",
    "exports": "where exports that the API makes are kept: a folder, or an address like s3://bucket/folder",
    "rate_limit": "requests a second that each API key may make; 0 for no limit",
}
_ENVIRONMENT_KEYS: Final = {
    "home": "the data folder; from the environment only",
    "key": "the API key that the command line acts as; from the environment only",
}
_SHAPES: Final[Mapping[type, str]] = {
    str: "a text in quotes",
    int: "a whole number",
    bool: "true or false",
}
HIGHEST_PORT: Final = 65_535
RATE_LIMIT: Final = 100


class Settings(msgspec.Struct, frozen=True):
    """What an operator can set. `home` holds the embedded database, its password and the master key.

    `key` is the API key that the command line acts as; from the environment only, as it is a person's.
    """

    home: Path
    database_url: str = ""
    master_key: str = ""
    master_key_file: str = ""
    allowed_hosts: str = ""
    log_level: str = "warning"
    host: str = "127.0.0.1"
    port: int = 8630
    tls_cert: str = ""
    tls_key: str = ""
    behind_proxy: bool = False
    public_url: str = ""
    rate_limit: int = RATE_LIMIT
    exports: str = ""
    key: str = ""

    @property
    def exports_place(self) -> str:
        """Where exports that the API makes are kept; by default in the data folder."""
        return self.exports or str(self.home / "exports")

    def __repr__(self) -> str:  # the database URL, the master key and the API key are secrets
        return f"Settings(home={str(self.home)!r}, embedded={not self.database_url})"


def about(name: str) -> str:
    """What a setting is, in a few words."""
    return (_FILE_KEYS | _ENVIRONMENT_KEYS)[name]


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: The file cannot be read, or has a key that no setting has, or a value is of no use.
    """
    env = os.environ if environ is None else environ
    home = _home(env)
    values = _from_file(env, home)
    for key in _FILE_KEYS:
        name = _PREFIX + key.upper()
        if text := env.get(name, "").strip():
            values[key] = _value(key, text, name, strict=False)
    return checked(Settings(home=home, key=env.get(_PREFIX + "KEY", "").strip(), **values))


def checked(settings: Settings) -> Settings:
    """The same settings, if each can be.

    Raises:
        SettingsError: One cannot.
    """
    if not 0 <= settings.port <= HIGHEST_PORT:
        raise errors.SettingsError(f"There is no port {settings.port}; ports go from 1 to {HIGHEST_PORT}.")
    if settings.rate_limit < 0:
        raise errors.SettingsError(f"There is no rate of {settings.rate_limit} requests a second.")
    return settings


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


def _from_file(env: Mapping[str, str], home: Path) -> dict[str, Any]:  # Any: texts, numbers, true or false
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
        _value(key, value, f"The settings file {path}", strict=True)
    return content


def _value(key: str, value: object, source: str, *, strict: bool) -> Any:  # Any: as above
    """A value as its setting has it; the environment knows texts only, the file knows better."""
    shape = next(field.type for field in msgspec.structs.fields(Settings) if field.name == key)
    try:
        return msgspec.convert(value, shape, strict=strict)
    except msgspec.ValidationError:
        raise errors.SettingsError(f"{source} needs {_SHAPES[shape]} for {key!r}.") from None
