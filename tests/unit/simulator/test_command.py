"""The command: one line when ready, clean ends, clear errors."""

import http.client
import json
import pathlib
import signal
import socket
import subprocess
import sys
import urllib.parse

import pytest

from sentinelone_simulator import command

COMMAND = [sys.executable, "-m", "sentinelone_simulator"]
SMALL = ["--agents", "5", "--risks-per-agent", "5"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_line_then_a_clean_end(number: int) -> None:
    """It prints its address and token on one line, answers there, and ends with 0 when told to."""
    with subprocess.Popen(
        [*COMMAND, *SMALL, "--token", "mine"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready.keys() == {"url", "token"}
        assert ready["token"] == "mine"
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(ready["url"]).netloc)
        connection.request("GET", "/web/api/v2.1/sites", headers={"Authorization": "ApiToken mine"})
        assert connection.getresponse().status == 200
        connection.close()
        process.send_signal(number)
        rest, _ = process.communicate(timeout=20)
        assert rest == ""
        assert process.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--agents", "many"], "whole number"),
        (["--port", "70000"], "not between"),
        (["--accounts", "0"], "between"),
        (["--faults", "/nowhere.json"], "No such file"),
        (["--shoe"], "unrecognized"),
    ],
)
def test_bad_arguments(capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    """A bad argument ends with 2 and says what is wrong."""
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_broken_faults_file(capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path) -> None:
    """A faults file that does not read is refused with the place that is wrong."""
    file = tmp_path / "faults.json"
    file.write_text('{"faults":[{"kind":"gremlin"}]}', encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        command.main(["--faults", str(file)])
    assert ended.value.code == 2
    assert "gremlin" in capsys.readouterr().err


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    """--help tells every option."""
    with pytest.raises(SystemExit) as ended:
        command.main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for option in (
        "--port",
        "--accounts",
        "--sites",
        "--agents",
        "--risks-per-agent",
        "--seed",
        "--token",
        "--latency",
        "--limits",
        "--faults",
        "--host",
    ):
        assert option in text


def test_a_port_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    """A port that somebody has is an error with the address in it, and 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit) as ended:
            command.main([*SMALL, "--port", str(port)])
    assert ended.value.code == 1
    assert f"127.0.0.1:{port}" in capsys.readouterr().err
