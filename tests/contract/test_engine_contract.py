"""What the pool and sessions may rely on of an engine. It runs on the fake one and on the real one,
so that what is tested on the fake is true of the real.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest

from agent_browser.browser.engine import Context, Upload
from agent_browser.errors import (
    ActionFailed,
    BrowserLost,
    InvalidUrl,
    NavigationFailed,
    NotOpened,
)
from agent_browser.models.functions import (
    ContextOptions,
    ExecuteInput,
    InteractInput,
    InteractOutput,
    OpenInput,
    ScreenshotInput,
    SnapshotInput,
)
from tests.contract.conftest import Subject

pytestmark = pytest.mark.anyio

FORM = """\
@e1 [a] "Home" href="/"
@e2 [input type="text"] placeholder="Your name"
@e3 [input type="password"] placeholder="Secret"
@e4 [input type="checkbox"] "Agree"
@e5 [button type="button"] "Send"
@e6 [button type="button"] "Never" disabled"""


async def opened(subject: Subject, path: str = "/form", **options: object) -> Context:
    context = await subject.browser.new_context(ContextOptions.model_validate(options))
    await context.open(OpenInput(url=subject.url + path))
    return context


async def act(context: Context, action: str, **fields: object) -> InteractOutput:
    return await context.interact(
        InteractInput.model_validate({"action": action, "timeout": 2} | fields)
    )


async def test_a_browser_answers_with_its_product_and_version(subject: Subject) -> None:
    name, _, version = (await subject.browser.probe()).partition("/")
    assert name
    assert version[0].isdigit()
    assert subject.browser.pid is not None
    assert subject.browser.memory() > 0


async def test_until_a_page_is_opened_the_other_functions_say_so(subject: Subject) -> None:
    context = await subject.browser.new_context(ContextOptions())
    assert not context.opened
    attempts: list[Awaitable[object]] = [
        context.snapshot(SnapshotInput()),
        context.screenshot(ScreenshotInput()),
        context.execute(ExecuteInput(code="1+1")),
        act(context, "click", ref="@e1"),
    ]
    for attempt in attempts:
        with pytest.raises(NotOpened, match=r"Browser not started\. Call 'open' first\."):
            await attempt


async def test_open_goes_there_and_looks(subject: Subject) -> None:
    context = await subject.browser.new_context(ContextOptions())
    output = await context.open(OpenInput(url=f"{subject.url}/form"))
    assert (output.url, output.title, output.status) == (f"{subject.url}/form", "Form", 200)
    assert output.elements_text == FORM
    assert [element.desc for element in output.elements] == FORM.splitlines()
    assert [element.ref for element in output.elements] == [f"@e{n}" for n in range(1, 7)]
    assert (output.total, output.session_id, output.screenshot) == (6, "", None)
    assert context.opened
    assert (context.page.url, context.page.title) == (output.url, "Form")


async def test_an_open_that_is_not_to_look_says_where_it_is_alone(subject: Subject) -> None:
    context = await subject.browser.new_context(ContextOptions())
    output = await context.open(OpenInput(url=subject.url + "/form", snapshot=False))
    assert (output.status, output.title) == (200, "Form")
    assert output.url == subject.url + "/form"
    assert output.elements == []
    assert (await context.snapshot(SnapshotInput())).total > 0


async def test_an_empty_page_says_that_nothing_is_there(subject: Subject) -> None:
    context = await opened(subject, "/empty")
    output = await context.snapshot(SnapshotInput())
    assert (output.elements, output.elements_text) == ([], "(no interactive elements found)")


async def test_about_blank_has_no_status(subject: Subject) -> None:
    context = await subject.browser.new_context(ContextOptions())
    output = await context.open(OpenInput(url="about:blank"))
    assert (output.url, output.status) == ("about:blank", None)


async def test_an_error_page_is_an_answer_with_its_status(subject: Subject) -> None:
    context = await subject.browser.new_context(ContextOptions())
    output = await context.open(OpenInput(url=f"{subject.url}/missing"))
    assert (output.status, output.title) == (404, "Not here")


async def test_a_refused_connection_is_a_failed_navigation(subject: Subject) -> None:
    context = await subject.browser.new_context(ContextOptions())
    with pytest.raises(NavigationFailed, match=r"^Failed to open URL: .*ERR_CONNECTION_REFUSED"):
        await context.open(OpenInput(url="http://127.0.0.1:4/"))


@pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd", "chrome://version"])
async def test_only_web_addresses_can_be_opened(subject: Subject, url: str) -> None:
    context = await subject.browser.new_context(ContextOptions())
    with pytest.raises(InvalidUrl):
        await context.open(OpenInput(url=url))


async def test_a_snapshot_is_cut_and_searched(subject: Subject) -> None:
    context = await opened(subject)
    page = await context.snapshot(SnapshotInput(limit=2, offset=1))
    assert ([element.ref for element in page.elements], page.total) == (["@e2", "@e3"], 6)
    found = await context.snapshot(SnapshotInput(query="SEND"))
    assert (found.elements_text, found.total) == ('@e5 [button type="button"] "Send"', 1)


async def test_what_was_left_out_of_a_snapshot_is_noted(subject: Subject) -> None:
    context = await opened(subject)
    assert (await context.snapshot(SnapshotInput())).note is None
    page = await context.snapshot(SnapshotInput(limit=2, offset=1))
    assert page.note == "2 of 6 elements shown; ask with offset 3"
    past = await context.snapshot(SnapshotInput(offset=6))
    assert past.note == "offset 6 is past the last of 6 elements"


async def test_page_text_is_fenced_where_boundaries_are_asked_for(subject: Subject) -> None:
    context = await opened(subject)
    page = await context.snapshot(SnapshotInput(boundaries=True))
    first, *inside, last = page.elements_text.split("\n")
    assert "\n".join(inside) == FORM
    assert page.boundary is not None
    assert page.boundary in first
    assert page.boundary in last


async def test_a_delta_tells_of_nothing_of_a_change_and_of_another_page(subject: Subject) -> None:
    context = await opened(subject)
    same = (await context.snapshot(SnapshotInput(delta=True))).delta
    assert same is not None
    assert (same.unchanged, same.new_page, same.added) == (True, False, [])
    await act(context, "check", ref="@e4")
    changed = (await context.snapshot(SnapshotInput(delta=True))).delta
    assert changed is not None
    assert changed.new_page is False
    await context.open(OpenInput(url=subject.url + "/form"))
    await act(context, "goto", url=subject.url + "/form", snapshot=False)
    new = (await context.snapshot(SnapshotInput(delta=True))).delta
    assert new is not None
    assert (new.unchanged, new.new_page, len(new.added)) == (False, True, 6)


async def test_a_delta_alone_leaves_the_elements_out(subject: Subject) -> None:
    context = await opened(subject)
    page = await context.snapshot(SnapshotInput(delta="only"))
    assert (page.elements, page.elements_text, page.total) == ([], "(nothing changed)", 6)
    done = await act(context, "goto", url=subject.url + "/form", snapshot="delta_only")
    assert done.snapshot is not None
    assert done.snapshot.elements == []
    assert done.snapshot.elements_text.endswith("(a new page)")


async def test_open_and_actions_bound_and_fence_what_they_tell(subject: Subject) -> None:
    context = await opened(subject)
    page = await context.open(OpenInput(url=subject.url + "/form", limit=2, boundaries=True))
    done = await act(context, "check", ref="@e4", limit=3, boundaries=True)
    assert (len(page.elements), page.boundary is None) == (2, False)
    assert done.snapshot is not None
    assert (len(done.snapshot.elements), done.snapshot.boundary is None) == (3, False)


@pytest.mark.parametrize("root", ["@e99", "css=#nowhere"])
async def test_a_root_that_is_not_there_fails(subject: Subject, root: str) -> None:
    context = await opened(subject)
    with pytest.raises(ActionFailed):
        await context.snapshot(SnapshotInput(root=root))


async def test_what_is_filled_in_is_seen_but_never_a_password(subject: Subject) -> None:
    context = await opened(subject)
    filled = await act(context, "fill", ref="@e2", text="Ada")
    assert filled.success, filled.message
    await act(context, "fill", ref="e3", text="hunter2")
    await act(context, "check", ref="ref=e4")
    text = (await context.snapshot(SnapshotInput())).elements_text
    assert '@e2 [input type="text"] placeholder="Your name" value="Ada"' in text
    assert '@e4 [input type="checkbox"] "Agree" checked' in text
    assert "hunter2" not in text
    await act(context, "uncheck", ref="@e4")
    assert "checked" not in (await context.snapshot(SnapshotInput())).elements_text


async def test_a_click_goes_where_the_link_does_and_back_returns(subject: Subject) -> None:
    context = await opened(subject)
    clicked = await act(context, "click", ref="@e1")
    assert (clicked.success, clicked.url, clicked.title) == (True, f"{subject.url}/", "Home")
    assert clicked.snapshot is not None
    assert clicked.snapshot.title == "Home"
    back = await act(context, "back", snapshot=False)
    assert (back.success, back.url, back.snapshot) == (True, f"{subject.url}/form", None)


async def test_a_ref_of_another_document_is_stale_and_numbers_go_on(subject: Subject) -> None:
    context = await opened(subject)
    home = await context.open(OpenInput(url=f"{subject.url}/"))
    assert [element.ref for element in home.elements] == ["@e7", "@e8"]
    stale = await act(context, "click", ref="@e1")
    assert not stale.success
    assert stale.message is not None
    assert stale.message.startswith("Stale ref: @e1 ")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"ref": "@e99"}, "Unknown ref: @e99. Run 'snapshot' to get current elements."),
        ({"ref": "@x1"}, "Invalid ref format: @x1. Expected @e1, @e2, etc."),
        ({"action": "fill", "ref": "@e2"}, "'text' required for fill action"),
    ],
)
async def test_what_can_not_be_done_is_said(
    subject: Subject, fields: dict[str, str], message: str
) -> None:
    context = await opened(subject)
    output = await act(context, **{"action": "click"} | fields)
    assert not output.success
    assert output.message is not None
    assert output.message.startswith(message)


async def test_a_disabled_target_is_said_to_be(subject: Subject) -> None:
    context = await opened(subject)
    output = await act(context, "click", ref="@e6", timeout=1)
    assert not output.success
    assert "disabled" in (output.message or "")


async def test_a_picture_has_the_viewports_size(subject: Subject) -> None:
    context = await opened(subject)
    image = await context.screenshot(ScreenshotInput())
    assert (image.content_type, image.width, image.height) == ("image/png", 1280, 720)
    assert image.data.startswith(b"\x89PNG")
    await context.apply(ContextOptions(width=640, height=480))
    smaller = await context.screenshot(ScreenshotInput())
    assert (smaller.width, smaller.height) == (640, 480)


async def test_a_picture_of_what_is_not_there_fails(subject: Subject) -> None:
    context = await opened(subject)
    for target in (ScreenshotInput(ref="@e99"), ScreenshotInput(selector="css=#nowhere")):
        with pytest.raises(ActionFailed):
            await context.screenshot(target)


@pytest.mark.parametrize(
    ("code", "result", "value"),
    [
        ("1+1", "2", 2),
        ("'text'", "text", "text"),
        ("null", None, None),
        ("Promise.resolve([1, 2])", "[1, 2]", [1, 2]),
        ("() => 7", "7", 7),
    ],
)
async def test_code_comes_to_a_value(
    subject: Subject, code: str, result: str | None, value: object
) -> None:
    context = await opened(subject)
    output = await context.execute(ExecuteInput(code=code))
    assert output.error is None
    assert output.value == value
    assert (output.result or "").replace(" ", "") == (result or "").replace(" ", "")
    assert (output.result is None) == (result is None)


async def test_code_that_fails_is_the_pages_error(subject: Subject) -> None:
    context = await opened(subject)
    output = await context.execute(ExecuteInput(code="throw new Error('oops')"))
    assert "oops" in (output.error or "")
    assert output.value is None


async def test_files_reach_the_page(subject: Subject, tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    await anyio.Path(path).write_text("hello")
    context = await opened(subject, "/upload")
    asked = InteractInput(action="upload", ref="@e1", file_paths=["note.txt"])
    output = await context.interact(asked, (Upload(path),))
    assert output.success, output.message


async def test_contexts_do_not_share_a_page(subject: Subject) -> None:
    one = await opened(subject)
    two = await opened(subject, "/")
    await act(one, "fill", ref="@e2", text="Ada")
    assert "Ada" not in (await two.snapshot(SnapshotInput())).elements_text
    assert (one.page.title, two.page.title) == ("Form", "Home")


async def test_closing_twice_is_a_success(subject: Subject) -> None:
    context = await opened(subject)
    for _ in range(2):
        assert (await context.close()).videos == ()


async def test_closing_leaves_a_video_that_is_whole(subject: Subject, tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    context = await subject.browser.new_context(
        ContextOptions(record_video=True, width=320, height=240), recordings=folder
    )
    await context.open(OpenInput(url=f"{subject.url}/form"))
    (video,) = (await context.close()).videos
    assert (video.width, video.height) == (320, 240)
    assert (await anyio.Path(video.path).read_bytes()).startswith(b"\x1aE\xdf\xa3")
    assert video.path.is_relative_to(folder)


async def test_a_lost_browser_is_said_at_every_call(subject: Subject) -> None:
    context = await opened(subject)
    lost = anyio.Event()
    subject.browser.on_lost(lost.set)
    assert subject.browser.is_alive()
    subject.kill()
    with anyio.fail_after(5):
        await lost.wait()
    assert not subject.browser.is_alive()
    attempts: list[Callable[[], Awaitable[object]]] = [
        lambda: context.open(OpenInput(url=subject.url)),
        lambda: context.snapshot(SnapshotInput()),
        lambda: act(context, "click", ref="@e1"),
        lambda: context.screenshot(ScreenshotInput()),
        lambda: context.execute(ExecuteInput(code="1+1")),
        lambda: subject.browser.new_context(ContextOptions()),
        lambda: subject.browser.probe(),
    ]
    for attempt in attempts:
        with anyio.fail_after(5), pytest.raises(BrowserLost):
            await attempt()
    with anyio.fail_after(5):
        await context.close()


async def test_a_browser_closed_on_purpose_is_not_lost(subject: Subject) -> None:
    losses: list[str] = []
    subject.browser.on_lost(lambda: losses.append("lost"))
    for _ in range(2):
        await subject.browser.close()
    assert losses == []
    assert subject.browser.memory() == 0


async def test_a_browser_after_a_lost_one_is_whole(subject: Subject) -> None:
    subject.kill()
    another = await subject.engine.launch()
    try:
        context = await another.new_context(ContextOptions())
        assert (await context.open(OpenInput(url=f"{subject.url}/form"))).status == 200
    finally:
        await another.close()
