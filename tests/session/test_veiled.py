"""What a context tells goes through the veil: every door of it."""

import inspect
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent_browser.browser.engine import Blob, Context, Done, Secret, Video
from agent_browser.errors import ActionFailed
from agent_browser.models.checkpoints import SECRETS, TABS, Loss, Part, State
from agent_browser.models.functions import (
    ContextOptions,
    ExecuteInput,
    ExecuteOutput,
    FunctionOutput,
    InteractInput,
    OpenInput,
    SnapshotInput,
)
from agent_browser.models.network import ConsoleInput
from agent_browser.session.veiled import Veiled
from tests.fakes.engine import FakeContext, FakeEngine

pytestmark = pytest.mark.anyio

TEXT = "hunter2/of ann"


@pytest.fixture
async def bare() -> FakeContext:
    return await (await FakeEngine().launch()).new_context(ContextOptions())


@pytest.fixture
async def veiled(bare: FakeContext) -> Veiled:
    context = Veiled(bare)
    await context.open(OpenInput(url="http://site.test/form"))
    return context


def test_it_has_all_that_a_context_has() -> None:
    named = {name for name, _ in inspect.getmembers(Context) if not name.startswith("_")}
    own = {name for name in vars(Veiled) if not name.startswith("_")}
    assert own == named


async def test_while_nothing_was_typed_it_passes_the_very_things_on(
    bare: FakeContext, veiled: Veiled, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, done = State({"tabs": Part.of(TABS, {})}), Done(FunctionOutput())

    async def captured(*, thorough: bool = False) -> State:
        return state

    async def performed(*args: Any, **named: Any) -> Done:
        return done

    monkeypatch.setattr(bare, "capture", captured)
    monkeypatch.setattr(bare, "perform", performed)
    monkeypatch.setattr(bare.veil, "value", None)
    assert await veiled.capture() is state
    assert await veiled.perform(ConsoleInput()) is done
    assert veiled.url is bare.url


async def test_a_secret_that_was_typed_is_in_nothing_that_it_tells(
    bare: FakeContext, veiled: Veiled
) -> None:
    told: list[Any] = []
    veiled.on_event(lambda kind, data: told.append(data))
    page = await veiled.snapshot(SnapshotInput())
    field = next(one.ref for one in page.elements if "Your name" in one.desc)
    secret = Secret("login", "secret-1", lambda: TEXT, lambda origin: True)
    input = InteractInput.model_validate(
        {"action": "fill", "ref": field, "text": {"secret": "login"}}
    )
    answers: list[Any] = [await veiled.interact(input, (), secret)]
    bare.add_text(f"You said {TEXT}")
    answers.append(await veiled.snapshot(SnapshotInput()))
    answers.append(await veiled.words(1_000))
    answers.append(await veiled.execute(ExecuteInput(code=TEXT)))
    await veiled.open(OpenInput(url=f"http://site.test/form?q={TEXT.replace(' ', '%20')}"))
    answers += [veiled.page, veiled.url, veiled.dialog, veiled.take_downloads()]
    assert told
    assert "***" in str(answers[0])
    assert "***" in str(answers[2])
    for text in (TEXT, "hunter2"):
        assert text not in str([answers, told])
    assert "hunter2" in bare.url


async def test_a_checkpoint_with_nothing_to_leave_out_is_the_very_one(
    bare: FakeContext, veiled: Veiled, monkeypatch: pytest.MonkeyPatch
) -> None:
    tabs = Part.of(TABS, {"tabs": [{"id": "t1", "url": f"http://a.test/{TEXT}"}]})

    async def captured(*, thorough: bool = False) -> State:
        return State({TABS: tabs})

    monkeypatch.setattr(bare, "capture", captured)
    bare.veil.add("secret-1", TEXT)
    assert (await veiled.capture()).parts[TABS] is tabs


@pytest.mark.parametrize(
    ("value", "told", "result"),
    [
        ({"n": 1234, "of": [1.5, "x 1234"]}, {"n": "***", "of": [1.5, "x ***"]},
         '{"n":"***","of":[1.5,"x ***"]}'),
        (1234, "***", "***"),
        ("is 1234", "is ***", "is ***"),
        ({"n": 5}, {"n": 5}, '{"n":5}'),
        ([12, 34, 56], "***", "***"),
    ],
)  # fmt: skip
async def test_what_code_comes_to_is_json_of_what_is_masked(
    bare: FakeContext, veiled: Veiled, monkeypatch: pytest.MonkeyPatch,
    value: Any, told: Any, result: str
) -> None:  # fmt: skip
    async def executed(input: ExecuteInput) -> ExecuteOutput:
        return ExecuteOutput(
            result=value if isinstance(value, str) else json.dumps(value, separators=(",", ":")),
            value=value,
        )

    monkeypatch.setattr(bare, "execute", executed)
    bare.veil.add("secret-1", "1234")
    bare.veil.add("secret-2", "12,34")
    output = await veiled.execute(ExecuteInput(code="x"))
    assert (output.value, output.result) == (told, result)


async def test_errors_say_nothing_of_it(
    bare: FakeContext, veiled: Veiled, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*args: Any, **named: Any) -> Any:
        raise ActionFailed("failed", f"{TEXT} is not there")

    monkeypatch.setattr(bare, "snapshot", fails)
    bare.veil.add("secret-1", TEXT)
    with pytest.raises(ActionFailed) as failed:
        await veiled.snapshot(SnapshotInput())
    assert (failed.value.detail, str(failed.value)) == ("*** is not there",) * 2


async def test_files_of_text_and_archives_are_veiled_and_pictures_are_not(
    bare: FakeContext, veiled: Veiled, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plain, archive = tmp_path / "plain.txt", tmp_path / "files.zip"
    plain.write_text(f"said {TEXT}")
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("a.network", f'{{"said": "{TEXT}"}}')
        made.writestr("b.jpeg", TEXT)
    files = {
        "bytes": Blob(f"x{TEXT}".encode(), "application/json", f"{TEXT}.har"),
        "file": Blob(plain, "text/plain", "a.txt"),
        "archive": Blob(archive, "application/zip", "a.zip"),
        "picture": Blob(TEXT.encode(), "image/png", "a.png"),
        "some": (Blob(TEXT.encode(), "text/html", "a.html"),),
        "video": Video(tmp_path / "v.webm", 1, 1),
    }

    async def performed(*args: Any, **named: Any) -> Done:
        return Done(FunctionOutput(), files)  # type: ignore[arg-type]

    monkeypatch.setattr(bare, "perform", performed)
    bare.veil.add("secret-1", TEXT)
    told = dict((await veiled.perform(ConsoleInput())).files)
    assert told["bytes"] == Blob(b"x***", "application/json", "***.har")
    assert plain.read_text() == "said ***"
    with zipfile.ZipFile(io.BytesIO(archive.read_bytes())) as read:
        assert read.read("a.network") == b'{"said": "***"}'
        assert read.read("b.jpeg") == TEXT.encode()
    assert told["picture"] == files["picture"]
    assert told["some"] == (Blob(b"***", "text/html", "a.html"),)
    assert told["video"] == files["video"]
    assert not archive.with_suffix(".veiled").exists()


async def test_files_of_json_stay_json_where_a_number_is_a_secret(
    bare: FakeContext, veiled: Veiled, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    archive = tmp_path / "files.zip"
    lines = ['{"n": 1234, "at": 1234.5}', '{"text": "pin 1234"}', "1234 no JSON", '{"n": 5}']
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("a.trace", "\n".join(lines))
    files = {
        "har": Blob(b'{"size": 1234, "of": ["1234", 12345]}', "application/json", "a.har"),
        "text": Blob(b"{1234", "text/plain", "a.txt"),
        "archive": Blob(archive, "application/zip", "a.zip"),
    }

    async def performed(*args: Any, **named: Any) -> Done:
        return Done(FunctionOutput(), files)

    monkeypatch.setattr(bare, "perform", performed)
    bare.veil.add("secret-1", "1234")
    told = dict((await veiled.perform(ConsoleInput())).files)
    assert told["har"] == replace(files["har"], data=b'{"size":"***","of":["***",12345]}')
    assert told["text"] == replace(files["text"], data=b"{***")
    with zipfile.ZipFile(archive) as read:
        masked = read.read("a.trace").decode().split("\n")
    assert masked == ['{"n":"***","at":1234.5}', '{"text": "pin ***"}', "*** no JSON", lines[3]]


async def test_a_checkpoint_names_the_secret_and_leaves_out_what_is_filled_in_with_it(
    bare: FakeContext, veiled: Veiled, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = [{"path": "a", "kind": "value", "value": one} for one in (TEXT, "plain")]
    here = {"id": "t1", "url": f"http://a.test/{TEXT}/home", "title": TEXT, "state": {"of": TEXT}}
    tabs = {"tabs": [{**here, "scroll": {"x": 0, "y": 123456}, "fields": fields}]}
    whole = State(
        {TABS: Part.of(TABS, tabs), "cookies": Part.of("cookies", [TEXT])},
        (Loss(what="page", why=f"{TEXT} is lost"),),
    )

    async def captured(*, thorough: bool = False) -> State:
        return whole

    monkeypatch.setattr(bare, "capture", captured)
    bare.veil.add("secret-1", TEXT)
    bare.veil.add("secret-2", "123456", lasting=False)
    state = await veiled.capture()
    (tab,) = state.value(TABS)["tabs"]
    assert tab == {**here, "scroll": {"x": 0, "y": 123456}, "fields": [fields[1]]}
    assert state.value(SECRETS) == ["secret-1"]
    assert state.parts["cookies"] is whole.parts["cookies"]
    assert state.losses[0].why == "*** is lost"
    assert (await veiled.capture()).parts[TABS] is state.parts[TABS]
    bare.veil.add("secret-3", "plain")
    assert (await veiled.capture()).value(TABS)["tabs"][0]["fields"] == []
