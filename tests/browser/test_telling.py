"""What a real context tells of its pages unasked."""

import anyio
import pytest

from agent_browser.browser.context import ChromiumContext
from agent_browser.browser.telling import BURST, MAX_TEXT, RATE, Allowance, place
from agent_browser.models.functions import ExecuteInput, InteractInput
from tests.browser.driving import Driving
from tests.fakes.ear import ALL, Ear


@pytest.fixture
def ear(request: pytest.FixtureRequest) -> Ear:
    made = Ear()
    context: ChromiumContext = request.getfixturevalue("context")
    context.on_event(made)
    return made


@pytest.mark.anyio
@pytest.mark.browser
class TestOnChromium:
    async def test_a_followed_page_is_told_with_its_title_though_nobody_looks(
        self, drive: Driving, ear: Ear
    ) -> None:
        await drive.open("/form")
        form = await ear.until("navigated")
        drive.context.heed(ALL)
        await drive.value("void setTimeout(() => { location.href = '/popups' })")
        popups = await ear.until("navigated", path="/popups")
        assert popups["title"]
        assert popups["title"] != form["title"]

    async def test_a_page_nobody_follows_is_told_at_the_next_look(
        self, drive: Driving, ear: Ear
    ) -> None:
        await drive.open("/form")
        await drive.act("goto", url=drive.site.url("/popups"), snapshot=False)
        await drive.snapshot()
        assert [data["path"] for data in ear.of("navigated")] == ["/form", "/popups"]
        assert all(data["title"] for data in ear.of("navigated"))

    async def test_one_that_was_passed_unseen_is_told_when_somebody_begins_to_follow(
        self, drive: Driving, ear: Ear
    ) -> None:
        await drive.open("/form")
        await drive.value("history.pushState({}, '', '/form/2?q=1#x'); 1")
        drive.context.heed(ALL)
        went = await ear.until("navigated", path="/form/2")
        assert (went["search"], went["hash"]) == ("?q=1", "#x")

    async def test_frames_in_a_page_are_not_told(self, drive: Driving, ear: Ear) -> None:
        await drive.open("/form")
        framed = "new Promise(done => { const f = document.createElement('iframe');"
        framed += " f.onload = () => done(1); f.src = '/popups'; document.body.append(f) })"
        await drive.value(framed)
        await drive.snapshot()
        assert [data["path"] for data in ear.of("navigated")] == ["/form"]

    async def test_tabs_are_told_as_they_come_and_go(self, drive: Driving, ear: Ear) -> None:
        await drive.open("/popups")
        await drive.value("void window.open('/form')")
        opened = await ear.until("tab_opened", tab="t2")
        assert opened["opener"] == "t1"
        await drive.act("tab_close", tab="t2")
        await ear.until("tab_closed", tab="t2")
        assert [data["tab"] for data in ear.of("tab_opened")] == ["t2"]

    async def test_a_sessions_end_is_no_closing_of_tabs(self, drive: Driving, ear: Ear) -> None:
        await drive.open("/form")
        await drive.act("tab_new")
        await drive.context.close()
        assert ear.of("tab_closed") == []

    async def test_a_dialog_is_told_with_whether_it_waits(self, drive: Driving, ear: Ear) -> None:
        await drive.open("/form")
        await drive.context.execute(ExecuteInput(code="alert('api_key: x'); 1"))
        await drive.context.execute(ExecuteInput(code="confirm('Sure?'); 1"))
        alert = await ear.until("dialog", type="alert")
        confirm = await ear.until("dialog", type="confirm")
        assert (alert["waits"], confirm["waits"]) == (False, True)
        assert confirm["message"] == "Sure?"
        await drive.context.interact(InteractInput(action="dialog", accept=True))

    async def test_a_crash_is_told(self, drive: Driving, ear: Ear) -> None:
        await drive.open("/form")
        session = await drive.context._tabs.active.worlds.session()
        with anyio.move_on_after(0.5):
            await session.send("Page.crash")
        assert (await ear.until("crashed"))["tab"] == "t1"

    async def test_console_texts_are_cut_and_without_secrets(
        self, drive: Driving, ear: Ear
    ) -> None:
        await drive.open("/form")
        drive.context.heed(ALL)
        await drive.value("console.error('{\"password\": \"hunter2\"}' + 'x'.repeat(9000)); 1")
        said = await ear.until("console", level="error")
        assert "hunter2" not in said["text"]
        assert len(said["text"]) == MAX_TEXT + 1

    async def test_an_error_that_nobody_caught_is_told_as_the_consoles(
        self, drive: Driving, ear: Ear
    ) -> None:
        await drive.open("/form")
        drive.context.heed(ALL)
        await drive.value("setTimeout(() => { throw new TypeError('it broke') }); 1")
        said = await ear.until("console", level="pageerror")
        assert said["text"] == "TypeError: it broke"

    async def test_a_page_that_shouts_is_told_so_much_and_no_more(
        self, drive: Driving, ear: Ear
    ) -> None:
        await drive.open("/form")
        drive.context.heed(ALL)
        await drive.value("for (let n = 0; n < 2000; n++) console.log(n); 1")
        await drive.act("goto", url=drive.site.url("/popups"))
        await ear.until("navigated", path="/popups")
        assert BURST <= len(ear.of("console")) < 1_000


def test_an_allowance_says_later_how_many_were_too_many() -> None:
    now = [0.0]
    allowance = Allowance(lambda: now[0])
    assert [allowance.take("console") for _ in range(BURST)] == [0] * BURST
    assert allowance.take("console") is None
    assert allowance.take("console") is None
    assert allowance.take("navigated") == 0, "another type has its own"
    now[0] += 1 / RATE
    assert allowance.take("console") == 2
    assert allowance.take("console") is None
    now[0] += 1000
    assert [allowance.take("console") for _ in range(BURST)] == [1] + [0] * (BURST - 1)
    assert allowance.take("console") is None


@pytest.mark.parametrize(
    ("url", "path", "search", "hash"),
    [
        ("https://a.test/x/y?b=1#c", "/x/y", "?b=1", "#c"),
        ("https://a.test", "", "", ""),
        ("about:blank", "blank", "", ""),
        ("https://[::bad/x", "", "", ""),
        ("https://u:p4ss@a.test/?sid=9", "/", "?sid=***", ""),
    ],
)
def test_an_address_is_told_in_its_parts(url: str, path: str, search: str, hash: str) -> None:
    told = place(url)
    assert (told["path"], told["search"], told["hash"]) == (path, search, hash)
    assert "p4ss" not in told["url"]
