"""The page behind a connect link, in a real browser against a real service and a simulated console."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

CONTRAST = Path(__file__).with_name("contrast.js").read_text().partition("\n")[2]
LOOKS = [("light", 1280), ("dark", 1280), ("light", 360), ("dark", 360)]
Visit = Callable[..., Any]


@pytest.fixture(scope="module")
def organization(service: Any) -> str:
    return str(service.organization("Nordwind Logistics"))


@pytest.fixture(autouse=True)
def _nothing_connected(service: Any, console: Any) -> Iterator[None]:
    yield
    console.heal()
    for item in service.call("GET", "/connections")["items"]:
        service.call("DELETE", f"/connections/{item['id']}?purge=true")


def fill(page: Page, **fields: str) -> None:
    for name, text in fields.items():
        page.locator(f"#{name}").fill(text)


def check(page: Page) -> None:
    """Press Check, and wait for the end of the check."""
    page.get_by_role("button", name=re.compile("^Check")).click()
    expect(page.locator("[data-check]")).to_have_text("Check again", timeout=60_000)


def look(page: Page, picture: Path) -> None:
    """What must be so whatever the page shows: nothing to scroll sideways, and every text can be read."""
    page.wait_for_timeout(350)  # what arrives has arrived
    page.screenshot(path=picture, full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert page.evaluate(CONTRAST.rstrip().rstrip(";"), 4.5) == []
    page.evaluate("scrollTo(0, 0)")


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_a_customer_connects_a_console(
    scheme: str, width: int, service: Any, console: Any, organization: str, visit: Visit, pictures: Path
) -> None:
    """From the link through a wrong token to a saved connection, in light and dark, on a desk and a phone."""
    link = service.link(organization)
    page = visit(link, width=width, color_scheme=scheme).page
    shot = lambda step: pictures / f"{scheme}-{width}-{step}.png"  # noqa: E731  # a name for a file
    expect(page.get_by_role("heading", level=1)).to_have_text("Connect your SentinelOne console")
    expect(page.get_by_role("img")).to_have_count(4)
    look(page, shot("1-opened"))

    fill(page, url=f"{console.url}/dashboard?tab=1#top", token=f"{console.token[:-1]}!")
    check(page)
    expect(page.locator("[data-title]")).to_have_text("Not ready to save")
    refused = page.locator(".line[data-state=fail]")
    expect(refused).to_contain_text("Accepted")
    expect(refused).to_contain_text("Settings > Users > Service Users")
    expect(page.locator("[data-save]")).to_be_hidden()
    assert "waypost connection" not in page.locator("body").inner_text()
    look(page, shot("2-refused"))

    fill(page, token=f"  ApiToken {console.token}\t")
    check(page)
    expect(page.locator("[data-title]")).to_have_text("Ready to save")
    expect(page.locator("[data-title]")).to_be_focused()
    expect(page.locator(".line", has_text="Agents").first).to_contain_text("OK")
    look(page, shot("3-ready"))

    page.get_by_role("button", name="Save").click()
    done = page.get_by_role("heading", level=1)
    expect(done).to_have_text("Your console is connected", timeout=60_000)
    expect(done).to_be_focused()
    look(page, shot("4-saved"))
    assert console.token not in page.content()

    (connection,) = service.call("GET", "/connections")["items"]
    assert connection["organization"]["name"] == organization
    assert connection["name"] == f"{organization} 127.0.0.1"
    second = visit(link, width=width, color_scheme=scheme).page
    expect(second.get_by_role("heading", level=1)).to_have_text("This link opens nothing")
    assert organization not in second.content()
    look(second, shot("5-again"))


def test_with_the_keyboard_alone(service: Any, console: Any, organization: str, visit: Visit) -> None:
    """Tab, typing and Enter are enough, in the order of the page, and what has the focus is outlined."""
    page = visit(service.link(organization)).page
    order: list[str] = []

    def tab(until: str) -> None:
        for _ in range(12):
            page.keyboard.press("Tab")
            name, outline = page.evaluate(
                "[document.activeElement.id || document.activeElement.textContent.trim(),"
                " getComputedStyle(document.activeElement).outlineStyle]"
            )
            order.append(name)
            assert outline != "none", name
            if name == until:
                return
        raise AssertionError(f"{until} cannot be reached: {order}")

    tab("url")
    page.keyboard.type(console.url)
    tab("token")
    page.keyboard.type(console.token)
    tab("Show")
    page.keyboard.press("Space")
    assert page.locator("#token").get_attribute("type") == "text"
    page.keyboard.press("Space")
    assert page.locator("#token").get_attribute("type") == "password"
    tab("name")
    page.keyboard.type("Headquarters")
    tab("Check")
    page.keyboard.press("Enter")
    expect(page.locator("[data-title]")).to_have_text("Ready to save", timeout=60_000)
    tab("Save")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your console is connected", timeout=60_000)
    assert order == ["url", "token", "Show", "name", "Check", "Save"]
    assert [item["name"] for item in service.call("GET", "/connections")["items"]] == ["Headquarters"]


def test_each_line_is_shown_as_it_comes(service: Any, console: Any, organization: str, visit: Visit) -> None:
    """While the console is slow, the first lines stand there before the last are known, and are announced."""
    page = visit(service.link(organization)).page
    console.fault({"kind": "latency", "ms": 700})
    fill(page, url=console.url, token=console.token)
    page.get_by_role("button", name="Check").click()
    expect(page.locator(".line").first).to_contain_text("Address")
    expect(page.locator("[data-check]")).to_have_text("Checking…")
    expect(page.locator("[data-check]")).to_have_attribute("aria-disabled", "true")
    seen = page.locator(".line").count()
    expect(page.locator("[data-title]")).to_have_text("Ready to save", timeout=60_000)
    assert seen < page.locator(".line").count()
    assert page.get_by_role("log").get_by_role("listitem").count() == page.locator(".line").count()


def test_what_cannot_be_used_is_said_at_its_field(service: Any, organization: str, visit: Visit) -> None:
    """Each field names its own fault to eyes and to screen readers; the first has the focus; mending clears it."""
    page = visit(service.link(organization)).page
    fill(page, url="https://example.com/login", token="two words", name="\u202eevil")
    page.get_by_role("button", name="Check").click()
    for name, words in (("url", "not a SentinelOne console"), ("token", "spaces"), ("name", "no name")):
        box = page.locator(f"#{name}")
        expect(box).to_have_attribute("aria-invalid", "true")
        problem = page.locator(f"#{name}-problem")
        expect(problem).to_contain_text(words)
        assert f"{name}-problem" in (box.get_attribute("aria-describedby") or "")
    expect(page.locator("#url")).to_be_focused()
    expect(page.locator(".line")).to_have_count(0)
    fill(page, url="https://usea1.sentinelone.net")
    expect(page.locator("#url-problem")).to_be_hidden()
    assert page.locator("#url").get_attribute("aria-invalid") is None


def test_a_change_after_the_check_wants_another(
    service: Any, console: Any, organization: str, visit: Visit
) -> None:
    """What was not checked cannot be saved: Save goes away with the first key stroke."""
    page = visit(service.link(organization)).page
    fill(page, url=console.url, token=console.token)
    check(page)
    expect(page.get_by_role("button", name="Save")).to_be_visible()
    page.locator("#token").press_sequentially("x")
    expect(page.locator("[data-save]")).to_be_hidden()


def test_a_link_that_is_revoked_meanwhile(
    service: Any, console: Any, organization: str, visit: Visit
) -> None:
    """A page whose link was taken back says so and saves nothing."""
    page = visit(service.link(organization)).page
    fill(page, url=console.url, token=console.token)
    check(page)
    newest = service.call("GET", "/connect-links")["items"][0]
    service.call("DELETE", f"/connect-links/{newest['id']}")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("taken back")
    expect(page.get_by_role("alert")).to_contain_text("Ask whoever sent it for a new link.")
    assert service.call("GET", "/connections")["items"] == []


@pytest.fixture
def connected(service: Any, console: Any, organization: str) -> dict[str, Any]:
    """A connection of the organization."""
    document = {
        "name": "Main console",
        "url": console.url,
        "token": console.token,
        "organization": organization,
    }
    added: dict[str, Any] = service.call("POST", "/connections", document)
    return added.get("connection", added)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_a_new_token_for_a_connection(
    scheme: str,
    width: int,
    service: Any,
    console: Any,
    organization: str,
    connected: dict[str, Any],
    visit: Visit,
    pictures: Path,
) -> None:
    """Such a link asks for the token alone; one that sees less must be confirmed; name and address stay."""
    link = service.link(organization, connection=connected["id"])
    page = visit(link, width=width, color_scheme=scheme).page
    expect(page.get_by_role("heading", level=1)).to_have_text("A new token for Main console")
    expect(page.locator("#url, #name")).to_have_count(0)
    expect(page.locator(".fixed")).to_have_text(console.url.removeprefix("http://"))
    fill(page, token=console.of_scope("account"))
    check(page)
    expect(page.locator(".line", has_text="Against before")).to_contain_text("Warning")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#narrower-problem")).to_be_visible(timeout=60_000)
    look(page, pictures / f"{scheme}-{width}-narrower.png")
    page.get_by_label("The new token is meant to see less").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The new token is in use", timeout=60_000)
    (after,) = service.call("GET", "/connections")["items"]
    assert (after["name"], after["url"]) == ("Main console", console.url)
    assert after["identity"]["scope"] == "account"


def test_without_javascript(service: Any, console: Any, organization: str, visit: Visit) -> None:
    """A browser without scripts checks and saves by whole pages, and gets the token back in none of them."""
    page = visit(service.link(organization), java_script_enabled=False).page
    fill(page, url=console.url, token=console.token)
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.locator("[data-title]")).to_have_text("Ready to save")
    expect(page.locator(".line", has_text="Agents").first).to_contain_text("OK")
    assert console.token not in page.content()
    fill(page, token="wrong")
    page.get_by_role("button", name="Check and save").click()
    expect(page.locator("#token-problem")).to_contain_text("Nothing was saved", ignore_case=True)
    fill(page, token=console.token)
    page.get_by_role("button", name="Check and save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your console is connected")
    assert len(service.call("GET", "/connections")["items"]) == 1


def test_who_wants_no_motion_sees_none(service: Any, console: Any, organization: str, visit: Visit) -> None:
    """With reduced motion nothing on the page is animated."""
    page = visit(service.link(organization), reduced_motion="reduce").page
    console.fault({"kind": "latency", "ms": 200})
    fill(page, url=console.url, token=console.token)
    page.get_by_role("button", name="Check").click()
    expect(page.locator(".line").first).to_be_visible()
    assert page.evaluate("document.getAnimations().length") == 0
    expect(page.locator("[data-check]")).to_have_text("Check again", timeout=60_000)


def test_a_lost_connection_is_said(service: Any, console: Any, organization: str, visit: Visit) -> None:
    """When Waypost does not answer, the page says so, and works again once it does."""
    page = visit(service.link(organization)).page
    fill(page, url=console.url, token=console.token)
    page.context.set_offline(True)
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("alert")).to_contain_text("lost")
    page.context.set_offline(False)
    check(page)
    expect(page.locator("[data-title]")).to_have_text("Ready to save")
