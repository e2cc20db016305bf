"""A plain Playwright page and a session of ours on the same page agree on what is there."""

import json
import re

import pytest
from playwright.sync_api import Page
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.end_to_end.conftest import Opening
from tests.end_to_end.remote import Json
from tests.end_to_end.steps import Step, do, do_ours
from tests.site import Site, documents

pytestmark = pytest.mark.browser

ACTING = frozenset(
    {
        "button", "link", "textbox", "searchbox", "checkbox", "radio", "combobox", "listbox",
        "slider", "spinbutton", "switch", "tab", "menuitem",
    }
)  # fmt: skip
_ARIA_LINE = re.compile(r'^\s*- [\']?(?P<role>[a-z]+)(?: "(?P<name>(?:[^"\\]|\\.)*)")?')
NEVER_DONE = {"alert-loop", "confirm-on-load", "dialog-on-load", "hanging-script"}


def acting_of_aria(tree: str) -> list[tuple[str, str]]:
    """Role and name of what can be acted on, in the order of Playwright's aria snapshot."""
    found = []
    for line in tree.splitlines():
        match = _ARIA_LINE.match(line)
        if match and match["role"] in ACTING:
            found.append((match["role"], json.loads(f'"{match["name"] or ""}"')))
    return found


def acting_of_ours(page: Json) -> list[Json]:
    """The elements of a snapshot of ours that have such a role."""
    return [element for element in page["elements"] if element["role"] in ACTING]


def agrees(theirs: tuple[str, str], ours: Json) -> bool:
    """Whether role and name are the same; our line has the name as text, label or placeholder."""
    role, name = theirs
    return ours["role"] == role and (
        name in (ours["text"], ours["name"]) or f'"{name}"' in ours["desc"]
    )


def assert_agree(theirs: list[tuple[str, str]], ours: list[Json]) -> None:
    """Each of theirs is ours, and no other, in the same order."""
    lines = [element["desc"] for element in ours]
    for expected, element in zip(theirs, ours, strict=False):
        assert agrees(expected, element), f"{expected} is {element['desc']} in {lines}"
    assert len(ours) == len(theirs), f"{theirs}\n{lines}"


@pytest.mark.parametrize("name", sorted(set(documents.NAMES) - NEVER_DONE))
def test_url_and_title_agree(page: Page, opening: Opening, site: Site, name: str) -> None:
    answer = page.goto(site.url(f"/{name}"), wait_until="domcontentloaded")
    assert answer is not None
    ours = opening(site.url(f"/{name}")).page
    assert (ours["url"], ours["title"], ours["status"]) == (page.url, page.title(), answer.status)


@pytest.mark.parametrize(
    "path",
    [
        "/beforeunload", "/covered", "/dialogs", "/enabling", "/form", "/keyboard", "/late",
        "/list", "/login", "/popups", "/reference?links=20", "/replaced", "/spa", "/status/404",
        "/sticky", "/submitted?a=1", "/upload",
    ],
)  # fmt: skip
def test_what_can_be_acted_on_is_what_the_aria_tree_has_in_its_order(
    page: Page, opening: Opening, site: Site, path: str
) -> None:
    page.goto(site.url(path))
    tree = page.locator("body").aria_snapshot()
    # Of no size: assistive technology is told of it, but nobody can act on it.
    theirs = [one for one in acting_of_aria(tree) if one != ("button", "No size")]
    assert_agree(theirs, acting_of_ours(opening(site.url(path)).page))


def test_nothing_of_a_rich_page_is_missed(page: Page, opening: Opening, site: Site) -> None:
    page.goto(site.url("/elements"))
    theirs = acting_of_aria(page.locator("body").aria_snapshot())
    assert any(len(name) > 80 for _, name in theirs)
    rest = iter(acting_of_ours(opening(site.url("/elements")).page))
    for expected in theirs:
        if len(expected[1]) <= 80:
            assert any(agrees(expected, element) for element in rest), f"{expected} is missing"


def test_the_frames_hold_the_same(page: Page, opening: Opening, site: Site) -> None:
    page.goto(site.url("/frames"), wait_until="load")
    theirs = acting_of_aria(page.aria_snapshot(mode="ai"))
    ours = acting_of_ours(opening(site.url("/frames"), wait_until="load").page)
    assert_agree(theirs, ours)
    assert len(ours) == 10  # a button of the page's own, and what is in five frames


def test_buttons_in_every_frame_are_pressed(page: Page, opening: Opening, site: Site) -> None:
    page.goto(site.url("/frames"), wait_until="load")
    session = opening(site.url("/frames"), wait_until="load")
    for name in ("same", "cross", "scripted"):
        page.frame_locator(f"[name={name}]").locator("button").click()
        session.click(f"Button in {name}")
        assert session.element(f"{name} pressed")["tag"] == "button"
    page.frame_locator("[name=srcdoc]").locator("button").click()
    session.click("In srcdoc")
    page.locator("#top").click()
    session.click("Top button")
    assert session.text() == page.locator("#log").text_content()


def test_frames_three_deep_are_reached(page: Page, opening: Opening, site: Site) -> None:
    page.goto(site.url("/frames-nested"), wait_until="load")
    session = opening(site.url("/frames-nested"), wait_until="load")
    deepest = page.frames[-1].locator("button")
    deepest.click()
    session.click("Level 3")
    assert session.element(str(deepest.text_content()))["text"] == "Level 3 pressed"


@pytest.mark.parametrize(
    ("path", "name", "selector"),
    [
        ("/covered", "Under the veil", "#covered"),
        ("/covered", "Takes no pointer", "#inert"),
        ("/covered", "Disabled", "#disabled"),
        ("/enabling", "Armed", "#late"),
        ("/offscreen", "Outside the page", "#outside"),
    ],
)
def test_what_playwright_cannot_click_we_do_not_claim_to_have_clicked(
    page: Page, opening: Opening, site: Site, path: str, name: str, selector: str
) -> None:
    page.goto(site.url(path))
    with pytest.raises(PlaywrightTimeout):
        page.locator(selector).click(timeout=700)
    session = opening(site.url(path))
    done = session.attempt("click", session.ref(name), timeout=0.7)
    assert done["success"] is False
    assert done["message"]
    assert done["code"]
    assert session.text() == page.locator("#log").text_content() == ""


def test_cookies_are_kept_and_sent_alike(page: Page, opening: Opening, site: Site) -> None:
    page.goto(site.url("/cookies/set"))
    session = opening(site.url("/cookies/set"))
    assert session.value("document.cookie") == page.evaluate("document.cookie")
    page.locator("a").click()
    session.click("What is sent?")
    page.wait_for_url("**/cookies/sent")
    theirs, ours = (
        json.loads(str(text)) for text in (page.text_content("pre"), session.text("pre"))
    )
    assert ours == theirs
    assert list(ours) == ["below", "http_only", "lasting", "plain", "strict"]


@pytest.mark.parametrize(
    "path", ["/redirect?n=5", "/redirect?n=2&to=/status/404", "/status/500", "/json", "/empty"]
)
def test_where_it_ends_and_with_which_status_agrees(
    page: Page, opening: Opening, site: Site, path: str
) -> None:
    answer = page.goto(site.url(path))
    assert answer is not None
    ours = opening(site.url(path)).page
    assert (ours["url"], ours["title"], ours["status"]) == (page.url, page.title(), answer.status)


def test_history_agrees(page: Page, opening: Opening, site: Site) -> None:
    page.goto(site.url("/form"))
    session = opening(site.url("/form"))
    page.goto(site.url("/list"))
    session.open(site.url("/list"))
    for step in (Step("back"), Step("forward"), Step("back")):
        do(page, step)
        do_ours(session, step)
        assert (session.page["url"], session.page["title"]) == (page.url, page.title())
    page.reload()
    session.act("reload")
    assert session.value("history.length") == page.evaluate("history.length")


def test_views_of_one_page_agree(page: Page, opening: Opening, site: Site) -> None:
    page.goto(site.url("/spa"))
    session = opening(site.url("/spa"))
    for name in ("List", "Detail"):
        page.locator(f"text='{name}'").click()
        session.click(name)
        assert (session.page["url"], session.page["title"]) == (page.url, page.title())
    do(page, Step("back"))
    do_ours(session, Step("back"))
    assert (session.page["url"], session.page["title"]) == (page.url, page.title())
    assert session.element("Act on list")["tag"] == "button"


@pytest.mark.parametrize(
    ("button", "expected"),
    [("Go in a moment", "from=timer"), ("Fetch twice, then go", "from=chain")],
)
def test_a_click_that_leads_elsewhere_later_ends_at_the_same_place(
    page: Page, opening: Opening, site: Site, button: str, expected: str
) -> None:
    page.goto(site.url("/late"))
    page.locator(f"text='{button}'").click()
    page.wait_for_url(f"**{expected}")
    session = opening(site.url("/late"))
    session.click(button)
    session.act("wait", url=f"**{expected}")
    assert session.snapshot()["url"] == page.url


def test_the_browser_shows_itself_to_sites_in_the_same_way(
    page: Page, opening: Opening, site: Site
) -> None:
    page.goto(site.url("/headers"))
    session = opening(site.url("/headers"))
    theirs, ours = (
        json.loads(str(text)) for text in (page.text_content("pre"), session.text("pre"))
    )
    assert ours == theirs
    facts = "[navigator.webdriver, navigator.languages, innerWidth, innerHeight, devicePixelRatio]"
    assert session.value(facts) == page.evaluate(facts)
