"""Sealing API tokens (rule 10).

AES-256-GCM twice: a data key for each token seals it, the master key seals the data key. Every ciphertext is
bound to its table, column and row, so that it opens nowhere else, and names the key that sealed it. Layout:
version (1 byte), key id (8), nonce (12), ciphertext with tag.
"""

import hashlib
import os
import secrets
from collections.abc import Callable, Sequence
from typing import Final, Self

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from waypost import errors
from waypost.connections import master_key
from waypost.settings import Settings

CREDENTIAL: Final = "credential"
RENEWAL: Final = "renewal"
WEBHOOK: Final = "webhook_secret"
"""The tables that hold sealed tokens, and sealed secrets of webhooks."""

_VERSION: Final = b"\x01"
_KEY_BYTES: Final = master_key.BYTES
_ID_BYTES: Final = 8
_NONCE_BYTES: Final = 12
_BODY: Final = len(_VERSION) + _ID_BYTES


class Sealed(msgspec.Struct, frozen=True):
    """A token at rest: the data key under the master key, the token under the data key."""

    key: bytes
    token: bytes

    @property
    def master(self) -> bytes:
        """The id of the master key."""
        return sealed_by(self.key)


class Vault:
    """Seals and opens tokens.

    Args:
        keys: Master keys. The first seals; all of them open.
        reread: Gets the keys anew, where they may have been replaced while this program runs.
    """

    def __init__(self, *keys: bytes, reread: Callable[[], Sequence[bytes]] | None = None) -> None:
        self._reread = reread
        self._keys = master_key.fit(keys)

    def __repr__(self) -> str:
        return "Vault()"

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """The vault of these settings.

        Raises:
            VaultError: There is no master key, or it is none.
            DataFolderError: A new one cannot be kept.
        """
        keys = master_key.read(settings)
        file = master_key.file_of(settings)
        return cls(*keys, reread=None if file is None else lambda: master_key.from_file(file))

    @property
    def key_ids(self) -> tuple[bytes, ...]:
        """What the keys are known by, the one that seals first. Says nothing of a key."""
        return tuple(map(_id, self._keys))

    def seal(self, token: str, row: str, table: str = CREDENTIAL) -> Sealed:
        """Seal a token.

        Args:
            token: The secret.
            row: The id of the row that will hold it.
            table: Of the row.
        """
        self._refresh()
        data_key = secrets.token_bytes(_KEY_BYTES)
        return Sealed(
            key=_seal(self._keys[0], data_key, f"{table}:sealed_key:{row}"),
            token=_seal(data_key, token.encode(), f"{table}:sealed_token:{row}"),
        )

    def unseal(self, sealed: Sealed, row: str, table: str = CREDENTIAL) -> str:
        """Open a token.

        Raises:
            VaultError: The master key is another, or the row was tampered with.
        """
        data_key = self._data_key(sealed.key, row, table)
        return _open(data_key, sealed.token, f"{table}:sealed_token:{row}").decode()

    def rewrap(self, sealed_key: bytes, row: str, table: str, new: "Vault") -> bytes:
        """The same data key, sealed with another vault's master key.

        Raises:
            VaultError: As for `unseal`.
        """
        data_key = self._data_key(sealed_key, row, table)
        return _seal(new._keys[0], data_key, f"{table}:sealed_key:{row}")  # noqa: SLF001  # of this class

    def sealed(self, sealed_key: bytes) -> bool:
        """Whether one of these master keys sealed this, as far as it says itself."""
        if sealed_by(sealed_key) not in self.key_ids:
            self._refresh()
        return sealed_by(sealed_key) in self.key_ids

    def _data_key(self, sealed_key: bytes, row: str, table: str) -> bytes:
        if sealed_by(sealed_key) not in self.key_ids:
            self._refresh()
        fitting = (key for key in self._keys if _id(key) == sealed_by(sealed_key))
        return _open(next(fitting, self._keys[0]), sealed_key, f"{table}:sealed_key:{row}")

    def _refresh(self) -> None:
        if self._reread is not None:
            self._keys = master_key.fit(self._reread())


def sealed_by(sealed: bytes) -> bytes:
    """The id of the key that sealed this."""
    return sealed[len(_VERSION) : _BODY]


def _seal(key: bytes, secret: bytes, bound_to: str) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return _VERSION + _id(key) + nonce + AESGCM(key).encrypt(nonce, secret, bound_to.encode())


def _open(key: bytes, sealed: bytes, bound_to: str) -> bytes:
    if sealed[:1] != _VERSION:
        raise errors.VaultError("A stored token was sealed by another version of Waypost.")
    if sealed_by(sealed) != _id(key):
        raise errors.VaultError("A stored token was sealed with another master key.")
    nonce, ciphertext = sealed[_BODY : _BODY + _NONCE_BYTES], sealed[_BODY + _NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, bound_to.encode())
    except (InvalidTag, ValueError):  # the latter when it is too short to hold a nonce
        raise errors.VaultError(
            "A stored token has been altered, or moved to another row.",
            remedy="Remove the connection and add it again with its token; then find out who wrote to the database.",
        ) from None


def _id(key: bytes) -> bytes:
    return hashlib.sha256(b"waypost key id" + key).digest()[:_ID_BYTES]
