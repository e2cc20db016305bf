"""A form filled by plain Playwright and by a session of ours holds and sends the same."""

import base64
import json

import pytest
from playwright.sync_api import Page

from tests.end_to_end.conftest import Opening
from tests.end_to_end.steps import Step, do, do_ours
from tests.site import Site

pytestmark = pytest.mark.browser

FILLED = [
    Step("fill", "[name=name]", "Name", "Ada Lovelace"),
    Step("fill", "[name=email]", "Email", "ada@example.org"),
    Step("fill", "[name=password]", "Password", "s3cret & more"),
    Step("fill", "[name=tel]", "Telephone", "+41 44 000 00 00"),
    Step("fill", "[name=web]", "Web", "https://example.org/?a=b&c=d"),
    Step("fill", "[name=search]", "Search", "ünïcödé 日本語 🙂"),
    Step("fill", "[name=age]", "Age", "36"),
    Step("fill", "[name=born]", "Born", "1815-12-10"),
    Step("fill", "[name=time]", "Time", "13:37"),
    Step("fill", "[name=colour]", "Colour", "#aa5500"),
    Step("fill", "[name=volume]", "Volume", "8"),
    Step("fill", "[name=notes]", "Notes", "first line\nsecond line"),
    Step("select", "[name=country]", "Country", "Japan"),
    Step("select", "[name=languages]", "Languages", ["French", "Italian"]),
    Step("check", "[name=agree]", "I agree"),
    Step("uncheck", "[name=news]", "Send news"),
    Step("check", "[value=large]", "Large"),
    Step("fill", "#essay", "Essay", "written here"),
]
FORM_VALUES = """[...document.querySelectorAll('input, select, textarea')].map((field) => [
    field.name, field.value, !!field.checked,
    field.selectedOptions ? [...field.selectedOptions].map((option) => option.value) : null,
])"""


@pytest.mark.parametrize("button", ["Send by POST", "Send by GET"])
def test_a_filled_form_holds_and_sends_the_same(
    page: Page, opening: Opening, site: Site, button: str
) -> None:
    page.goto(site.url("/form"))
    session = opening(site.url("/form"))
    for step in FILLED:
        do(page, step)
        do_ours(session, step)
    assert session.value(FORM_VALUES) == page.evaluate(FORM_VALUES)
    page.locator(f"text='{button}'").click()
    done = session.click(button)
    page.wait_for_url("**/submitted*")
    theirs, ours = site.asked("/submitted")
    assert (ours.method, ours.query, ours.body) == (theirs.method, theirs.query, theirs.body)
    assert (done["url"], done["title"]) == (page.url, page.title())
    assert session.text("#json") == page.locator("#json").text_content()


def test_values_in_a_snapshot_are_the_fields_own_but_never_a_password(
    page: Page, opening: Opening, site: Site
) -> None:
    page.goto(site.url("/form"))
    session = opening(site.url("/form"))
    for step in FILLED:
        do(page, step)
        do_ours(session, step)
    session.snapshot()
    for name, selector in [("Name", "name"), ("Notes", "notes"), ("Born", "born"), ("Age", "age")]:
        assert session.element(name)["value"] == page.locator(f"[name={selector}]").input_value()
    assert session.element("Password")["value"] is None
    assert "s3cret" not in json.dumps(session.page)
    for name, selector in [("I agree", "[name=agree]"), ("Large", "[value=large]")]:
        assert session.element(name)["checked"] is page.locator(selector).is_checked()
    assert session.element("Disabled")["disabled"] is True


def test_an_uploaded_file_arrives_the_same(page: Page, opening: Opening, site: Site) -> None:
    data = bytes(range(256)) * 40
    page.goto(site.url("/upload"))
    page.locator("[name=one]").set_input_files(
        {"name": "a file.bin", "mimeType": "application/octet-stream", "buffer": data}
    )
    page.locator("text='Send'").click()
    session = opening(site.url("/upload"))
    file = {"name": "a file.bin", "base64": base64.b64encode(data).decode()}
    session.act("upload", session.ref("One file"), files=[file])
    assert session.text() == "one: a file.bin 10240\n"
    session.click("Send")
    assert session.text("#json") == page.locator("#json").text_content()


def test_the_elements_text_has_one_line_an_element(opening: Opening, site: Site) -> None:
    session = opening(site.url("/form"))
    session.act("fill", session.ref("Notes"), text="first line\nsecond line")
    lines = session.snapshot()["elements_text"].split("\n")
    assert lines == [element["desc"] for element in session.page["elements"]]
