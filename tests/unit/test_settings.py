"""Settings come from the environment, then the file, then their defaults."""

from pathlib import Path

import msgspec
import pytest

from waypost import errors
from waypost import settings as settings_module
from waypost.settings import Settings, load


def test_nothing_set() -> None:
    """Without any setting the data folder is the user's own, and the database the embedded one."""
    assert load({"HOME": "/home/ada"}) == Settings(home=Path("/home/ada/.local/share/waypost"))


@pytest.mark.parametrize(
    ("environ", "home"),
    [
        ({"WAYPOST_HOME": "/data", "XDG_DATA_HOME": "/xdg", "HOME": "/home/ada"}, "/data"),
        ({"WAYPOST_HOME": " ", "XDG_DATA_HOME": "/xdg", "HOME": "/home/ada"}, "/xdg/waypost"),
        ({"XDG_DATA_HOME": "", "HOME": "/home/ada"}, "/home/ada/.local/share/waypost"),
    ],
)
def test_where_the_data_folder_is(environ: dict[str, str], home: str) -> None:
    """Waypost's own setting comes before the desktop's convention, that before the default."""
    assert load(environ).home == Path(home)


def test_the_data_folder_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative folder and a tilde mean the same folder from wherever the program goes on."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ada")
    assert load({"WAYPOST_HOME": "data"}).home == tmp_path / "data"
    assert load({"WAYPOST_HOME": "~/data"}).home == Path("/home/ada/data")


def test_a_machine_without_a_home() -> None:
    """Where nothing says where data may lie, the error says what to set."""
    with pytest.raises(errors.SettingsError) as refusal:
        load({})
    assert "WAYPOST_HOME" in refusal.value.remedy
    assert load({"WAYPOST_HOME": "/data"}).home == Path("/data")


TYPES = {field.name: field.type for field in msgspec.structs.fields(Settings)}
TEXTS = {str: ('"of the file"', "of the environment"), int: ("17", "4711"), bool: ("false", "true")}
VALUES: dict[type, tuple[object, object]] = {
    str: ("of the file", "of the environment"),
    int: (17, 4711),
    bool: (False, True),
}


@pytest.mark.parametrize("name", sorted(settings_module._FILE_KEYS))
def test_each_setting(tmp_path: Path, name: str) -> None:
    """Each setting can stand in the file, and the environment wins over it."""
    in_file, in_environment = TEXTS[TYPES[name]]
    of_file, of_environment = VALUES[TYPES[name]]
    (tmp_path / "waypost.toml").write_text(f"{name} = {in_file}\n")
    environ = {"WAYPOST_HOME": str(tmp_path)}
    variable = "WAYPOST_" + name.upper()
    assert getattr(load(environ), name) == of_file
    assert getattr(load(environ | {variable: f" {in_environment}\n"}), name) == of_environment
    assert getattr(load(environ | {variable: ""}), name) == of_file


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"WAYPOST_PORT": "many"}, "WAYPOST_PORT needs a whole number for 'port'"),
        ({"WAYPOST_PORT": "70000"}, "There is no port 70000"),
        ({"WAYPOST_PORT": "-1"}, "There is no port -1"),
        ({"WAYPOST_BEHIND_PROXY": "perhaps"}, "WAYPOST_BEHIND_PROXY needs true or false"),
    ],
)
def test_values_of_no_use(environ: dict[str, str], words: str) -> None:
    """A number that is none, or none that can be, is an error that names the setting."""
    with pytest.raises(errors.SettingsError, match=words):
        load({"HOME": "/home/ada", **environ})
    assert load({"HOME": "/home/ada", "WAYPOST_PORT": "8080"}).port == 8080


def test_the_settings_are_those_of_the_struct() -> None:
    """Each field but the folder and the API key is a setting of the file, and each setting says what it is."""
    assert {"home", "key", *settings_module._FILE_KEYS} == set(Settings.__struct_fields__)
    assert all(settings_module._FILE_KEYS.values())


def test_the_api_key_is_of_the_environment(tmp_path: Path) -> None:
    """WAYPOST_KEY is read from the environment alone, and shown by nothing."""
    environ = {"WAYPOST_HOME": str(tmp_path)}
    assert load(environ).key == ""
    settings = load(environ | {"WAYPOST_KEY": " wp_secret \n"})
    assert settings.key == "wp_secret"
    assert "secret" not in repr(settings)
    (tmp_path / "waypost.toml").write_text('key = "wp_secret"')
    with pytest.raises(errors.SettingsError, match="unknown key 'key'"):
        load(environ)


def test_a_named_file(tmp_path: Path) -> None:
    """WAYPOST_CONFIG names another file, which must then exist."""
    named = tmp_path / "named.toml"
    environ = {"WAYPOST_HOME": str(tmp_path), "WAYPOST_CONFIG": str(named)}
    with pytest.raises(errors.SettingsError, match="does not exist"):
        load(environ)
    named.write_text('log_level = "debug"')
    assert load(environ).log_level == "debug"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"log_levle = 'debug'", "unknown key 'log_levle'"),
        (b"home = '/x'", "unknown key 'home'"),
        (b"log_level = 5", "quotes for 'log_level'"),
        (b"[section]\nlog_level = 'debug'", "unknown key 'section'"),
        (b"log_level = ", "cannot be read"),
        (b"\xff", "cannot be read"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, content: bytes, words: str) -> None:
    """A file with a mistake is refused with its name and the mistake; without it, it is read."""
    file = tmp_path / "waypost.toml"
    file.write_bytes(content)
    with pytest.raises(errors.SettingsError, match=words) as refusal:
        load({"WAYPOST_HOME": str(tmp_path)})
    assert str(file) in str(refusal.value)
    file.write_text("log_level = 'debug'")
    assert load({"WAYPOST_HOME": str(tmp_path)}).log_level == "debug"


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    """What is there but cannot be read is an error and not silently left out."""
    (tmp_path / "waypost.toml").mkdir()
    with pytest.raises(errors.SettingsError, match="cannot be read"):
        load({"WAYPOST_HOME": str(tmp_path)})


def test_secrets_are_not_shown() -> None:
    """Printed settings hold neither the database's password nor the master key."""
    shown = repr(Settings(home=Path("/x"), database_url="postgresql://u:canary@h/d", master_key="canary"))
    assert "canary" not in shown
    assert "/x" in shown
