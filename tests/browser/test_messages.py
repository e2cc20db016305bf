"""What windows and frames send each other, on real Chromium."""

import json
from typing import Any, cast

import anyio
import pytest

from agent_browser.browser.context import ChromiumContext
from agent_browser.browser.messages import RATE, Messages
from agent_browser.browser.storages import Storages
from agent_browser.errors import InvalidRequest
from agent_browser.models import messages as wire
from agent_browser.models.messages import MessagesInput, MessagesOutput, Posted
from tests.browser.driving import Driving
from tests.fakes.ear import Ear

pytestmark = [pytest.mark.anyio, pytest.mark.browser]


async def messages(context: ChromiumContext, **input: Any) -> MessagesOutput:
    done = await context.perform(MessagesInput.model_validate(input))
    return cast("MessagesOutput", done.output)


async def heard(context: ChromiumContext, many: int = 1, **input: Any) -> list[Posted]:
    """So many messages, once they were told."""
    with anyio.fail_after(10):
        while True:
            found = (await messages(context, **input)).messages
            if len(found) >= many:
                return found
            await anyio.sleep(0.01)


async def framed(drive: Driving, url: str) -> None:
    await drive.value(
        "new Promise(done => { const f = document.createElement('iframe');"
        f" f.onload = () => done(1); f.src = {json.dumps(url)}; document.body.append(f) }})"
    )


async def test_messages_between_a_page_and_its_frame_are_kept_with_who_sent_them(
    drive: Driving,
) -> None:
    assert (await messages(drive.context, action="start")).recording
    await drive.open("/form")
    await framed(drive, drive.site.other_origin("/records"))
    await drive.value("frames[0].postMessage({ put: ['a', { n: 1 }] }, '*'); 1")
    down, up = await heard(drive.context, 2)
    here, there = drive.site.origin, drive.site.other_origin("")
    assert (down.origin, down.target, down.source) == (here, there, "parent")
    assert (down.frame, down.tab) == (drive.site.other_origin("/records"), "t1")
    assert down.data == {"put": ["a", {"n": 1}]}
    assert (up.origin, up.target, up.source) == (there, here, "child")
    assert up.data == {"type": "record", "name": "a", "value": {"n": 1}, "temporary": False}
    assert [one.data for one in await heard(drive.context, origin=there)] == [up.data]


async def test_documents_that_are_open_already_are_heard_and_those_of_popups(
    drive: Driving,
) -> None:
    await drive.open("/form")
    await messages(drive.context, action="start")
    await drive.value("postMessage('self', '*'); 1")
    assert [(one.data, one.source) for one in await heard(drive.context)] == [("self", "self")]
    await drive.value("window.popup = open('/form'); 1")
    with anyio.fail_after(10):
        while len(drive.context.page.tabs) < 2:  # noqa: ASYNC110 - a look tells it
            await anyio.sleep(0.01)
    await drive.act("tab_switch", tab="t2")
    await drive.act("tab_switch", tab="t1")
    with anyio.fail_after(10):
        while not (await messages(drive.context, tab="t2")).messages:
            await drive.value("popup.postMessage('hello', '*'); 1")
    one = (await messages(drive.context, tab="t2")).messages[0]
    assert (one.data, one.source) == ("hello", "opener")


async def test_a_message_just_before_its_page_is_left_is_not_lost(drive: Driving) -> None:
    await drive.open("/form")
    await messages(drive.context, action="start")
    await framed(drive, drive.site.other_origin("/records"))
    await drive.value(
        "addEventListener('message', () => { location.href = '/popups' });"
        "frames[0].postMessage({ put: ['last', 1] }, '*'); 1"
    )
    _, last = await heard(drive.context, 2)
    assert last.data["name"] == "last"


async def test_a_page_can_neither_see_nor_forge_it(drive: Driving) -> None:
    await drive.open("/form")
    names = "Object.getOwnPropertyNames(window).sort().join()"
    before = await drive.value(names)
    await messages(drive.context, action="start")
    await drive.value(
        "dispatchEvent(new MessageEvent('message', { data: 'forged', origin: 'https://bank' }));"
        "JSON.stringify = () => 'forged'; Array.isArray = () => true; 1"
    )
    await drive.value("postMessage({ real: [1] }, '*'); 1")
    assert [one.data for one in await heard(drive.context)] == [{"real": [1]}]
    assert await drive.value(names) == before


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("{ a: [1, null, 'x'] }", {"a": [1, None, "x"]}),
        ("undefined", None),
        ("new Date(0)", "1970-01-01T00:00:00.000Z"),
        ("{ when: new Date(0), big: 12n }", {"when": "1970-01-01T00:00:00.000Z", "big": "12n"}),
        ("new Map([[1, new Set([2])]])", [[1, [2]]]),
        ("new Uint8Array(4)", "[Uint8Array of 4 bytes]"),
        ("new Blob(['abc'])", "[Blob of 3 bytes]"),
        ("(() => { const a = {}; a.a = a; return a })()", "[Object]"),
    ],
)
async def test_what_json_can_not_hold_is_named(drive: Driving, code: str, data: Any) -> None:
    await drive.open("/form")
    await messages(drive.context, action="start")
    await drive.value(f"postMessage({code}, '*'); 1")
    assert [one.data for one in await heard(drive.context)] == [data]


async def test_a_long_message_is_cut_and_says_so(drive: Driving) -> None:
    await drive.open("/form")
    await messages(drive.context, action="start")
    await drive.value("postMessage('x'.repeat(5_000_000), '*'); 1")
    (one,) = await heard(drive.context)
    assert (one.truncated, len(one.data)) == (True, wire.MAX_DATA)


async def test_of_a_thousand_the_latest_are_kept_and_the_others_counted(drive: Driving) -> None:
    await drive.open("/form")
    await messages(drive.context, action="start")
    await drive.value("for (let n = 1; n <= 1010; n++) postMessage(n, '*'); 1")
    with anyio.fail_after(20):
        while (await messages(drive.context)).dropped < 10:  # noqa: ASYNC110 - they come in time
            await anyio.sleep(0.01)
    listed = await messages(drive.context, limit=1_000)
    assert [one.data for one in listed.messages] == list(range(11, 1_011))
    assert (listed.kept, listed.dropped) == (1_000, 10)
    first = await messages(drive.context, limit=2)
    assert first.next_cursor is not None
    second = await messages(drive.context, limit=2, cursor=first.next_cursor)
    assert [one.data for one in (*first.messages, *second.messages)] == [11, 12, 13, 14]
    cleared = await messages(drive.context, action="clear")
    assert (cleared.kept, cleared.dropped) == (0, 0)
    assert (await messages(drive.context, cursor=first.next_cursor)).messages == []


async def test_what_a_page_posts_without_end_is_counted_and_not_all_told(drive: Driving) -> None:
    await drive.open("/form")
    await messages(drive.context, action="start")
    await drive.value(
        "new Promise(done => { let left = 10000;"
        " onmessage = () => { if (--left === 0) done(1) };"
        " for (let n = 0; n < 10000; n++) postMessage(n, '*') })"
    )
    with anyio.fail_after(20):
        while True:
            listed = await messages(drive.context)
            if listed.kept + listed.dropped == 10_000:
                break
            await anyio.sleep(0.05)
    assert listed.kept == 1_000
    last = drive.context._reach.part(Messages).last
    assert RATE <= last < 10_000


async def test_a_cursor_is_for_what_comes_later(drive: Driving) -> None:
    await drive.open("/form")
    await messages(drive.context, action="start")
    await drive.value("postMessage(1, '*'); 1")
    await heard(drive.context)
    cursor = (await messages(drive.context)).next_cursor
    assert (await messages(drive.context, cursor=cursor)).messages == []
    await drive.value("postMessage(2, '*'); 1")
    assert [one.data for one in await heard(drive.context, cursor=cursor)] == [2]
    with pytest.raises(InvalidRequest, match="next_cursor"):
        await messages(drive.context, cursor="99")


async def test_stopped_it_hears_nothing_and_started_again_it_goes_on(drive: Driving) -> None:
    await drive.open("/form")
    await messages(drive.context, action="start")
    await drive.value("postMessage(1, '*'); 1")
    await heard(drive.context)
    assert not (await messages(drive.context, action="stop")).recording
    await drive.value("new Promise(done => { onmessage = done; postMessage(2, '*') }); 1")
    await messages(drive.context, action="start")
    await drive.value("postMessage(3, '*'); 1")
    assert [one.data for one in await heard(drive.context, 2)] == [1, 3]


async def test_it_is_heard_while_a_dialog_waits_and_before_anything_was_opened(
    drive: Driving,
) -> None:
    assert not (await messages(drive.context)).recording
    await messages(drive.context, action="start")
    await drive.open("/form")
    await drive.value("postMessage('before', '*'); setTimeout(() => confirm('?'), 50); 1")
    with anyio.fail_after(10):
        while drive.context.dialog is None:  # noqa: ASYNC110 - nothing tells of it here
            await anyio.sleep(0.01)
    assert [one.data for one in (await messages(drive.context)).messages] == ["before"]


class TestFollowed:
    async def test_messages_are_told_while_they_are_followed_and_secrets_are_masked(
        self, drive: Driving
    ) -> None:
        ear = Ear()
        drive.context.on_event(ear)
        drive.context.heed(frozenset({"message"}))
        await drive.open("/form")
        with anyio.fail_after(10):
            while not ear.of("message"):
                await drive.value("postMessage({ token: 'hunter2', n: 1 }, '*'); 1")
        told = ear.of("message")[0]
        assert json.loads(told["data"]) == {"token": "***", "n": 1}
        assert (told["tab"], told["origin"], told["source"]) == ("t1", drive.site.origin, "self")
        assert (await messages(drive.context)).messages == []

    async def test_a_change_of_storage_is_told_once_however_many_tabs_see_it(
        self, drive: Driving
    ) -> None:
        ear = Ear()
        drive.context.on_event(ear)
        await drive.open("/form")
        await drive.act("tab_new", url=drive.site.url("/form"))
        drive.context.heed(frozenset({"storage"}))
        with anyio.fail_after(10):
            while not ear.of("storage"):
                await drive.value("sessionStorage.setItem('probe', Math.random()); 1")
        await drive.value(
            "localStorage.setItem('k', 'a'); localStorage.setItem('k', 'b');"
            "localStorage.setItem('k', 'a'); localStorage.setItem('k', 'b');"
            "localStorage.setItem('api_token', 'hunter2'); localStorage.removeItem('k');"
            "localStorage.clear(); sessionStorage.setItem('last', 'x'.repeat(5000)); 1"
        )
        last = await ear.until("storage", key="last")
        assert (last["area"], last["tab"], len(last["new"])) == ("session", "t2", 1_001)
        await drive.act("tab_switch", tab="t1")
        await drive.value("localStorage.setItem('end', '1'); 1")
        await ear.until("storage", key="end")
        told = [one for one in ear.of("storage") if one["area"] == "local"]
        assert [(one["change"], one["key"], one.get("old"), one.get("new")) for one in told] == [
            ("added", "k", None, "a"), ("updated", "k", "a", "b"), ("updated", "k", "b", "a"),
            ("updated", "k", "a", "b"), ("added", "api_token", None, "***"),
            ("removed", "k", None, None), ("cleared", None, None, None),
            ("added", "end", None, "1"),
        ]  # fmt: skip
        assert told[0]["origin"] == drive.site.origin

    async def test_nothing_is_listened_for_once_nobody_follows(self, drive: Driving) -> None:
        ear = Ear()
        drive.context.on_event(ear)
        drive.context.heed(frozenset({"storage", "message"}))
        await drive.open("/form")
        with anyio.fail_after(10):
            while not (ear.of("message") and ear.of("storage")):
                await drive.value("postMessage(1, '*'); localStorage.n = Math.random(); 1")
        drive.context.heed(frozenset())
        reach = drive.context._reach
        with anyio.fail_after(10):
            while reach.part(Messages)._sessions or any(  # noqa: ASYNC110 - nothing tells of it
                ears.session for ears in reach.part(Storages)._ears.values()
            ):
                await anyio.sleep(0.01)
        before = len(ear.heard)
        await drive.value("postMessage(2, '*'); localStorage.n = 'end'; 1")
        await drive.snapshot()
        assert len(ear.heard) == before

    async def test_a_page_that_stores_without_end_is_not_listened_to_for_a_while(
        self, drive: Driving
    ) -> None:
        ear = Ear()
        drive.context.on_event(ear)
        drive.context.heed(frozenset({"storage"}))
        await drive.open("/form")
        with anyio.fail_after(10):
            while not ear.of("storage"):
                await drive.value("localStorage.setItem('probe', Math.random()); 1")
        await drive.value("for (let n = 0; n < 5000; n++) localStorage.setItem('k', n); 1")
        assert len(ear.of("storage")) < 400
        with anyio.fail_after(10):
            while not [one for one in ear.of("storage") if one["key"] == "after"]:
                await drive.value("localStorage.setItem('after', Math.random()); 1")
                await anyio.sleep(0.1)
