"""Secrets typed into real pages: where they go, and where they don't."""

from collections.abc import Callable
from typing import Any

import pytest

from agent_browser.browser.context import ChromiumContext
from agent_browser.browser.engine import Secret
from agent_browser.models.functions import InteractInput, InteractOutput
from agent_browser.models.secrets import may_be_typed
from tests.browser.driving import Driving

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

TEXT = "s3cret/of \"Ada\" & '%s' wörd"


def secret(*origins: str, text: str = TEXT) -> Secret:
    return Secret("login", "secret-1", lambda: text, lambda origin: may_be_typed(origins, origin))


async def whisper(
    drive: Driving, action: Any, ref: str | None, what: Secret, **more: Any
) -> InteractOutput:
    input = InteractInput(action=action, ref=ref, text={"secret": what.name}, **more)
    done = await drive.context.interact(input, (), what)
    if done.snapshot is not None:
        drive.elements = done.snapshot.elements
    return done


async def build(drive: Driving, markup: str) -> None:
    """A page of the site's with that in it."""
    await drive.open("/empty.html")
    await drive.value(f"document.body.innerHTML = {markup!r}; null")


@pytest.mark.parametrize(
    ("markup", "value"),
    [
        ('<input id="a" value="before">', "a.value"),
        ('<input id="a" type="password" value="before">', "a.value"),
        ('<textarea id="a">before</textarea>', "a.value"),
        ('<div id="a" contenteditable>before <b>it</b></div>', "a.textContent"),
        ('<label id="l">Name <input id="a"></label>', "a.value"),
    ],
)
async def test_a_secret_takes_the_place_of_what_a_field_has(
    drive: Driving, markup: str, value: str
) -> None:
    await build(drive, markup)
    await drive.value(
        "window.seen = []; addEventListener('input', e => seen.push([e.isTrusted, e.inputType]));"
        "null"
    )
    done = await whisper(drive, "fill", "css=#l, #a:not(#l #a)", secret(drive.site.origin))
    assert done.success, done.message
    assert (await drive.value(f"document.querySelector('#a') && {value}")).strip() == TEXT
    assert (await drive.value("seen"))[-1] == [True, "insertText"]


async def test_a_number_and_a_date_are_filled_in(drive: Driving) -> None:
    await build(drive, '<input id="n" type="number"><input id="d" type="date">')
    for field, text in (("n", "123456"), ("d", "2026-11-20")):
        done = await whisper(drive, "fill", f"css=#{field}", secret(drive.site.origin, text=text))
        assert done.success, done.message
        assert await drive.value(f"{field}.value") == text


async def test_on_another_origin_nothing_is_typed_and_what_was_there_stays(drive: Driving) -> None:
    await build(drive, '<input id="a" value="before">')
    await drive.value("window.seen = 0; addEventListener('input', () => seen++); null")
    other = secret("https://acme.example", drive.site.origin.replace("127.0.0.1", "127.0.0.2"))
    for action in ("fill", "type", "insert_text"):
        done = await whisper(drive, action, "css=#a", other)
        assert (done.success, done.code) == (False, "secret_not_allowed")
        assert "login" in str(done.message)
        assert drive.site.origin in str(done.message)
    assert await drive.value("[a.value, seen]") == ["before", 0]
    assert not drive.context.veil


async def framed(drive: Driving, url: str, attributes: str = "") -> str:
    """A page with a frame of that address that has a field; the field's ref."""
    await build(drive, f'<iframe id="f" {attributes} src="{url}"></iframe>')
    await drive.act("wait", load_state="networkidle")
    await drive.snapshot()
    return drive.ref('"Name"')


async def test_the_origin_of_the_fields_own_frame_counts_and_not_the_pages(drive: Driving) -> None:
    ref = await framed(drive, drive.site.other_origin("/form"))
    there = drive.site.other_origin("")
    for action in ("fill", "insert_text", "type"):
        done = await whisper(drive, action, ref, secret(drive.site.origin))
        assert (done.success, done.code) == (False, "secret_not_allowed"), action
        assert there.rstrip("/") in (done.message or "")
    for action in ("fill", "insert_text"):
        await drive.act("clear", ref)
        done = await whisper(drive, action, ref, secret(there))
        assert done.success, done.message
        assert next(item.value for item in drive.elements if item.ref == ref) == TEXT, action


async def test_a_sandboxed_frame_is_of_no_origin(drive: Driving) -> None:
    ref = await framed(drive, drive.site.url("/form"), 'sandbox="allow-scripts allow-forms"')
    done = await whisper(drive, "fill", ref, secret(drive.site.origin))
    assert (done.success, done.code) == (False, "secret_not_allowed")
    assert "an origin of its own" in (done.message or "")


async def test_a_page_can_not_pretend_to_be_another(drive: Driving) -> None:
    await build(drive, '<input id="a">')
    await drive.value(
        "Object.defineProperty(window, 'origin', { value: 'https://acme.example' });"
        "self.origin = 'https://acme.example'; document.domain; null"
    )
    done = await whisper(drive, "fill", "css=#a", secret("https://acme.example"))
    assert (done.code, await drive.value("a.value")) == ("secret_not_allowed", "")


async def test_a_page_can_not_pretend_that_a_frame_has_the_focus(drive: Driving) -> None:
    ref = await framed(drive, drive.site.other_origin("/form"))
    await drive.act("focus", ref)
    await drive.value(
        "document.body.insertAdjacentHTML('beforeend', '<input id=mine>');"
        "const f = document.querySelector('iframe'); mine.focus();"
        "Object.defineProperty(document, 'activeElement', { get: () => f }); null"
    )
    for action in ("type", "insert_text"):
        done = await whisper(drive, action, None, secret(drive.site.other_origin("")))
        assert (done.success, done.code) == (False, "secret_not_allowed"), action
    assert await drive.value("mine.value") == ""


async def test_keys_stop_where_the_focus_goes_to_another_origin(drive: Driving) -> None:
    ref = await framed(drive, drive.site.other_origin("/form"))
    await drive.act("focus", ref)
    await drive.value(
        "document.body.insertAdjacentHTML('beforeend', '<input id=mine>');"
        "mine.oninput = () => { if (mine.value.length === 3) document.querySelector('iframe')"
        ".contentWindow.focus() }; null"
    )
    await drive.value("mine.focus(); null")
    done = await whisper(drive, "type", None, secret(drive.site.origin))
    typed = await drive.value("mine.value")
    assert (done.success, done.code, typed) == (False, "secret_not_allowed", TEXT[:3])
    await drive.snapshot()
    assert next(item.value for item in drive.elements if item.ref == ref) == ""


async def test_a_frame_that_goes_away_meanwhile_gets_nothing(drive: Driving) -> None:
    ref = await framed(drive, drive.site.url("/form"))
    await drive.value(
        "const f = document.querySelector('iframe');"
        "f.contentDocument.addEventListener('input', () => { f.src = 'about:blank'; f.remove() });"
        "window.f = f; null"
    )
    await drive.value("f.contentDocument.querySelector('[name]').value = 'before'; null")
    done = await whisper(drive, "fill", ref, secret(drive.site.origin))
    assert (done.success, done.code) == (False, "stale_ref")
    assert TEXT not in str(done)


async def test_codes_go_into_boxes_that_pass_the_focus_on(drive: Driving) -> None:
    boxes = "".join(f'<input id="b{n}" maxlength="1">' for n in range(6))
    await build(drive, boxes)
    await drive.value(
        "document.querySelectorAll('input').forEach((box, n, all) => box.onkeyup = () => "
        "all[n + 1] && all[n + 1].focus()); null"
    )
    done = await whisper(drive, "type", "css=#b0", secret(drive.site.origin, text="493817"))
    assert done.success, done.message
    assert await drive.value(
        "[...document.querySelectorAll('input')].map(b => b.value).join('')"
    ) == ("493817")


async def test_text_is_inserted_where_the_caret_is(drive: Driving) -> None:
    await build(drive, '<input id="a" value="[]">')
    await drive.value("a.focus(); a.setSelectionRange(1, 1); null")
    done = await whisper(drive, "insert_text", None, secret(drive.site.origin))
    assert done.success, done.message
    assert await drive.value("a.value") == f"[{TEXT}]"
    await drive.value("a.blur(); null")
    done = await whisper(drive, "insert_text", None, secret(drive.site.origin))
    assert (done.success, done.code) == (False, "not_editable")


@pytest.mark.parametrize(
    ("markup", "code"),
    [
        ('<input id="a" disabled>', "disabled"),
        ('<input id="a" readonly>', "not_editable"),
        ('<p id="a">text</p>', "not_editable"),
        ('<input id="a" style="display: none">', "not_visible"),
    ],
)
async def test_what_takes_no_text_takes_no_secret(drive: Driving, markup: str, code: str) -> None:
    await build(drive, markup)
    plain = await drive.act("fill", "css=#a", text="x", timeout=0.5)
    done = await whisper(drive, "fill", "css=#a", secret(drive.site.origin), timeout=0.5)
    assert not done.success
    assert done.code == plain.code, (done.code, plain.code, code)
    assert not drive.context.veil


async def test_a_field_that_hands_the_focus_on_gets_nothing(drive: Driving) -> None:
    await build(drive, '<input id="a" onfocus="b.focus()"><input id="b">')
    done = await whisper(drive, "fill", "css=#a", secret(drive.site.origin))
    assert not done.success
    assert await drive.value("a.value + b.value") == ""


def leaks(told: Callable[[], object]) -> bool:
    return TEXT in repr(told())


async def test_a_secret_shows_its_name_and_no_more(context: ChromiumContext) -> None:
    what = secret("https://acme.example")
    what.reveal()
    assert repr(what) == "Secret(name='login', key='secret-1', lasting=True)"
    context.veil.add("secret-1", TEXT)
    assert not leaks(lambda: context.veil)
