"""Which addresses are taken, which are refused and why, and where a name may lead."""

import ipaddress
import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from waypost.errors import AddressError, SettingsError
from waypost.sentinelone.address import Address, Allowed, ForbiddenAddressError, Resolver, normalise

USUAL = Allowed()
HOST = "usea1-example.sentinelone.net"


@pytest.mark.parametrize(
    "text",
    [
        f"https://{HOST}",
        HOST,
        f"  {HOST}\n",
        f"HTTPS://{HOST.upper()}",
        f"https://{HOST}/",
        f"https://{HOST}///",
        f"https://{HOST}:443",
        f"{HOST}:443/web/api/v2.1",
        f"https://{HOST}/dashboard?scope=1#top",
        f"https://{HOST}?next=https://evil.example/@x",
        f"//{HOST}/",
        f"https://{HOST}.",
        f"https:{HOST}",
        "https://usea1-example。sentinelone。net",
    ],
)
def test_what_people_paste(text: str) -> None:
    """Every way to paste one console's address gives the same address."""
    assert normalise(text, USUAL) == Address("https", HOST, 443)
    assert normalise(text, USUAL).origin == f"https://{HOST}"
    assert normalise(text, USUAL).api == f"https://{HOST}/web/api/v2.1"


@pytest.mark.parametrize(
    "host", ["usgovwe1-901.s1gov.net", "singularity.na1.sentinelone.net", "a.sentinelone.net"]
)
def test_hosts_of_consoles(host: str) -> None:
    """Government consoles, regional ones and short names are consoles."""
    assert normalise(host, USUAL).host == host


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no address"),
        (" \t\n", "no address"),
        ("https://", "no host"),
        ("https:///", "no host"),
        ("https:///path", "not a SentinelOne console"),
        ("x" * 3000, "too long"),
        (f"https://{HOST}\x00", "invisible"),
        ("https://us ea1.sentinelone.net", "spaces"),
        ("https://us\u200bea1.sentinelone.net", "invisible"),
        (f"https://evil.example\\@{HOST}", "backslashes"),
        (f"https://user:pw@{HOST}", "user name or password"),
        (f"https://{HOST}@evil.example", "user name or password"),
        (f"http://{HOST}", "over http"),
        (f"ftp://{HOST}", "does not begin with https"),
        ("javascript:alert", "does not begin with https"),
        (f"file:///{HOST}", "does not begin with https"),
        ("https://example.com", "does not end in sentinelone.net or s1gov.net"),
        ("https://evilsentinelone.net", "does not end in"),
        ("https://usea1.sentinelone.net.evil.example", "does not end in"),
        ("https://usea1.sentinelоne.net", "does not end in"),  # noqa: RUF001 - a Cyrillic o
        ("https://usea1%2esentinelone.net", "no valid host"),
        ("https://usea1..sentinelone.net", "no valid host"),
        ("https://.sentinelone.net", "no valid host"),
        ("https://-a.sentinelone.net", "no valid host"),
        ("https://a℀b.sentinelone.net", "no valid host"),
        ("https://" + "a." * 130 + "sentinelone.net", "no valid host"),
        ("sentinelone.net", "web site"),
        ("www.sentinelone.net", "web site"),
        ("https://s1gov.net", "web site"),
        ("https://www.sentinelone.com/request-demo", "web site"),
        ("https://community.sentinelone.com", "web site"),
        ("https://console.sentinelone.net", "example"),
        (f"https://{HOST}:8443", "port 443"),
        (f"https://{HOST}:0", "no port number"),
        (f"https://{HOST}:70000", "no port number"),
        (f"https://{HOST}:４４３", "no port number"),  # noqa: RUF001 - full-width digits
        ("https://a:b:c", "colons"),
        ("https://1.2.3.4", "IP address"),
        ("https://127.0.0.1", "IP address"),
        ("http://localhost:8080", "not a SentinelOne console"),
        ("https://2130706433", "IP address"),
        ("https://0x7f000001", "IP address"),
        ("https://0x7f.1", "IP address"),
        ("https://0177.0.0.1", "IP address"),
        ("https://127.1", "IP address"),
        ("https://１２７.0.0.1", "IP address"),  # noqa: RUF001 - full-width digits
        ("https://[::1]", "IP address"),
        ("https://[::ffff:127.0.0.1]", "IP address"),
        ("https://::1", "IP address"),
        ("https://169.254.169.254/latest/meta-data", "IP address"),
        ("https://sentinelone.net.1", "ends in a number"),
        ("https://[usea1.sentinelone.net]", "no valid host"),
    ],
)
def test_refused_addresses(text: str, said: str) -> None:
    """What is no console's address is refused, with the reason and what to type instead."""
    with pytest.raises(AddressError, match=said) as caught:
        normalise(text, USUAL)

    assert "https://" in caught.value.remedy


@pytest.mark.parametrize(
    "token", ["eyJhbGciOiJIUzI1NiJ9." + "e" * 90 + ".s", "ab12" * 20, "https://u:s3cret@h"]
)
def test_a_pasted_token_is_not_repeated(token: str) -> None:
    """A token pasted in place of the address does not end up in the message."""
    with pytest.raises(AddressError) as caught:
        normalise(token, USUAL)

    assert token not in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "extra", "origin"),
    [
        ("http://127.0.0.1:8080/x", "127.0.0.1", "http://127.0.0.1:8080"),
        ("http://127.0.0.1", "127.0.0.1", "http://127.0.0.1"),
        ("https://127.0.0.1:443", "127.0.0.1", "https://127.0.0.1"),
        ("http://localhost:8080", "127.0.0.1", "http://localhost:8080"),
        ("http://localhost:8080", "localhost", "http://localhost:8080"),
        ("http://[::1]:8080", "::1", "http://[::1]:8080"),
        ("http://[::1]:8080", "[::1]", "http://[::1]:8080"),
        ("http://[::ffff:10.1.2.3]:81", "10.0.0.0/8", "http://10.1.2.3:81"),
        ("http://2130706433:80", "127.0.0.0/8", "http://127.0.0.1"),
        ("http://10.1.2.3:81", " 192.168.0.0/16 , 10.0.0.0/8,", "http://10.1.2.3:81"),
        ("https://8.8.8.8", "8.8.8.8", "https://8.8.8.8"),
        ("https://console.corp.example", "corp.example", "https://console.corp.example"),
        ("https://corp.example", "*.Corp.Example", "https://corp.example"),
        ("https://bücher.example", "bücher.example", "https://xn--bcher-kva.example"),
    ],
)
def test_what_an_operator_allows(text: str, extra: str, origin: str) -> None:
    """The operator's hosts, addresses and ranges are allowed; inside ones over http and on any port too."""
    assert normalise(text, Allowed.parse(extra)).origin == origin


@pytest.mark.parametrize(
    ("text", "extra"),
    [
        ("http://127.0.0.2", "127.0.0.1"),
        ("http://localhost", "10.0.0.0/8"),
        ("http://8.8.8.8", "8.8.8.8"),
        ("https://8.8.8.8:8443", "8.8.8.8"),
        ("http://console.corp.example", "corp.example"),
        ("https://evilcorp.example", "corp.example"),
        ("https://www.sentinelone.net", "corp.example"),
    ],
)
def test_no_more_than_the_operator_allows(text: str, extra: str) -> None:
    """An allowance reaches no further than it says; public hosts keep https and port 443."""
    with pytest.raises(AddressError):
        normalise(text, Allowed.parse(extra))


@pytest.mark.parametrize(
    "extra",
    ["https://x.example", "x.example:8443", "com", "*", "0.0.0.0/0", "::/0", "10.0.0.0/99", "a b.c", "1.2.3"],
)
def test_nonsense_in_the_setting(extra: str) -> None:
    """An entry that is no host, address or sensible range is refused by name."""
    with pytest.raises(SettingsError, match="WAYPOST_ALLOWED_HOSTS"):
        Allowed.parse(extra)


@given(st.text(max_size=80))
def test_nothing_gets_past_the_suffixes(text: str) -> None:
    """Whatever is pasted, the result is an https console or an AddressError."""
    try:
        found = normalise(text, USUAL)
    except AddressError:
        return
    assert found.host.endswith((".sentinelone.net", ".s1gov.net"))
    assert (found.scheme, found.port, found.private) == ("https", 443, False)


@given(
    st.sampled_from(["", "https://", "http://", "HTTPS:", "//"]),
    st.text(alphabet="a.-@:/\\[]%0x127\u200b。", max_size=12),
    st.sampled_from(["", ".sentinelone.net", "sentinelone.net"]),
    st.text(alphabet="/:@#?.a4", max_size=6),
)
def test_normal_addresses_stay_as_they_are(scheme: str, left: str, suffix: str, right: str) -> None:
    """An address that was normalised is normalised to itself, and only consoles come out."""
    try:
        found = normalise(scheme + left + suffix + right, USUAL)
    except AddressError:
        return
    assert found.host.endswith(".sentinelone.net")
    assert normalise(found.origin, USUAL) == found


@given(st.ip_addresses(v=4))
def test_no_spelling_of_an_ip_address_is_a_console(ip: ipaddress.IPv4Address) -> None:
    """Dotted, decimal, hexadecimal, octal and mapped spellings are all seen for what they are."""
    number = int(ip)
    for text in (str(ip), str(number), hex(number), f"0{number:o}", f"[::ffff:{ip}]", f"{ip}."):
        with pytest.raises(AddressError):
            normalise(f"https://{text}", USUAL)


class Fixed(AbstractResolver):
    """Leads every name to the given addresses."""

    def __init__(self, *hosts: str) -> None:
        self.hosts = hosts
        self.closed = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=ip, port=port, family=family, proto=0, flags=0)
            for ip in self.hosts
        ]

    async def close(self) -> None:
        self.closed = True


INSIDE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 - an address to refuse, not one to listen on
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "::1",
    "::",
    "fe80::1%eth0",
    "fc00::1",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:100.64.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
]


@pytest.mark.parametrize("ip", INSIDE)
async def test_names_may_not_lead_inside(ip: str) -> None:
    """A console's name that leads to an inside address is refused: DNS rebinding reaches nothing."""
    with pytest.raises(ForbiddenAddressError, match="inside"):
        await Resolver(USUAL, Fixed(ip)).resolve(HOST, 443)


async def test_public_addresses_pass() -> None:
    """Public addresses pass, and inside ones among them are left out."""
    resolver = Resolver(USUAL, Fixed("8.8.8.8", "10.0.0.1", "2606:4700::1111", "64:ff9b::808:808"))

    found = await resolver.resolve(HOST, 443)

    assert [one["host"] for one in found] == ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"]


async def test_allowed_networks_pass() -> None:
    """An inside address passes once the operator has named it, also in its IPv6 spelling."""
    resolver = Resolver(Allowed.parse("10.0.0.0/8"), Fixed("10.0.0.1", "::ffff:10.0.0.2", "127.0.0.1"))

    found = await resolver.resolve(HOST, 443)

    assert [one["host"] for one in found] == ["10.0.0.1", "::ffff:10.0.0.2"]


async def test_closing() -> None:
    """Closing the resolver closes the one inside it."""
    inner = Fixed()
    await Resolver(USUAL, inner).close()

    assert inner.closed
