"""The command: one line when ready, clean ends, clear errors."""

import http.client
import ipaddress
import json
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

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
        (["--tenants", "0"], "between"),
        (["--without", "luck"], "invalid choice"),
        (["--tls", "/nowhere.pem", "/nowhere.key"], "No such file"),
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
        "--tenants",
        "--without",
        "--not-deployed",
        "--tls",
    ):
        assert option in text


@contextmanager
def running(*arguments: str) -> Iterator[dict[str, str]]:
    """A console with these arguments, and what it announced."""
    with subprocess.Popen([*COMMAND, *SMALL, *arguments], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
            process.wait(20)


def test_https_with_a_certificate_of_ones_own(tmp_path: pathlib.Path) -> None:
    """With a certificate it serves https: to who trusts the certificate, and to nobody else."""
    certificate, key = made_certificate(tmp_path)
    with running("--tls", str(certificate), str(key)) as ready:
        url = urllib.parse.urlsplit(ready["url"])
        assert url.scheme == "https"
        trusting = ssl.create_default_context(cafile=certificate)
        connection = http.client.HTTPSConnection(url.netloc, context=trusting)
        connection.request("GET", "/web/api/v2.1/system/status")
        assert connection.getresponse().status == 200
        connection.close()
        stranger = http.client.HTTPSConnection(url.netloc)
        with pytest.raises(ssl.SSLCertVerificationError):
            stranger.request("GET", "/web/api/v2.1/system/status")
        stranger.close()


def test_a_certificate_that_is_none(capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path) -> None:
    """Files that are no certificate and key are refused as a bad argument."""
    file = tmp_path / "empty.pem"
    file.touch()
    with pytest.raises(SystemExit) as ended:
        command.main([*SMALL, "--tls", str(file), str(file)])
    assert ended.value.code == 2
    assert "--tls" in capsys.readouterr().err


def test_many_consoles_and_what_they_lack() -> None:
    """Tenants, missing modules and missing paths reach the consoles that the command founds."""
    lacking = ["--without", "star", "--not-deployed", "/activities"]
    with running("--tenants", "3", "--sites", "2", *lacking) as ready:
        with urllib.request.urlopen(f"{ready['url']}/_simulator/tokens") as answer:  # noqa: S310  # loopback
            tokens = json.load(answer)
        viewers = [token for token in tokens if token["name"] == "Tenant viewer"]
        assert [token["tenant"] for token in viewers] == [0, 1, 2]
        assert viewers[0]["token"] == ready["token"]
        for viewer in viewers:
            assert status(ready["url"], "/sites", viewer["token"]) == 200
            assert status(ready["url"], "/cloud-detection/alerts", viewer["token"]) == 403
            assert status(ready["url"], "/activities/types", viewer["token"]) == 404


def status(url: str, path: str, token: str) -> int:
    """What the console at this address answers to a token on a path."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc)
    connection.request("GET", f"/web/api/v2.1{path}", headers={"Authorization": f"ApiToken {token}"})
    answer = connection.getresponse()
    connection.close()
    return answer.status


def made_certificate(folder: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "simulator")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, secret


def test_a_port_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    """A port that somebody has is an error with the address in it, and 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit) as ended:
            command.main([*SMALL, "--port", str(port)])
    assert ended.value.code == 1
    assert f"127.0.0.1:{port}" in capsys.readouterr().err
