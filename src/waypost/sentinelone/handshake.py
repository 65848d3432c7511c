"""The way to a console, layer by layer: the name, the connection, the certificate. Nothing is sent.

A client's call only says that it failed; this says where, and in the words of who can mend it. It goes through
the same `Resolver` as every call and connects to the very address that was let through.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from waypost.errors import Owner
from waypost.sentinelone import address as addresses
from waypost.sentinelone.address import Address, Allowed, ForbiddenAddressError

RESOLVES: Final = "resolves"
ANSWERS: Final = "answers"
SECURE: Final = "secure"


class Step(msgspec.Struct, frozen=True):
    """One layer, and how it went.

    Attributes:
        code: Of what went wrong; "" when nothing did.
        found: In words.
    """

    layer: str
    found: str
    seconds: float = 0.0
    code: str = ""
    remedy: str = ""
    owner: Owner | None = None


class _Fault(msgspec.Struct, frozen=True):
    code: str
    found: str
    remedy: str
    owner: Owner


_TRY_ADDRESS: Final = (
    "Compare the address with the one that the browser shows when you are logged in to the console."
)
_OPEN_THE_WAY: Final = "Let this machine reach {host} on port {port}: see its firewall and its routes."
_LOOKUPS: Final = {
    "unknown": _Fault("address.unknown_name", "There is no host {host}.", _TRY_ADDRESS, Owner.CUSTOMER),
    "no_lookup": _Fault(
        "address.no_lookup",
        "The name {host} could not be looked up just now.",
        "Try again; if it lasts, see whether this machine's name server answers.",
        Owner.OPERATOR,
    ),
    "inside": _Fault(
        "address.inside",
        "The name {host} leads to an address inside a network, which is not called.",
        "If this is meant to be so, name the address in WAYPOST_ALLOWED_HOSTS.",
        Owner.OPERATOR,
    ),
    "slow": _Fault(
        "address.slow_lookup",
        "Looking up the name {host} took longer than {limit:g} s.",
        "See whether this machine's name server answers.",
        Owner.OPERATOR,
    ),
}
_CONNECTIONS: Final[tuple[tuple[type[OSError], _Fault], ...]] = (
    (
        ConnectionRefusedError,
        _Fault("address.refused", "{host} refuses connections on port {port}.", _TRY_ADDRESS, Owner.CUSTOMER),
    ),
    (
        TimeoutError,
        _Fault(
            "address.timeout",
            "{host} did not answer on port {port} within {limit:g} s.",
            _OPEN_THE_WAY,
            Owner.OPERATOR,
        ),
    ),
    (OSError, _Fault("address.no_way", "No way leads to {host}.", _OPEN_THE_WAY, Owner.OPERATOR)),
)
_INSPECTED: Final = (
    "If a proxy on your network opens TLS, let {host} pass it unopened or install its certificate on this "
    "machine; never send a token past a certificate that is not trusted."
)
_CERTIFICATES: Final = {
    10: _Fault(
        "address.certificate_expired",
        "The certificate of {host} has expired.",
        "Check this machine's clock; if it is right, whoever runs {host} must renew the certificate.",
        Owner.SENTINELONE,
    ),
    9: _Fault(
        "address.certificate_early",
        "The certificate of {host} is not valid yet.",
        "Check this machine's clock.",
        Owner.OPERATOR,
    ),
    18: _Fault(
        "address.certificate_self_signed",
        "The certificate of {host} is self-signed.",
        _INSPECTED,
        Owner.OPERATOR,
    ),
    19: _Fault(
        "address.certificate_untrusted",
        "The certificate of {host} was issued by nobody that this machine trusts.",
        _INSPECTED,
        Owner.OPERATOR,
    ),
    62: _Fault(
        "address.certificate_name",
        "The certificate of {host} is for another name.",
        _TRY_ADDRESS,
        Owner.CUSTOMER,
    ),
    64: _Fault(
        "address.certificate_name",
        "The certificate of {host} is for another name.",
        _TRY_ADDRESS,
        Owner.CUSTOMER,
    ),
}
"""By OpenSSL's verification code. 20 and 21, an issuer that is not known or not given, are as 19."""
_NO_TLS: Final = _Fault(
    "address.no_tls",
    "{host} and this machine agree on no secure connection.",
    "See whether {port} is the port of the console's https, and whether a proxy on the way breaks it open.",
    Owner.OPERATOR,
)


async def steps(address: Address, allowed: Allowed, *, seconds: float) -> AsyncIterator[Step]:
    """The layers in their order, up to the first that fails; each may take so many seconds."""
    now = asyncio.get_running_loop().time
    words = {"host": address.host, "port": address.port, "limit": seconds}
    began = now()
    found = await _look_up(address, allowed, seconds)
    if isinstance(found, _Fault):
        yield _failed(RESOLVES, found, words, now() - began)
        return
    yield Step(RESOLVES, _places(found), now() - began)

    began = now()
    opened = await _connect(found, address.port, seconds)
    if isinstance(opened, _Fault):
        yield _failed(ANSWERS, opened, words, now() - began)
        return
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(_close, opened)
        yield Step(ANSWERS, f"{address.host} answers on port {address.port}.", now() - began)
        if address.scheme == "http":
            yield Step(SECURE, "Plain http, which the operator allows for this inside address.")
            return
        began = now()
        fault = await _secure(opened, address.host, seconds)
        if fault is not None:
            yield _failed(SECURE, fault, words, now() - began)
            return
        yield Step(SECURE, _validity(opened), now() - began)


async def _look_up(address: Address, allowed: Allowed, seconds: float) -> list[str] | _Fault:
    resolver = addresses.Resolver(allowed)
    try:
        async with asyncio.timeout(seconds):
            found = await resolver.resolve(address.host, address.port, socket.AF_UNSPEC)
    except ForbiddenAddressError:
        return _LOOKUPS["inside"]
    except TimeoutError:
        return _LOOKUPS["slow"]
    except OSError as problem:
        return _LOOKUPS["no_lookup" if problem.errno == socket.EAI_AGAIN else "unknown"]
    finally:
        await resolver.close()
    return [one["host"] for one in found] or _LOOKUPS["unknown"]


async def _connect(found: Iterable[str], port: int, seconds: float) -> asyncio.StreamWriter | _Fault:
    """A connection to the first address that accepts one."""
    problem: OSError = OSError()
    try:
        async with asyncio.timeout(seconds):
            for ip in found:
                try:
                    return (await asyncio.open_connection(ip, port))[1]
                except OSError as failure:
                    problem = failure
    except TimeoutError as failure:
        problem = failure
    return next(fault for kind, fault in _CONNECTIONS if isinstance(problem, kind))


async def _secure(writer: asyncio.StreamWriter, host: str, seconds: float) -> _Fault | None:
    try:
        async with asyncio.timeout(seconds):
            await writer.start_tls(ssl.create_default_context(), server_hostname=host)
    except ssl.SSLCertVerificationError as problem:
        return _CERTIFICATES.get(problem.verify_code, _CERTIFICATES[19])
    except (OSError, EOFError):  # a TimeoutError and an SSLError are OSErrors
        return _NO_TLS
    return None


async def _close(writer: asyncio.StreamWriter) -> None:
    # Not waited for: after a handshake that was broken off the stream never tells that it is closed.
    writer.transport.abort()
    await asyncio.sleep(0)


def _validity(writer: asyncio.StreamWriter) -> str:
    certificate: dict[str, Any] = writer.get_extra_info("peercert") or {}  # Any: as the library has it
    try:
        until = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return "The certificate is trusted."
    return f"The certificate is trusted, until {until:%Y-%m-%d}."


def _places(found: list[str]) -> str:
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"Leads to {found[0]}{more}."


def _failed(layer: str, fault: _Fault, words: dict[str, object], seconds: float) -> Step:
    return Step(
        layer, fault.found.format(**words), seconds, fault.code, fault.remedy.format(**words), fault.owner
    )
