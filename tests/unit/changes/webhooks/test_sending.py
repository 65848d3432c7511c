"""One request: what a receiver does, and what is made of it; nothing is raised, followed or believed."""

import asyncio
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from support import receiver as receivers
from support.receiver import Receiver
from waypost.changes.webhooks import sending
from waypost.changes.webhooks.sending import Outcome, Sender
from waypost.sentinelone import address
from waypost.sentinelone.address import Allowed

LOCAL = Allowed.parse("127.0.0.1")


async def post(url: str, allowed: Allowed = LOCAL, **options: float) -> Outcome:
    async with Sender(allowed, **options) as sender:
        return await sender.post(url, {"webhook-id": "1"}, b"{}")


@pytest.mark.parametrize(
    ("status", "accepted"), [(200, True), (204, True), (299, True), (304, False), (400, False)]
)
async def test_statuses(receiver: Receiver, status: int, accepted: bool) -> None:
    """Whatever begins with 2 is an acceptance, and nothing else."""
    receiver.status, receiver.text = status, ""
    outcome = await post(receiver.url)
    assert (outcome.status, outcome.accepted) == (status, accepted)
    assert 0 < outcome.seconds < 10
    assert receiver.got[0].headers["content-type"] == "application/json"
    assert receiver.got[0].headers["user-agent"].startswith("waypost/")


async def test_no_redirect_is_followed(receiver: Receiver) -> None:
    """A redirect is told as what it is, and nobody else is asked."""
    async with receivers.running() as other:
        receiver.status, receiver.headers = 307, {"Location": other.url}
        outcome = await post(receiver.url)
        assert other.got == []
    assert outcome.status == 307
    assert "redirect" in outcome.error


async def test_no_cookie_is_kept(receiver: Receiver) -> None:
    """Receivers of other tenants share no state through the sender."""
    receiver.headers = {"Set-Cookie": "a=b"}
    async with Sender(LOCAL) as sender:
        for _ in range(2):
            assert (await sender.post(receiver.url, {}, b"{}")).accepted
    assert "cookie" not in receiver.got[1].headers


async def test_nobody_there(receiver: Receiver) -> None:
    """Without an answer it says why, in words without the program's own."""
    port = receiver.url.rpartition(":")[2]
    refused = await post("http://127.0.0.1:9/")
    assert (refused.status, refused.error) == (None, "The connection was refused, or no way leads there.")
    no_tls = await post(f"https://127.0.0.1:{port}")
    assert (no_tls.status, no_tls.error) == (None, "No secure connection could be agreed on.")


async def test_an_address_that_is_allowed_no_longer(receiver: Receiver) -> None:
    """An address is examined again when it is called: the operator may have taken back what he allowed."""
    outcome = await post(receiver.url, Allowed())
    assert (outcome.status, receiver.got) == (None, [])
    assert "only those are called that an operator allowed" in outcome.error


class _Leads(AbstractResolver):
    """A name service that leads every name to one address."""

    async def resolve(self, host: str, port: int = 0, family: Any = 2) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="10.0.0.7", port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        pass


async def test_a_name_that_leads_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A public name that leads to an inside address is not called, whoever owns it."""
    monkeypatch.setattr(address, "DefaultResolver", _Leads)
    outcome = await post("https://hooks.example.com/")
    assert outcome.error == "Its name leads to an address inside a network, which is not called."


async def test_an_answer_that_never_ends() -> None:
    """A receiver that dribbles is cut off after the time for one request; its status counts."""

    async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                writer.write(b"1\r\nx\r\n")
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(dribble, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        outcome = await post(f"http://127.0.0.1:{port}/", whole=0.5)
    assert outcome.status == 200
    assert outcome.accepted
    assert outcome.seconds < 5


async def test_no_http_at_all() -> None:
    """What answers something else than HTTP has failed."""

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        outcome = await post(f"http://127.0.0.1:{port}/")
    assert (outcome.status, outcome.error) == (None, "The connection broke before there was an answer.")


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [("30", 30.0), ("", None), ("soon", None), ("-5", None), ("Mon, 01 Jan 2001 00:00:00 GMT", 0.0),
     ("Mon, 01 Jan 2024 00:00:00 +99999999999999999999", None), ("Mon, 01 Jan 99999 00:00:00 GMT", None)],
)  # fmt: skip
async def test_retry_after(receiver: Receiver, sent: str, seconds: float | None) -> None:
    """What the receiver asks for is read in both of its forms; what it does not mean is nothing."""
    receiver.status, receiver.headers = 503, {"Retry-After": sent}
    assert (await post(receiver.url)).retry_after == seconds


async def test_a_bomb(receiver: Receiver) -> None:
    """An answer is never unpacked, and at most so much of it is read."""
    receiver.text, receiver.headers = "x" * 3_000_000, {"Content-Encoding": "gzip"}
    outcome = await post(receiver.url)
    assert outcome.accepted
    assert len(outcome.answer) <= sending.MOST_KEPT
