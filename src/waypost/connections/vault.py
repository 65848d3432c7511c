"""Sealing API tokens (rule 10).

AES-256-GCM twice: a data key for each connection seals its token, the master key seals the data key. Every
ciphertext is bound to its table, column and row, so that it opens nowhere else, and names the key that
sealed it. Layout: version (1 byte), key id (8), nonce (12), ciphertext with tag.
"""

import base64
import hashlib
import os
import secrets
from pathlib import Path
from typing import Final, Self

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from waypost import errors
from waypost.settings import Settings

_VERSION: Final = b"\x01"
_KEY_BYTES: Final = 32
_ID_BYTES: Final = 8
_NONCE_BYTES: Final = 12
_KEY_FILE: Final = "master.key"


class Sealed(msgspec.Struct, frozen=True):
    """A token at rest: the data key under the master key, the token under the data key."""

    key: bytes
    token: bytes


class Vault:
    """Seals and opens tokens with one master key."""

    def __init__(self, master_key: bytes) -> None:
        if len(master_key) != _KEY_BYTES:
            raise errors.VaultError(
                f"The master key has {len(master_key)} bytes instead of {_KEY_BYTES}.",
                remedy="Make one with: python3 -c 'import base64, os; "
                "print(base64.b64encode(os.urandom(32)).decode())'",
            )
        self._master = master_key

    def __repr__(self) -> str:
        return "Vault()"

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """The vault of these settings.

        With the embedded database a missing master key is made and kept in the data folder (0600). With a
        server of the operator's it must be given: a key beside nothing else is a key that gets lost.

        Raises:
            VaultError: There is no master key, or it is none.
        """
        if settings.master_key:
            return cls(_decoded(settings.master_key, "WAYPOST_MASTER_KEY"))
        if settings.master_key_file:
            return cls(_read(Path(settings.master_key_file).expanduser()))
        kept = settings.home / _KEY_FILE
        if kept.exists():
            return cls(_read(kept))
        if settings.database_url:
            raise errors.VaultError("There is no master key to seal tokens with.")
        return cls(_make(kept))

    def seal(self, token: str, row: str) -> Sealed:
        """Seal a token.

        Args:
            token: The secret.
            row: The id of the row that will hold it.
        """
        data_key = secrets.token_bytes(_KEY_BYTES)
        return Sealed(
            key=_seal(self._master, data_key, f"credential:sealed_key:{row}"),
            token=_seal(data_key, token.encode(), f"credential:sealed_token:{row}"),
        )

    def unseal(self, sealed: Sealed, row: str) -> str:
        """Open a token.

        Raises:
            VaultError: The master key is another, or the row was tampered with.
        """
        data_key = _open(self._master, sealed.key, f"credential:sealed_key:{row}")
        return _open(data_key, sealed.token, f"credential:sealed_token:{row}").decode()


def _seal(key: bytes, secret: bytes, bound_to: str) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return _VERSION + _id(key) + nonce + AESGCM(key).encrypt(nonce, secret, bound_to.encode())


def _open(key: bytes, sealed: bytes, bound_to: str) -> bytes:
    body = len(_VERSION) + _ID_BYTES
    if sealed[:1] != _VERSION:
        raise errors.VaultError("A stored token was sealed by another version of Waypost.")
    if sealed[1:body] != _id(key):
        raise errors.VaultError("A stored token was sealed with another master key.")
    nonce, ciphertext = sealed[body : body + _NONCE_BYTES], sealed[body + _NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, bound_to.encode())
    except (InvalidTag, ValueError):  # the latter when it is too short to hold a nonce
        raise errors.VaultError(
            "A stored token has been altered, or moved to another row.",
            remedy="Remove the connection and add it again with its token; then find out who wrote to the database.",
        ) from None


def _id(key: bytes) -> bytes:
    return hashlib.sha256(b"waypost key id" + key).digest()[:_ID_BYTES]


def _decoded(text: str, source: str) -> bytes:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except ValueError:
        raise errors.VaultError(f"The master key in {source} is not base64.") from None


def _read(path: Path) -> bytes:
    try:
        return _decoded(path.read_text(), str(path))
    except (OSError, UnicodeDecodeError) as problem:
        raise errors.VaultError(f"The master key file {path} cannot be read: {problem}.") from problem


def _make(path: Path) -> bytes:
    key = secrets.token_bytes(_KEY_BYTES)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
    except FileExistsError:  # another process was first
        return _read(path)
    except OSError as problem:
        raise errors.DataFolderError(f"The master key cannot be written to {path}: {problem}.") from problem
    with open(handle, "w") as file:  # noqa: PTH123  # a descriptor, no path
        file.write(base64.b64encode(key).decode() + "\n")
    return key
