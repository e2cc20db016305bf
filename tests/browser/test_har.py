"""HAR files and the console, on a real browser."""

import json
from pathlib import Path
from typing import Any, cast

import anyio
import pytest

from agent_browser.browser import har
from agent_browser.browser.context import ChromiumContext
from agent_browser.browser.engine import Blob, Done
from agent_browser.errors import InvalidRequest
from agent_browser.models.network import ConsoleInput, ConsoleOutput, HarInput, HarOutput
from tests.browser.driving import Driving

pytestmark = [pytest.mark.browser, pytest.mark.anyio]


async def har_of(context: ChromiumContext, **input: Any) -> Done:
    return await context.perform(HarInput.model_validate(input))


def log_of(done: Done) -> dict[str, Any]:
    file = done.files["har"]
    assert isinstance(file, Blob)
    assert isinstance(file.data, bytes)
    archive: dict[str, Any] = json.loads(file.data)
    log: dict[str, Any] = archive["log"]
    return log


CHAT = (
    "new Promise(done => { const s = new WebSocket('%s'), most = %d; let n = 0;"
    """ const say = () => s.send('{"token":"hunter2"}'); s.onopen = say;"""
    " s.onmessage = () => { if (++n === most) s.close(); else say(); }; s.onclose = done; })"
)


async def test_a_har_has_bodies_and_no_secrets(drive: Driving) -> None:
    await drive.open("/list")
    assert cast("HarOutput", (await har_of(drive.context, action="start")).output).recording
    await drive.open("/cookies/set?token=hunter2")
    await drive.open("/form")
    await drive.value(
        "document.cookie = 'sid=hunter2';"
        "fetch('/headers?password=hunter2', {method: 'POST', headers: {Authorization:"
        " 'Bearer hunter2'}, body: new URLSearchParams({password: 'hunter2'})}).then(r => r.text())"
    )
    await drive.value(
        "fetch('/headers', {headers: {Authorization: 'Bearer hunter2hunter2'}}).then(r => r.text())"
    )
    done = await har_of(drive.context, action="stop")
    log, output = log_of(done), cast("HarOutput", done.output)
    assert (log["version"], output.recording, output.complete) == ("1.2", False, True)
    assert output.entries == len(log["entries"])
    by_url = {entry["request"]["url"]: entry for entry in log["entries"]}
    form = by_url[drive.site.url("/form")]["response"]
    assert "<form" in form["content"]["text"]
    headers = json.loads(by_url[drive.site.url("/headers")]["response"]["content"]["text"])
    assert (headers["authorization"], headers["sec-fetch-mode"]) == ("***", "cors")
    assert drive.site.url("/headers?password=***") in by_url
    text = json.dumps(log)
    assert "hunter2" not in text
    assert "sid=***" in text
    assert "_file" not in text


async def test_a_har_without_bodies_and_of_some_addresses(drive: Driving) -> None:
    await har_of(drive.context, action="start", content="omit", url="**/form")
    await drive.open("/form")
    log = log_of(await har_of(drive.context, action="stop"))
    assert [entry["request"]["url"] for entry in log["entries"]] == [drive.site.url("/form")]
    assert "text" not in log["entries"][0]["response"]["content"]


async def test_large_bodies_are_left_out_and_said_to_be(
    drive: Driving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(har, "MAX_BODY", 1_000)
    await har_of(drive.context, action="start", url="/form")
    await drive.open("/form")
    done = await har_of(drive.context, action="stop")
    assert cast("HarOutput", done.output).omitted == 1
    assert "left out" in log_of(done)["entries"][0]["response"]["content"]["comment"]


async def test_a_recording_ends_at_its_bound_and_says_so(
    drive: Driving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(har, "MAX_REQUESTS", 1)
    await har_of(drive.context, action="start")
    await drive.open("/form")
    done = await har_of(drive.context, action="stop")
    assert not cast("HarOutput", done.output).complete
    assert log_of(done)["version"] == "1.2"


async def test_a_stop_waits_for_the_end_that_a_bound_has_begun(
    drive: Driving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(har, "MAX_REQUESTS", 1)
    await har_of(drive.context, action="start")
    tracing = drive.context._reach.context.tracing
    begun, go_on, stop_har = anyio.Event(), anyio.Event(), tracing.stop_har

    async def slow() -> None:
        begun.set()
        await go_on.wait()
        await stop_har()

    monkeypatch.setattr(tracing, "stop_har", slow)
    await drive.open("/form")
    await begun.wait()
    async with anyio.create_task_group() as group:

        async def stop() -> None:
            assert log_of(await har_of(drive.context, action="stop"))["version"] == "1.2"

        group.start_soon(stop)
        await anyio.wait_all_tasks_blocked()
        go_on.set()


async def test_a_body_that_the_browser_let_go_is_said_to_be_left_out(drive: Driving) -> None:
    await drive.open("/form")
    await har_of(drive.context, action="start", url="/download")
    await drive.value("fetch('/download/x?bytes=30000000').then(r => r.text()).then(t => t.length)")
    done = await har_of(drive.context, action="stop")
    assert cast("HarOutput", done.output).omitted == 1
    (entry,) = log_of(done)["entries"]
    assert "left out" in entry["response"]["content"]["comment"]


async def test_messages_of_sockets_are_in_it_without_secrets(drive: Driving, echo: str) -> None:
    await drive.open("/form")
    await har_of(drive.context, action="start", url="ws://")
    await drive.value(CHAT % (echo, 1))
    done = await har_of(drive.context, action="stop")
    (entry,) = log_of(done)["entries"]
    told = [(one["type"], one["data"]) for one in entry["_webSocketMessages"]]
    assert told == [("send", '{"token":"***"}'), ("receive", '{"token":"***"}')]
    assert "text" not in entry["response"]["content"]


async def test_messages_that_do_not_fit_are_left_out_and_said_to_be(
    drive: Driving, echo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(har, "MAX_BODY", 250)
    await drive.open("/form")
    await har_of(drive.context, action="start", url="ws://")
    await drive.value(CHAT % (echo, 9))
    done = await har_of(drive.context, action="stop")
    (entry,) = log_of(done)["entries"]
    assert 0 < len(entry["_webSocketMessages"]) < 18
    assert (cast("HarOutput", done.output).omitted, "left out" in entry["comment"]) == (1, True)


async def test_a_socket_that_never_rests_ends_a_recording_at_its_bound(
    drive: Driving, echo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(har, "MAX_FRAMES", 1_000)
    await drive.open("/form")
    await har_of(drive.context, action="start")
    await drive.value(CHAT % (echo, 9))
    assert not cast("HarOutput", (await har_of(drive.context, action="stop")).output).complete


async def test_bodies_that_will_not_be_in_it_do_not_stay_on_the_disk(
    drive: Driving, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[list[str]] = []

    class Watched(har.Bodies):
        def __init__(self, folder: Path) -> None:
            super().__init__(folder)
            self.folder = folder

        def prune(self) -> None:
            super().prune()
            looks.append([file.name for file in self.folder.iterdir()])

    monkeypatch.setattr(har, "Bodies", Watched)
    monkeypatch.setattr(har, "_PRUNED_AFTER", 1)
    monkeypatch.setattr(har, "MAX_BODY", 5_000)
    await drive.open("/list")
    await har_of(drive.context, action="start")
    for n in range(4):
        await drive.value(
            f"fetch('/download/x?bytes={6_000 + n}').then(r => r.text()).then(() => 1)"
        )
    done = await har_of(drive.context, action="stop")
    assert cast("HarOutput", done.output).omitted == 4
    assert len(looks[-1]) < 4


def test_files_are_kept_until_there_are_enough_and_a_growing_one_is_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(har, "MAX_BODY", 100)
    monkeypatch.setattr(har, "MAX_BODIES", 150)
    bodies = har.Bodies(tmp_path)

    def put(**sizes: int) -> set[str]:
        for name, size in sizes.items():
            (tmp_path / name).write_bytes(b"x" * size)
        bodies.prune()
        return {file.name for file in tmp_path.iterdir()}

    assert put(a=90, large=101) == {"a"}
    assert put(b=10) == {"a", "b"}
    assert put(b=80, c=50) == {"a", "b", "c"}
    assert put() == {"a", "c"}
    assert put(a=90, d=20) == {"a", "c", "d"}
    assert put() == {"a", "c"}


async def test_starting_twice_and_stopping_nothing_are_clear_errors(drive: Driving) -> None:
    with pytest.raises(InvalidRequest, match="no HAR is being recorded"):
        await har_of(drive.context, action="stop")
    await har_of(drive.context, action="start")
    with pytest.raises(InvalidRequest, match="already"):
        await har_of(drive.context, action="start")
    await har_of(drive.context, action="stop")
    await har_of(drive.context, action="start")
    await drive.context.close()


async def console(context: ChromiumContext, **input: Any) -> ConsoleOutput:
    done = await context.perform(ConsoleInput.model_validate(input))
    return cast("ConsoleOutput", done.output)


SAY = """(() => { console.log('plain', {a: 1}); console.info('to know'); console.warn('careful');
console.error('Bearer hunter2hunter2'); console.debug('deep');
setTimeout(() => { throw new TypeError('boom') }) })();
new Promise(done => setTimeout(done, 20))"""


async def test_messages_and_errors_have_level_text_place_and_time(drive: Driving) -> None:
    await drive.open("/list")
    await drive.value(SAY)
    output = await console(drive.context)
    said = [(message.level, message.text) for message in output.messages]
    assert said == [
        ("log", "plain {a: 1}"),
        ("info", "to know"),
        ("warning", "careful"),
        ("error", "Bearer ***"),
        ("debug", "deep"),
        ("pageerror", "TypeError: boom"),
    ]
    assert output.counts == dict.fromkeys(
        ("log", "info", "warning", "error", "debug", "pageerror"), 1
    )
    assert {message.tab for message in output.messages} == {"t1"}
    assert output.messages[-1].stack
    assert [m.at for m in output.messages] == sorted(m.at for m in output.messages)


async def test_the_console_is_filtered_limited_and_cleared(drive: Driving) -> None:
    await drive.open("/list")
    await drive.value(SAY)
    errors = await console(drive.context, level=["error", "pageerror"])
    assert [message.level for message in errors.messages] == ["error", "pageerror"]
    assert [m.text for m in (await console(drive.context, query="CAREFUL")).messages] == ["careful"]
    newest = await console(drive.context, limit=1)
    assert ([m.level for m in newest.messages], newest.total) == (["pageerror"], 6)
    assert (await console(drive.context, tab="t9")).total == 0
    since = newest.messages[0].at
    assert (await console(drive.context, since=since, clear=True)).total == 0
    assert (await console(drive.context)).total == 0


async def test_what_is_kept_of_a_page_that_never_stops_is_bounded(drive: Driving) -> None:
    await drive.open("/list")
    await drive.value("for (let n = 0; n < 500; n++) console.log('x'.repeat(9000) + n); 1")
    output = await console(drive.context, limit=1000)
    assert output.total <= 200
    assert max(len(message.text) for message in output.messages) <= 4_001
