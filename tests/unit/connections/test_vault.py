"""Tokens at rest: opened by the right key in the right row, and by nothing else."""

import base64
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost import errors
from waypost.connections.vault import Sealed, Vault
from waypost.settings import Settings

KEY = bytes(range(32))
TOKEN = "canary7f3e9d1b5a/+=Z8"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


@given(TEXTS, TEXTS)
def test_what_is_sealed_is_opened(token: str, row: str) -> None:
    """A token comes back from its row as it was, with the same key."""
    assert Vault(KEY).unseal(Vault(KEY).seal(token, row), row) == token


def test_a_seal_shows_nothing() -> None:
    """Neither token nor key can be read off a seal, and the same token is never sealed alike."""
    one, other = (Vault(KEY).seal(TOKEN, "row") for _ in range(2))
    for sealed in (one, other):
        assert TOKEN.encode() not in sealed.token + sealed.key
        assert KEY not in sealed.token + sealed.key
    assert not {one.key, one.token} & {other.key, other.token}
    assert TOKEN not in repr(Vault(KEY))
    assert "bytes" not in repr(Vault(KEY))


def test_a_seal_moved_to_another_row() -> None:
    """A row's seal opens nothing in another row, so that a token cannot be lent by copying it."""
    sealed = Vault(KEY).seal(TOKEN, "one")
    with pytest.raises(errors.VaultError, match="moved to another row") as refusal:
        Vault(KEY).unseal(sealed, "other")
    assert "add it again" in refusal.value.remedy
    assert Vault(KEY).unseal(sealed, "one") == TOKEN


def test_halves_of_two_seals() -> None:
    """A data key opens its own token only, and a key is never taken for a token."""
    one, other = Vault(KEY).seal(TOKEN, "row"), Vault(KEY).seal("else", "row")
    for mixed in (Sealed(one.key, other.token), Sealed(other.key, one.token), Sealed(one.token, one.key)):
        with pytest.raises(errors.VaultError):
            Vault(KEY).unseal(mixed, "row")


def test_another_master_key() -> None:
    """The error says that the key is another one, and which setting to look at."""
    sealed = Vault(KEY).seal(TOKEN, "row")
    with pytest.raises(errors.VaultError, match="another master key") as refusal:
        Vault(KEY[::-1]).unseal(sealed, "row")
    assert "WAYPOST_MASTER_KEY" in refusal.value.remedy
    assert Vault(KEY).unseal(sealed, "row") == TOKEN


@given(st.sampled_from(["key", "token"]), st.integers(0, 200), st.integers(1, 255))
def test_an_altered_seal(part: str, place: int, change: int) -> None:
    """Whichever byte of a seal is altered, it does not open."""
    sealed = Vault(KEY).seal(TOKEN, "row")
    content = bytearray(getattr(sealed, part))
    content[place % len(content)] ^= change
    altered = Sealed(**({"key": sealed.key, "token": sealed.token} | {part: bytes(content)}))
    with pytest.raises(errors.VaultError) as refusal:
        Vault(KEY).unseal(altered, "row")
    assert TOKEN not in str(refusal.value)


@pytest.mark.parametrize("part", ["key", "token"])
@pytest.mark.parametrize("length", [0, 1, 8, 9, 20, 21, 30])
def test_a_seal_cut_short(part: str, length: int) -> None:
    """Half a seal does not open, and is no crash."""
    sealed = Vault(KEY).seal(TOKEN, "row")
    cut = {"key": sealed.key, "token": sealed.token}
    cut[part] = cut[part][:length]
    with pytest.raises(errors.VaultError):
        Vault(KEY).unseal(Sealed(**cut), "row")


@pytest.mark.parametrize("length", [0, 1, 16, 31, 33, 64])
def test_a_key_of_another_length(length: int) -> None:
    """A master key has 32 bytes; the error tells how to make one."""
    with pytest.raises(errors.VaultError, match=f"{length} bytes instead of 32") as refusal:
        Vault(bytes(length))
    assert "python3 -c" in refusal.value.remedy
    assert Vault(bytes(32))


# Where the master key comes from


def encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()


def opens(settings: Settings, key: bytes) -> bool:
    return Vault.open(settings).unseal(Vault(key).seal(TOKEN, "row"), "row") == TOKEN


def test_the_key_of_the_environment(tmp_path: Path) -> None:
    """A given key is used as it is, and nothing is written."""
    assert opens(Settings(home=tmp_path, master_key=f" {encoded(KEY)}\n"), KEY)
    assert list(tmp_path.iterdir()) == []


def test_the_key_of_a_file(tmp_path: Path) -> None:
    """A key can be given in a file of the operator's, as secrets are mounted."""
    file = tmp_path / "mounted"
    file.write_text(encoded(KEY) + "\n")
    assert opens(Settings(home=tmp_path / "home", master_key_file=str(file)), KEY)


def test_a_given_key_comes_before_a_kept_one(tmp_path: Path) -> None:
    """The environment wins over its file, and both over the data folder."""
    (tmp_path / "master.key").write_text(encoded(bytes(32)))
    file = tmp_path / "mounted"
    file.write_text(encoded(bytes(31) + b"x"))
    given_file = Settings(home=tmp_path, master_key_file=str(file))
    assert opens(given_file, bytes(31) + b"x")
    assert opens(Settings(home=tmp_path, master_key=encoded(KEY), master_key_file=str(file)), KEY)


def test_a_key_is_made_and_kept(tmp_path: Path) -> None:
    """With the embedded database a key is made once, readable by its user alone, and used from then on."""
    settings = Settings(home=tmp_path / "deep" / "home")
    sealed = Vault.open(settings).seal(TOKEN, "row")
    kept = settings.home / "master.key"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.home.stat().st_mode) == 0o700
    assert Vault.open(settings).unseal(sealed, "row") == TOKEN


def test_no_key_is_made_for_a_server_of_the_operators(tmp_path: Path) -> None:
    """A key that lies on one machine while the data lies on another would be lost one day."""
    settings = Settings(home=tmp_path, database_url="postgresql://elsewhere/waypost")
    with pytest.raises(errors.VaultError, match="no master key") as refusal:
        Vault.open(settings)
    assert "WAYPOST_MASTER_KEY" in refusal.value.remedy
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "master.key").write_text(encoded(KEY))
    assert opens(settings, KEY)


@pytest.mark.parametrize("text", ["not base64!", "ä", "AAAA", ""])
def test_files_that_hold_no_key(tmp_path: Path, text: str) -> None:
    """A file without a key in it is refused, and a file with one is taken."""
    file = tmp_path / "key"
    settings = Settings(home=tmp_path, master_key_file=str(file))
    file.write_text(text)
    with pytest.raises(errors.VaultError):
        Vault.open(settings)
    file.write_text(encoded(KEY))
    assert opens(settings, KEY)


@pytest.mark.parametrize("text", ["not base64!", "ä", "AAAA"])
def test_environments_that_hold_no_key(tmp_path: Path, text: str) -> None:
    """A key that is none is refused without being shown."""
    with pytest.raises(errors.VaultError) as refusal:
        Vault.open(Settings(home=tmp_path, master_key=text))
    assert text not in str(refusal.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """The error names the file."""
    missing = tmp_path / "missing"
    with pytest.raises(errors.VaultError, match=str(missing)):
        Vault.open(Settings(home=tmp_path, master_key_file=str(missing)))


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    """A key that was written raw is refused like any other file without one."""
    (tmp_path / "master.key").write_bytes(b"\xff" * 32)
    with pytest.raises(errors.VaultError, match="cannot be read"):
        Vault.open(Settings(home=tmp_path))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that nobody can write")
def test_a_folder_that_cannot_be_written() -> None:
    """A key that cannot be kept is not used: the next program would have another."""
    with pytest.raises(errors.DataFolderError, match="/proc/waypost"):
        Vault.open(Settings(home=Path("/proc/waypost")))


def test_two_programs_that_start_at_once_share_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes second takes the key of the first."""
    opened = os.open

    def first_another(path: Path, flags: int, mode: int) -> int:
        (tmp_path / "master.key").write_text(encoded(KEY))
        return opened(path, flags, mode)

    monkeypatch.setattr(os, "open", first_another)
    assert opens(Settings(home=tmp_path), KEY)
