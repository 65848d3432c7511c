"""Which hosts Waypost may call, and how an address that somebody pasted becomes one of them.

There are two walls. `normalise` accepts the names of consoles and nothing else; `Resolver` refuses a name
that leads to an inside address, so that nobody who owns a name can turn Waypost on the operator's network.
"""

import ipaddress
import re
import socket
import unicodedata
from collections.abc import Iterator
from typing import Self

import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver

from waypost.errors import AddressError, SettingsError

IP = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

API_PREFIX = "/web/api/v2.1"
CONSOLE_SUFFIXES = ("sentinelone.net", "s1gov.net")
"""Commercial and government consoles (API notes, section 7); customers' own domains are settings."""

_DEFAULT_PORTS = {"https": 443, "http": 80}
_LONGEST = 2048
_WEB_SITE = "sentinelone.com"
_PLACEHOLDERS = frozenset({"console.sentinelone.net"})
"""Printed in guides as an example; no console answers there (API notes, section 6)."""

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):(?!\d)/*", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC = re.compile(r"\d+|0x[0-9a-f]*")
_WIDEST = {4: 8, 6: 7}
"""10.0.0.0/8 and fc00::/7 are the widest private ranges; a wider entry is a slip that opens the Internet."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_LOOPBACK = (ipaddress.IPv4Network("127.0.0.0/8"), ipaddress.IPv6Network("::1/128"))


class Address(msgspec.Struct, frozen=True):
    """A console's address, as `normalise` found it fit to call.

    Attributes:
        private: It is an inside address that the operator allowed, where http and any port will do.
    """

    scheme: str
    host: str
    port: int
    private: bool = False

    @property
    def origin(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (
            "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        )

    @property
    def api(self) -> str:
        return self.origin + API_PREFIX


class Allowed(msgspec.Struct, frozen=True):
    """The hosts that may be called: names by suffix, inside addresses by network."""

    suffixes: tuple[str, ...] = CONSOLE_SUFFIXES
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, extra: str, *, suffixes: tuple[str, ...] = CONSOLE_SUFFIXES) -> Self:
        """Add the operator's comma-separated list (`WAYPOST_ALLOWED_HOSTS`) to the usual suffixes.

        An entry is a host name or suffix, an IP address, a CIDR range, or `localhost`.

        Raises:
            SettingsError: An entry is none of these, or so wide that it would allow nearly everything.
        """
        names = list(suffixes)
        networks: list[Network] = []
        for entry in filter(None, (part.strip().lower() for part in extra.split(","))):
            if entry == "localhost":
                networks.extend(_LOOPBACK)
            elif (network := _network(entry)) is not None:
                networks.append(network)
            else:
                names.append(_suffix(entry))
        return cls(tuple(dict.fromkeys(names)), tuple(dict.fromkeys(networks)))

    def name(self, host: str) -> bool:
        return any(host == suffix or host.endswith(f".{suffix}") for suffix in self.suffixes)

    def named(self, ip: IP) -> bool:
        """The operator named this address, or a range that holds it."""
        return any(ip.version == network.version and ip in network for network in self.networks)

    def reachable(self, ip: IP) -> bool:
        """A connection to this address may be opened."""
        inner = _unwrapped(ip)
        return self.named(inner) or _public(inner)


def normalise(text: str, allowed: Allowed) -> Address:
    """Make an address out of what people paste: with or without scheme, path, query, upper case, `:443`.

    Messages repeat the host only once it has the form of a host, since what was pasted may be a token.

    Raises:
        AddressError: It is no address, or one that may not be called; the message says why.
    """
    scheme, authority = _split(text)
    host, port = _host_and_port(authority)
    ip = _ip(host)
    if ip is not None:
        return _numeric(scheme, ip, port, allowed)
    host = _hostname(host)
    if host == "localhost" and any(ip.is_loopback for ip in _addresses(allowed)):
        return _inside(scheme, host, port)
    _refuse_strangers(host, allowed)
    return _public_address(scheme, host, port)


def elsewhere(text: str, allowed: Allowed) -> Address:
    """Make an address out of one that is no console's: any public name, on any port; inside ones as for consoles.

    Raises:
        AddressError: It is no address, or one that may not be called; the message says why.
    """
    scheme, authority = _split(text)
    host, port = _host_and_port(authority)
    ip = _ip(host)
    if ip is None:
        host = _hostname(host)
        inside = host == "localhost" and any(one.is_loopback for one in _addresses(allowed))
        if not inside and "." not in host:
            raise AddressError(f"{host} is no public name.")
    else:
        if not allowed.named(ip):
            raise AddressError(f"{ip} is an IP address, and only those are called that an operator allowed.")
        host, inside = str(ip), not _public(ip)
    if inside:
        return _inside(scheme, host, port)
    if scheme != "https":
        raise AddressError(f"{host} would be called over http, where everyone on the way can read along.")
    return Address(scheme, host, port or _DEFAULT_PORTS[scheme])


class ForbiddenAddressError(OSError):
    """A name leads to an address that may not be called; `client` turns it into an AddressError."""


class Resolver(AbstractResolver):
    """Looks names up and lets through only the addresses that may be called.

    It stands in the connection's own look-up, so what was checked is what is connected to: a name that
    answers differently the second time (DNS rebinding) gains nothing.
    """

    def __init__(self, allowed: Allowed, inner: AbstractResolver | None = None) -> None:
        self._allowed = allowed
        self._inner = inner or DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        open_ = [one for one in found if self._allowed.reachable(_parsed(one["host"]))]
        if found and not open_:
            raise ForbiddenAddressError(f"{host} leads to {found[0]['host']}, an address inside a network")
        return open_

    async def close(self) -> None:
        await self._inner.close()


def _network(entry: str) -> Network | None:
    try:
        network = ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return None
    if network.prefixlen < _WIDEST[network.version]:
        raise SettingsError(f"WAYPOST_ALLOWED_HOSTS: the range {entry} is too wide to be a private network.")
    return network


def _suffix(entry: str) -> str:
    try:
        name = _hostname(entry.removeprefix("*").removeprefix("."))
    except AddressError:
        name = ""
    if "." not in name or _NUMERIC.fullmatch(name.rpartition(".")[2]):
        raise SettingsError(
            f"WAYPOST_ALLOWED_HOSTS: {entry!r} is neither a host name or suffix with a dot in it, "
            "nor an IP address, nor a CIDR range."
        )
    return name


def _split(text: str) -> tuple[str, str]:
    """The scheme (https when none was given) and the part between it and the path."""
    text = text.strip()
    if not text:
        raise AddressError("There is no address.")
    if len(text) > _LONGEST:
        raise AddressError("The address is too long to be one.")
    if any(unicodedata.category(char)[0] == "C" or char.isspace() or char == "\\" for char in text):
        raise AddressError("The address has spaces, backslashes or invisible characters in it.")
    match = _SCHEME.match(text)
    authority = re.split(r"[/?#]", text[match.end() if match else 0 :].lstrip("/"), maxsplit=1)[0]
    if "@" in authority:
        raise AddressError("The address has a user name or password in it; give only the host.")
    scheme = match[1].lower() if match else "https"
    if scheme not in _DEFAULT_PORTS:
        raise AddressError(
            "The address does not begin with https://, and consoles are called by nothing else."
        )
    return scheme, authority


def _host_and_port(authority: str) -> tuple[str, int | None]:
    bracketed = re.fullmatch(r"\[([^\]]*:[^\]]*)\](?::(.*))?", authority)
    if bracketed:
        host, digits = bracketed[1], bracketed[2]
    elif authority.count(":") > 1:
        host, digits = authority, None
    else:
        host, _, digits = authority.partition(":")
    if not host:
        raise AddressError("The address has no host in it.")
    if not digits:
        return host, None
    if not re.fullmatch(r"[0-9]{1,5}", digits) or not 0 < int(digits) < 65536:
        raise AddressError("What follows the colon after the host is no port number.")
    return host, int(digits)


def _ip(host: str) -> IP | None:
    """The IP address that a host is, in any of the ways to write one, else None.

    Old C libraries read `127.1`, `0x7f000001`, `017700000001` and `2130706433` as addresses, so a name ending
    in a number is never taken for a name.
    """
    host = unicodedata.normalize("NFKC", host).lower().removesuffix(".")
    try:
        return _unwrapped(ipaddress.ip_address(host))
    except ValueError:
        pass
    if ":" in host:
        raise AddressError("The address holds more colons than a host and a port have.")
    if not _NUMERIC.fullmatch(host.rpartition(".")[2]):
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        raise AddressError("The address ends in a number but is no IP address.") from None


def _hostname(host: str) -> str:
    """The host in ASCII and lower case; lookalike letters become `xn--` names, which no suffix matches."""
    refusal = AddressError("The address has no valid host name in it.")
    try:
        name = host.encode("idna").decode().lower() if not host.isascii() else host.lower()
    except UnicodeError:
        raise refusal from None
    name = name.removesuffix(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise refusal
    return name


def _numeric(scheme: str, ip: IP, port: int | None, allowed: Allowed) -> Address:
    if not allowed.named(ip):
        raise AddressError(
            f"{ip} is an IP address; consoles are called by their name.",
            remedy=f"{AddressError.remedy}; an operator may allow an address with WAYPOST_ALLOWED_HOSTS.",
        )
    return _public_address(scheme, str(ip), port) if _public(ip) else _inside(scheme, str(ip), port)


def _refuse_strangers(host: str, allowed: Allowed) -> None:
    own = set(allowed.suffixes) - set(CONSOLE_SUFFIXES)
    site = host.removeprefix("www.")
    if host in own:
        return
    if site in CONSOLE_SUFFIXES or site == _WEB_SITE:
        raise AddressError(f"{host} is SentinelOne's web site, not a console.")
    if host in _PLACEHOLDERS:
        raise AddressError(f"{host} is an example from guides, not the address of a console.")
    if allowed.name(host):
        return
    if host.endswith(f".{_WEB_SITE}"):
        raise AddressError(f"{host} belongs to SentinelOne's web site; consoles end in .sentinelone.net.")
    raise AddressError(
        f"{host} is not a SentinelOne console: its name does not end in {' or '.join(allowed.suffixes)}.",
        remedy=f"{AddressError.remedy}; an operator may allow other hosts with WAYPOST_ALLOWED_HOSTS.",
    )


def _public_address(scheme: str, host: str, port: int | None) -> Address:
    if scheme != "https":
        raise AddressError(
            f"{host} would be called over http, which shows the token to everyone on the way.",
            remedy=f"Use https://{host}",
        )
    if port not in (None, 443):
        raise AddressError(f"Consoles answer on port 443, not on port {port}.", remedy=f"Use https://{host}")
    return Address("https", host, 443)


def _inside(scheme: str, host: str, port: int | None) -> Address:
    return Address(scheme, host, port or _DEFAULT_PORTS[scheme], private=True)


def _addresses(allowed: Allowed) -> Iterator[IP]:
    return (network.network_address for network in allowed.networks)


def _parsed(text: str) -> IP:
    """An address out of the resolver, whose link-local ones carry a zone (`fe80::1%eth0`)."""
    return ipaddress.ip_address(text.partition("%")[0])


def _unwrapped(ip: IP) -> IP:
    """The IPv4 address that an IPv6 address carries to, where it is one of the ways to do so."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip


def _public(ip: IP) -> bool:
    """Reached over the Internet by everyone: not private, shared (CGNAT), local, multicast or reserved."""
    if isinstance(ip, ipaddress.IPv6Address) and ip not in _GLOBAL_UNICAST:
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved
