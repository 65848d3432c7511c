"""Addresses of receivers: public names by https, and nothing inside but what the operator allowed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from waypost import errors
from waypost.changes.webhooks import receiver
from waypost.sentinelone.address import Allowed

USUAL = Allowed()
INSIDE = Allowed.parse("10.1.0.0/16, localhost")


@pytest.mark.parametrize(
    ("given_", "called"),
    [
        ("https://hooks.example.com", "https://hooks.example.com/"),
        (" https://Hooks.Example.com:443/In/A?Key=1&x=%20 ", "https://hooks.example.com/In/A?Key=1&x=%20"),
        ("https://hooks.example.com:8443?x", "https://hooks.example.com:8443/?x"),
        ("HTTPS://münchen.example/a", "https://xn--mnchen-3ya.example/a"),
    ],
)
def test_public_names(given_: str, called: str) -> None:
    """Any public name, port and path will do; the host is written as it is looked up, the rest stays."""
    assert receiver.checked(given_, USUAL) == called
    assert receiver.checked(called, USUAL) == called


@pytest.mark.parametrize(
    "url",
    [
        "", "hooks.example.com", "ftp://hooks.example.com", "http://hooks.example.com", "https://",
        "https://user:secret@hooks.example.com", "https://hooks.example.com/#part", "https://hooks.example.com/a b",
        "https://hooks.example.com:0", "https://hooks.example.com:99999", "https://hooks.example.com/\\evil",
        "https://localhost/x", "https://hooks/x", "https://127.0.0.1", "https://127.1", "https://2130706433",
        "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://169.254.169.254/latest/meta-data", "https://10.1.2.3",
        "https://93.184.216.34/", "https://hooks.example.com\n.evil.example/", "https://" + "a" * 3000 + ".example",
        "https://hooks.example.com/%zz", "https://hooks.example.com/é",
    ],
)  # fmt: skip
def test_what_is_refused(url: str) -> None:
    """What is no https address with a public name is refused, with what to do instead."""
    with pytest.raises(errors.WebhookAddressError) as refusal:
        receiver.checked(url, USUAL)
    assert refusal.value.field == "url"
    assert "secret" not in str(refusal.value)


def test_what_an_operator_allowed() -> None:
    """Allowed inside addresses are called, by http too and on any port; their neighbours are not."""
    assert receiver.checked("http://10.1.2.3:9000/x", INSIDE) == "http://10.1.2.3:9000/x"
    assert receiver.checked("http://localhost:9000", INSIDE) == "http://localhost:9000/"
    for url in ("http://10.2.0.1/", "https://10.2.0.1/", "http://hooks.example.com/"):
        with pytest.raises(errors.WebhookAddressError):
            receiver.checked(url, INSIDE)


@given(st.text(max_size=60), st.sampled_from(["https://{}", "https://hooks.example.com{}", "{}"]))
def test_whatever_is_given(text: str, form: str) -> None:
    """Whatever is given is refused by name, or leads where the program that calls it reads it to lead."""
    try:
        called = receiver.checked(form.format(text), INSIDE)
    except errors.WebhookAddressError:
        return
    read = URL(called, encoded=True)
    assert str(read) == called
    assert read.scheme in ("https", "http")
    assert read.user is None
    assert receiver.host(called).startswith((read.raw_host or "?", f"[{read.raw_host}]"))
    assert receiver.checked(called, INSIDE) == called
