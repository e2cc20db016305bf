"""Tabs come back with their ids, their histories, what was filled in and how far they were
scrolled.
"""

import os
import signal
from pathlib import Path
from typing import Any

import anyio
import pytest
from playwright.async_api import CDPSession, Error, Route

from agent_browser.browser import returning
from agent_browser.browser.chromium import Chromium, ChromiumBrowser
from agent_browser.browser.context import ChromiumContext
from agent_browser.browser.frames import Frames
from agent_browser.browser.standin import NOT_YET, PATIENCE, PAUSE, Failures, put
from agent_browser.errors import BrowserLost
from agent_browser.models.events import EventType
from agent_browser.models.functions import ContextOptions
from agent_browser.models.network import RequestsInput
from agent_browser.settings import load
from tests.browser.driving import Driving
from tests.browser.reviving import brought, pairs, tab, tabs_of
from tests.site import Site

pytestmark = [pytest.mark.anyio, pytest.mark.browser]


def kinds(losses: Any) -> list[str]:
    return sorted(loss.what for loss in losses)


async def history(context: ChromiumContext) -> tuple[int, list[str]]:
    session = await context._tabs.active.worlds.session()
    for _ in range(PATIENCE):
        try:
            told = await session.send("Page.getNavigationHistory")
            break
        except Error as exc:  # the page of an address that did not answer is about to be there
            assert NOT_YET in str(exc)  # noqa: PT017 - it is a reason to ask again
            await anyio.sleep(PAUSE)
    return told["currentIndex"], [entry["url"] for entry in told["entries"]]


async def test_back_and_forward_work_from_the_middle_of_a_history(
    context: ChromiumContext, drive: Driving, site: Site
) -> None:
    first, second, third, fourth = (site.url(p) for p in ("/form", "/list", "/clock", "/spa"))
    losses = await brought(context, {"tabs": tabs_of(tab(second, first, after=(third, fourth)))})
    assert losses == ()
    assert context.page.url == second
    assert await history(context) == (2, ["about:blank", first, second, third, fourth])
    assert (await drive.act("back")).url == first
    assert (await drive.snapshot()).title == "Form of all fields"
    assert not (await drive.act("back")).success
    for url in (second, third, fourth):
        assert (await drive.act("forward")).url == url
    assert not (await drive.act("forward")).success
    paths = [request.path for request in site.requests if not request.path.startswith("/assets")]
    assert paths == ["/list", "/form", "/list", "/clock", "/spa"]


async def test_a_history_that_began_at_a_page_begins_there(
    context: ChromiumContext, drive: Driving, site: Site
) -> None:
    first, second = site.other_origin("/form"), site.url("/list")
    popup = {"id": "t1", "url": second, "history": {"index": 1, "entries": [
        {"url": first}, {"url": second}]}}  # fmt: skip
    assert await brought(context, {"tabs": tabs_of(popup)}) == ()
    assert await history(context) == (1, [first, second])


async def test_entries_at_the_same_address_and_at_places_in_one_page_are_kept(
    context: ChromiumContext, drive: Driving, site: Site
) -> None:
    page = site.url("/spa")
    urls = [page, page, f"{page}#a", f"{page}?view=list", f"{page}?view=list#b"]
    assert await brought(context, {"tabs": tabs_of(tab(urls[-1], *urls[:-1]))}) == ()
    assert await history(context) == (5, ["about:blank", *urls])
    assert await drive.value("document.title") == "View list"
    assert (await drive.act("back")).url == urls[-2]


async def test_more_entries_than_are_kept_are_told(context: ChromiumContext, site: Site) -> None:
    urls = [site.url(f"/list?{n}") for n in range(70)]
    losses = await brought(context, {"tabs": tabs_of(tab(urls[60], *urls[:60], after=()))})
    assert kinds(losses) == ["history"]
    at, entries = await history(context)
    assert len(entries) == 50
    assert entries[at] == urls[60]


async def test_tabs_keep_their_ids_and_none_is_given_out_again(
    context: ChromiumContext, drive: Driving, site: Site
) -> None:
    urls = [site.url("/form"), site.url("/list"), site.other_origin("/clock")]
    losses = await brought(
        context,
        {
            "tabs": tabs_of(
                tab(urls[2], tab_id="t7", opener="t3", title="A popup"),
                tab(urls[0], tab_id="t2"),
                tab(urls[1], tab_id="t3"),
                active="t3", last_tab=9, last_ref=40,
            ),
            "session t2": [{"origin": site.origin, "entries": pairs(of="t2")}],
            "session t3": [{"origin": site.origin, "entries": pairs(of="t3")}],
        },
    )  # fmt: skip
    assert kinds(losses) == ["opener"]
    listed = [(t.id, t.url, t.active, t.opener) for t in context.page.tabs]
    assert listed == [
        ("t2", urls[0], False, None), ("t3", urls[1], True, None), ("t7", urls[2], False, "t3"),
    ]  # fmt: skip
    assert await drive.value("sessionStorage.of") == "t3"
    await drive.act("tab_switch", tab="t2")
    assert await drive.value("sessionStorage.of") == "t2"
    new = await drive.act("tab_new", url=site.url("/form"))
    assert [t.id for t in new.new_tabs] == ["t10"]


async def test_a_tab_after_the_last_number_works_and_comes_back(
    chromium: ChromiumBrowser, context: ChromiumContext, drive: Driving, site: Site
) -> None:
    last = "t99999999"
    await brought(context, {"tabs": tabs_of(tab(site.url("/form"), tab_id=last), active=last)})
    new = await drive.act("tab_new", url=site.url("/list"))
    assert new.success
    assert (await drive.act("tab_switch", tab=last)).url == site.url("/form")
    assert (await drive.act("tab_switch", tab="t1")).url == site.url("/list")
    state = await context.capture(thorough=True)
    second = await chromium.new_context(ContextOptions())
    try:
        assert await second.restore(state, within=20) == ()
        assert [(t.id, t.url) for t in second.page.tabs] == [
            ("t1", site.url("/list")), (last, site.url("/form")),
        ]  # fmt: skip
    finally:
        await second.close()


async def test_refs_of_before_are_stale_and_new_ones_follow_on(
    context: ChromiumContext, drive: Driving, site: Site
) -> None:
    await brought(context, {"tabs": tabs_of(tab(site.url("/form")), last_ref=40)})
    answer = await drive.act("click", "@e7")
    assert (answer.success, answer.code) == (False, "stale_ref")
    assert (await drive.act("click", "@e4000")).code == "unknown_ref"
    await drive.snapshot()
    assert min(int(element.ref[2:]) for element in drive.elements) == 41


async def test_more_tabs_than_may_be_open_are_told(context: ChromiumContext, site: Site) -> None:
    context._tabs.most = 2
    tabs = [tab(site.url("/list"), tab_id=f"t{n}") for n in (1, 2, 3, 4)]
    losses = await brought(context, {"tabs": tabs_of(*tabs)})
    assert kinds(losses) == ["tab", "tab"]
    assert [t.id for t in context.page.tabs] == ["t1", "t2"]


async def test_what_was_filled_in_and_scrolled_comes_back(
    context: ChromiumContext, drive: Driving, site: Site
) -> None:
    fields = [
        {"path": "[name=name]", "kind": "value", "value": "Ada"},
        {"path": "[name=notes]", "kind": "value", "value": "two\nlines"},
        {"path": "[name=volume]", "kind": "value", "value": "9"},
        {"path": "[name=country]", "kind": "selected", "value": ["jp"]},
        {"path": "[name=languages]", "kind": "selected", "value": ["French", "German"]},
        {"path": "[name=agree]", "kind": "checked", "value": True},
        {"path": "[name=news]", "kind": "checked", "value": False},
        {"path": "[name=size][value=large]", "kind": "checked", "value": True},
        {"path": "#essay", "kind": "html", "value": "<b>bold</b> words"},
        {"path": "[name=password]", "kind": "value", "value": "secret"},
        {"path": "#nowhere", "kind": "value", "value": "x"},
    ]
    given = tab(site.url("/form"), fields=fields, scroll={"x": 0, "y": 300})
    losses = await brought(context, {"tabs": tabs_of(given)})
    assert kinds(losses) == ["form", "form"]
    assert await drive.value(
        """() => {
          const f = document.forms[0]
          return [f.name.value, f.notes.value, f.volume.value, f.country.value,
            [...f.languages.selectedOptions].map(o => o.value), f.agree.checked, f.news.checked,
            f.size.value, document.getElementById('essay').innerHTML, f.password.value, scrollY]
        }"""
    ) == [
        "Ada", "two\nlines", "9", "jp", ["French", "German"], True, False, "large",
        "<b>bold</b> words", "", 300,
    ]  # fmt: skip


async def test_a_page_hears_that_its_fields_were_filled(
    context: ChromiumContext, drive: Driving, site: Site
) -> None:
    await _serve(context, LISTENING)
    fields = [{"path": "input", "kind": "value", "value": "Ada"}]
    assert await brought(context, {"tabs": tabs_of(tab("http://a.test/", fields=fields))}) == ()
    assert await drive.value("heard") == ["input Ada", "change Ada"]


LISTENING = """<input><script>
window.heard = []
for (const kind of ['input', 'change'])
  addEventListener(kind, e => heard.push(`${kind} ${e.target.value}`), true)
</script>"""
LATE = """<script>
setTimeout(() => {
  document.body.innerHTML = '<input id="late"><div style="height: 5000px"></div>'
}, 300)
</script><body>"""


async def test_fields_and_length_that_a_page_has_only_later_are_waited_for(
    context: ChromiumContext, drive: Driving
) -> None:
    await _serve(context, LATE)
    fields = [{"path": "#late", "kind": "value", "value": "Ada"}]
    given = tab("http://a.test/", fields=fields, scroll={"x": 0, "y": 2000})
    assert await brought(context, {"tabs": tabs_of(given)}) == ()
    assert await drive.value("[late.value, scrollY]") == ["Ada", 2000]


async def test_a_page_that_is_shorter_now_is_told(context: ChromiumContext, site: Site) -> None:
    given = tab(site.url("/empty"), scroll={"x": 0, "y": 2000})
    assert kinds(await brought(context, {"tabs": tabs_of(given)})) == ["scroll"]


async def test_fields_in_frames_come_back(
    context: ChromiumContext, drive: Driving, site: Site
) -> None:
    await _serve(context, "<iframe></iframe><iframe src='/inner'></iframe>", inner=LISTENING)
    own = "http://a.test"
    fields = [
        {"path": "input", "kind": "value", "value": "Ada", "frame": [1], "origin": own},
        {"path": "input", "kind": "value", "value": "Bob", "frame": [5], "origin": own},
    ]
    before = _listeners(context)
    losses = await brought(context, {"tabs": tabs_of(tab("http://a.test/", fields=fields))})
    assert kinds(losses) == ["form"]
    assert await drive.value("frames[1].document.querySelector('input').value") == "Ada"
    assert _listeners(context) == before


def _listeners(context: ChromiumContext) -> int:
    """How many are told of frames that come."""
    page: Any = context._tabs.active.page
    return len(page._impl_obj.listeners("frameattached"))


@pytest.mark.parametrize("delay", [1, 2, 3, 5, 8, 10])
async def test_what_was_filled_in_does_not_go_to_where_the_page_goes_after_it_loads(
    context: ChromiumContext, delay: int
) -> None:
    goes = f"<script>setTimeout(() => location.replace('http://b.test/'), {delay})</script>"
    await _serve(context, f"<p>hello{goes}")
    await _serve_elsewhere(context)
    losses = await brought(context, {"tabs": tabs_of(tab("http://a.test/", **TYPED))})
    page = context._tabs.active.page
    await page.wait_for_url("http://b.test/")
    assert await page.evaluate("[card.value, scrollY]") == ["", 0]
    told = [(loss.what, loss.where) for loss in losses if loss.what != "page"]
    assert sorted(told) == [("form", "t1 http://a.test/"), ("scroll", "t1 http://a.test/")]


@pytest.mark.parametrize("there", ["http://b.test/", "http://a.test/other"])
async def test_a_document_that_takes_the_place_of_the_page_at_the_last_moment_is_not_filled(
    context: ChromiumContext, monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    async def late(session: CDPSession, frame: str, *args: Any) -> Failures:
        await context._tabs.active.page.goto(there)
        return await put(session, frame, *args)

    monkeypatch.setattr(returning, "put", late)
    await _serve(context, ELSEWHERE)
    await _serve_elsewhere(context)
    losses = await brought(context, {"tabs": tabs_of(tab("http://a.test/", **TYPED))})
    assert await context._tabs.active.page.evaluate("[card.value, scrollY]") == ["", 0]
    assert kinds(losses) == ["form", "scroll"]
    assert {loss.where for loss in losses} == {"t1 http://a.test/"}


async def test_a_page_that_fits_is_filled_to_the_field_that_sends_it_elsewhere(
    context: ChromiumContext, drive: Driving
) -> None:
    goes = "<script>addEventListener('change', () => history.replaceState(null, '', '/b'))</script>"
    await _serve(context, f"<input id=a><input id=b>{goes}")
    fields = [{"path": f"#{name}", "kind": "value", "value": "typed"} for name in "ab"]
    losses = await brought(context, {"tabs": tabs_of(tab("http://a.test/#x", fields=fields))})
    assert kinds(losses) == ["form"]
    assert await drive.value("[a.value, b.value]") == ["typed", ""]


@pytest.mark.parametrize("origin", ["http://a.test", "", "null"])
async def test_a_frame_of_another_site_does_not_get_what_was_filled_in(
    context: ChromiumContext, origin: str
) -> None:
    await _serve(context, "<iframe src='http://b.test/'></iframe>")
    await _serve_elsewhere(context)
    common = {"frame": [0], "origin": origin}
    fields = [
        {"path": "#card", "kind": "value", "value": "typed for another", **common},
        {"path": "#note", "kind": "html", "value": RUNS, **common},
    ]
    losses = await brought(context, {"tabs": tabs_of(tab("http://a.test/", fields=fields))})
    frame = context._tabs.active.page.frames[1]
    assert frame.url == "http://b.test/"
    assert await frame.evaluate("[card.value, note.innerHTML, window.ran]") == ["", "", None]
    assert set(kinds(losses)) == {"form"}


async def test_a_frame_in_a_page_of_another_site_does_not_get_what_was_filled_in(
    context: ChromiumContext,
) -> None:
    session = await context._tabs.active.worlds.session()
    await _serve(context, "<iframe src='http://b.test/'></iframe>")
    await _serve_elsewhere(context)
    page = context._tabs.active.page
    await page.goto("http://a.test/")
    frames = Frames(context._tabs.active)
    (_, inner) = await frames.all()
    fields = [{"path": "#card", "kind": "value", "value": "typed", "origin": "http://b.test"}]
    meant = {"address": None, "top": "http://c.test"}
    assert kinds_of(await put(session, inner.id, "fill", fields, None, meant, 0)) == ["form"]
    assert await page.frames[1].evaluate("card.value") == ""
    meant["top"] = "http://a.test"
    assert await put(session, inner.id, "fill", fields, None, meant, 0) == []
    assert await page.frames[1].evaluate("card.value") == "typed"
    await frames.close()


async def test_nothing_runs_or_loads_of_what_was_written(
    context: ChromiumContext, drive: Driving
) -> None:
    asked: list[str] = []
    await _serve(context, ELSEWHERE)
    context._context.on("request", lambda request: asked.append(request.url))
    fields = [{"path": "#note", "kind": "html", "value": RUNS}]
    losses = await brought(context, {"tabs": tabs_of(tab("http://a.test/", fields=fields))})
    assert await drive.value("[note.innerHTML, window.ran]") == [
        "<b>bold</b><div>one <a>two</a><br></div>three four", None,
    ]  # fmt: skip
    assert asked == ["http://a.test/"]
    assert [(loss.what, loss.why) for loss in losses] == [
        ("form", "#note: only its text and plain formatting came back")
    ]


TYPED: dict[str, Any] = {
    "fields": [{"path": "#card", "kind": "value", "value": "typed for another"}],
    "scroll": {"x": 0, "y": 500},
}
ELSEWHERE = "<input id=card><div id=note contenteditable></div><p style='height: 3000px'>"
RUNS = (
    "<b onclick='ran=1'>bold</b><div>one <a href='javascript:ran=1'>two</a><br></div>"
    "<img src='/x' onerror='ran=1'><script>ran=1</script><svg onload='ran=1'></svg>"
    "<iframe srcdoc='<script>parent.ran=1</script>'></iframe><h1 style='background: url(/y)'>three"
    "</h1><!-- no --> four"
)


def kinds_of(failures: Failures) -> list[str]:
    return [what for what, _ in failures]


async def _serve_elsewhere(context: ChromiumContext) -> None:
    async def answer(route: Route) -> None:
        await route.fulfill(body=ELSEWHERE, content_type="text/html")

    await context._context.route("http://b.test/**", answer)


async def _serve(context: ChromiumContext, body: str, inner: str = "") -> None:
    """A site that is not there, with one page, and another within it."""

    async def answer(route: Route) -> None:
        text = inner if route.request.url.endswith("/inner") else body
        await route.fulfill(body=text, content_type="text/html")

    await context._context.route("http://a.test/**", answer)


async def test_nobody_is_told_of_what_was_not_the_pages(
    context: ChromiumContext, drive: Driving, site: Site
) -> None:
    told: list[tuple[EventType, Any]] = []
    context.on_event(lambda kind, data: told.append((kind, data)))
    context.heed(frozenset({"navigated", "tab_opened", "console"}))
    first, second = site.url("/form"), site.url("/list")
    losses = await brought(
        context,
        {
            "local http://nowhere.test": pairs(a="b"),
            "tabs": tabs_of(
                tab(second, first, site.url("/clock")), tab(first, second, tab_id="t2")
            ),
        },
    )
    assert losses == ()
    await drive.snapshot()
    with anyio.fail_after(5):
        while len(told) < 2:  # noqa: ASYNC110 - a page's title is learnt in a moment
            await anyio.sleep(0.01)
    assert sorted((kind, data["tab"], data["path"]) for kind, data in told) == [
        ("navigated", "t1", "/list"), ("navigated", "t2", "/form"),
    ]  # fmt: skip
    done = await context.perform(RequestsInput.model_validate({"type": ["document"]}))
    requests = done.output.requests  # type: ignore[attr-defined]
    assert sorted((r.tab, r.url) for r in requests) == [("t1", second), ("t2", first)]


@pytest.mark.parametrize(
    ("path", "lost", "stands"),
    [
        ("/redirect?to=/list", ["page"], "/list"),
        ("/status/503", ["page"], "/status/503"),
        ("/download/report.csv", ["page"], "/download/report.csv"),
        ("/status/204", ["page"], "/status/204"),
        ("/dialog-on-load", [], "/dialog-on-load"),
        ("/beforeunload", [], "/beforeunload"),
    ],
)
async def test_a_page_that_is_not_as_it_was_is_told_and_the_others_are_there(
    context: ChromiumContext,
    drive: Driving,
    site: Site,
    path: str,
    lost: list[str],
    stands: str,
) -> None:
    url = site.url(path)
    losses = await brought(
        context, {"tabs": tabs_of(tab(url, site.url("/form")), tab(site.url("/list"), tab_id="t2"))}
    )
    assert kinds(losses) == lost
    assert [t.url for t in context.page.tabs] == [site.url(stands), site.url("/list")]
    where = site.url(stands)
    assert await history(context) == (2, ["about:blank", site.url("/form"), where])
    if context.dialog is not None:
        await drive.act("dialog", accept=True)
    await drive.act("tab_switch", tab="t2")
    assert (await drive.snapshot()).title.startswith("A list")


async def test_an_address_that_does_not_answer_any_more_keeps_its_place(
    context: ChromiumContext, drive: Driving, site: Site
) -> None:
    gone = site.refusing_url("/gone")
    losses = await brought(
        context,
        {"tabs": tabs_of(tab(gone, site.url("/form")), tab(site.url("/list"), tab_id="t2"))},
    )
    assert [(loss.what, loss.where) for loss in losses] == [("page", f"t1 {gone}")]
    assert await history(context) == (2, ["about:blank", site.url("/form"), gone])
    assert (await drive.act("back")).url == site.url("/form")
    await drive.act("tab_switch", tab="t2")
    assert context.page.url == site.url("/list")


async def test_a_page_that_hangs_is_told_when_the_time_is_over(
    context: ChromiumContext, drive: Driving, site: Site
) -> None:
    hangs = site.url("/held")
    tabs = tabs_of(tab(hangs), tab(site.url("/list"), tab_id="t2"))
    with anyio.fail_after(8):
        losses = await brought(context, {"tabs": tabs}, within=2)
    assert [(loss.what, loss.where) for loss in losses] == [("page", f"t1 {hangs}")]
    assert context.page.tabs[1].url == site.url("/list")
    assert (await drive.open("/form")).status == 200


async def test_no_time_at_all_is_no_error(context: ChromiumContext, site: Site) -> None:
    parts = {f"local {site.origin}": pairs(a="b"), "tabs": tabs_of(tab(site.url("/list")))}
    losses = await brought(context, parts, within=0)
    assert {"local_storage", "page"} <= set(kinds(losses))


async def test_blank_and_data_tabs_come_back(context: ChromiumContext, drive: Driving) -> None:
    page = "data:text/html,<title>Inline</title><p>inline"
    losses = await brought(
        context, {"tabs": tabs_of(tab(page), {"id": "t2", "url": "about:blank"})}
    )
    assert losses == ()
    assert [t.url for t in context.page.tabs] == [page, "about:blank"]
    assert (await drive.snapshot()).title == "Inline"


@pytest.mark.parametrize(
    "options",
    [
        {"offline": True},
        {"user_agent": "Mozilla/5.0 Test"},
        {"javascript_enabled": False},
        {"http_credentials": {"username": "a", "password": "b"}},
        {"headers_by_origin": {"http://a.test": {"X-A": "b"}}},
        {"locale": "de-CH", "timezone": "Europe/Zurich"},
    ],
)
async def test_the_history_comes_back_under_all_conditions(
    chromium: ChromiumBrowser, site: Site, options: dict[str, Any]
) -> None:
    made = await chromium.new_context(ContextOptions.model_validate(options))
    try:
        urls = [site.url("/form"), "http://a.test/", site.url("/list")]
        parts = {
            "local http://a.test": pairs(a="b"),
            f"local {site.origin}": pairs(c="d"),
            "tabs": tabs_of(tab(urls[2], *urls[:2])),
        }
        losses = await brought(made, parts)
        assert kinds(losses) == (["page"] if "offline" in options else []), losses
        assert await history(made) == (3, ["about:blank", *urls])
        assert [r.path for r in site.requests if r.path in ("/form", "/")] == []
    finally:
        await made.close()


@pytest.mark.parametrize("is_killed", [True, False])
async def test_a_context_that_goes_away_meanwhile_is_no_other_error(
    executable: Path, site: Site, is_killed: bool
) -> None:
    async with Chromium(load(executable_path=executable)) as engine:
        await _broken_off(await engine.launch(), site, is_killed=is_killed)


async def _broken_off(browser: ChromiumBrowser, site: Site, *, is_killed: bool) -> None:
    made = await browser.new_context(ContextOptions())
    raised: list[BaseException] = []

    async def restore() -> None:
        try:
            await brought(made, {"tabs": tabs_of(tab(site.url("/held"), site.url("/list")))})
        except BrowserLost as exc:
            raised.append(exc)

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(restore)
            with anyio.fail_after(5):
                while not site.asked("/held"):  # noqa: ASYNC110 - the site tells nobody
                    await anyio.sleep(0.01)
            if is_killed:
                assert browser.pid is not None
                os.kill(browser.pid, signal.SIGKILL)
            else:
                await made.close()
        assert raised
    finally:
        site.release()
        await browser.close()
