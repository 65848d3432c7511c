"""The way to a console, layer by layer."""

import asyncio
import socket
from typing import Any

import pytest

from waypost.sentinelone import address, handshake
from waypost.sentinelone.handshake import Step

ALLOWED = address.Allowed.parse("127.0.0.1")


async def steps(url: str, allowed: address.Allowed = ALLOWED, seconds: float = 1.0) -> list[Step]:
    found = address.normalise(url, allowed)
    return [step async for step in handshake.steps(found, allowed, seconds=seconds)]


async def listening() -> tuple[asyncio.Server, str, "asyncio.Queue[bytes]"]:
    """A server that says nothing, and what was sent to it by the end of each connection."""
    sent: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            sent.put_nowait(await reader.read())
        except ConnectionError:
            sent.put_nowait(b"")
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, f"127.0.0.1:{server.sockets[0].getsockname()[1]}", sent


async def test_plain_http() -> None:
    """All layers of an inside address without TLS are passed, and nothing is sent."""
    server, host, sent = await listening()
    async with server:
        found = await steps(f"http://{host}")
        assert await sent.get() == b""
    assert [step.layer for step in found] == ["resolves", "answers", "secure"]
    assert not any(step.code for step in found)


async def test_a_server_that_never_shakes_hands() -> None:
    """A server that is silent when TLS begins fails that layer in the time there is, and is left alone after that."""
    server, host, sent = await listening()
    async with server:
        found = await steps(f"https://{host}", seconds=0.1)
        await sent.get()
    assert [(step.layer, step.code) for step in found][-1] == ("secure", "address.no_tls")


async def test_the_second_address_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several addresses, the first that accepts a connection is taken."""
    server, host, sent = await listening()
    name, port = host.split(":")

    async def resolve(*_: Any, **__: Any) -> list[dict[str, Any]]:
        one = {"hostname": "localhost", "port": int(port), "family": socket.AF_INET, "proto": 0, "flags": 0}
        return [{**one, "host": "127.0.0.3"}, {**one, "host": name}]

    monkeypatch.setattr("waypost.sentinelone.address.DefaultResolver.resolve", resolve)
    async with server:
        found = await steps(f"http://localhost:{port}", address.Allowed.parse("localhost"))
        await sent.get()
    assert found[0].found == "Leads to 127.0.0.3 and 1 more."
    assert [step.code for step in found] == ["", "", ""]


async def test_a_slow_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that does not answer costs the time that a layer has."""

    async def never(*_: Any, **__: Any) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr("waypost.sentinelone.address.DefaultResolver.resolve", never)
    (only,) = await steps("https://acme.sentinelone.net", seconds=0.05)
    assert (only.layer, only.code, only.owner) == ("resolves", "address.slow_lookup", "operator")
    assert "acme.sentinelone.net" in only.found


async def test_no_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that cannot be reached is the operator's to mend."""

    async def unreachable(*_: Any, **__: Any) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(asyncio, "open_connection", unreachable)
    found = await steps("http://127.0.0.1:9")
    assert (found[-1].code, found[-1].owner) == ("address.no_way", "operator")
    assert "127.0.0.1 on port 9" in found[-1].remedy
