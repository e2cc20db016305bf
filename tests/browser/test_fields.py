"""Form fields and the keyboard."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_browser.browser.engine import Upload
from agent_browser.browser.fields import choose
from agent_browser.errors import ActionFailed
from agent_browser.models.functions import InteractInput
from tests.browser.driving import Driving

OPTIONS = [
    {"label": "One", "text": "One", "value": "1"},
    {"label": "2", "text": "2", "value": "two"},
    {"label": "Three", "text": "Three", "value": "0"},
]


@pytest.mark.parametrize(
    ("text", "index"), [("One", 0), ("2", 1), ("two", 1), ("0", 2), ("1", 0), (" Three ", 2)]
)
def test_an_option_is_meant_by_label_else_by_value_else_by_number(text: str, index: int) -> None:
    assert choose(OPTIONS, [text]) == [index]


def test_no_such_option_names_those_there_are() -> None:
    with pytest.raises(ActionFailed, match="no option 'Four'; there are 'One', '2', 'Three'"):
        choose(OPTIONS, ["Four"])


@given(st.lists(st.text(min_size=1, max_size=5).filter(str.strip), min_size=1, unique_by=str.strip))
def test_every_option_can_be_chosen_by_its_label(labels: list[str]) -> None:
    options = [{"label": text, "text": text, "value": f"v{i}"} for i, text in enumerate(labels)]
    chosen = [choose(options, [text])[0] for text in labels]
    assert [" ".join(labels[i].split()) for i in chosen] == [" ".join(t.split()) for t in labels]


pytestmark = pytest.mark.anyio
browser = pytest.mark.browser


@browser
async def test_what_is_filled_in_is_what_is_sent(drive: Driving) -> None:
    await drive.open("/form")
    fills = {
        '"Name"': "Ada",
        '"Email"': "ada@example.com",
        '"Password"': "s3cret",
        '"Age"': "36",
        '"Born"': "1815-12-10",
        '"Notes"': "two\nlines",
        '"Essay"': "An essay",
    }
    for words, text in fills.items():
        ref = next(item.ref for item in drive.elements if words.strip('"') == item.name)
        done = await drive.act("fill", ref, text=text)
        assert done.success, (words, done.message)
    assert (await drive.act("select", "css=[name=country]", text="Japan")).success
    assert (await drive.act("select", "css=[name=languages]", text=["French", "3"])).success
    assert (await drive.act("check", "css=[name=agree]")).success
    assert (await drive.act("uncheck", "css=[name=news]")).success
    assert (await drive.act("check", "css=[value=large]")).success
    done = await drive.act("click", drive.ref("Send by POST"))
    assert done.success
    assert "/submitted" in done.url
    page = str(await drive.value("document.body.innerText"))
    for text in ("Ada", "1815-12-10", "jp", "French", "Italian", "large", "An essay"):
        assert text in page, text
    assert "news" not in page


@browser
async def test_type_goes_into_the_focus_or_into_the_ref_and_clears_nothing(drive: Driving) -> None:
    await drive.open("/keyboard")
    field = drive.ref("Type here")
    await drive.act("fill", field, text="a")
    await drive.act("type", text="b")
    await drive.act("focus", "css=#pad")
    await drive.act("type", field, text="c")
    assert await drive.value("document.getElementById('field').value") in ("abc", "cab", "acb")
    await drive.act("clear", field)
    assert await drive.value("document.getElementById('field').value") == ""


@browser
async def test_press_takes_keys_and_combinations(drive: Driving) -> None:
    await drive.open("/keyboard")
    await drive.act("focus", drive.ref("Type here"))
    for key in ("Enter", "Control+a", "Shift+Tab", "ArrowDown", "x"):
        assert (await drive.act("press", text=key)).success, key
    log = await drive.log()
    for line in ("down Enter", "down ctrl+a", "down shift+Tab", "down ArrowDown", "down x"):
        assert line in log
    failed = await drive.act("press", text="NoSuchKey")
    assert (failed.success, failed.code) == (False, "invalid_key")


@browser
@pytest.mark.parametrize(
    ("input", "message"),
    [
        ({"action": "fill", "ref": "@e1"}, "'text' required for fill action"),
        ({"action": "type"}, "'text' required for type action"),
        ({"action": "press"}, "'text' required for press action (e.g., 'Enter')"),
        ({"action": "select", "ref": "@e1"}, "'text' required for select action"),
        ({"action": "click"}, "'ref' required for click action"),
        ({"action": "goto"}, "'url' required for goto action"),
        ({"action": "drag", "ref": "@e1"}, "'target_ref' required for drag action"),
    ],
)
async def test_what_is_missing_is_said_in_the_original_words(
    drive: Driving, input: dict[str, str], message: str
) -> None:
    await drive.open("/form")
    failed = await drive.context.interact(InteractInput.model_validate(input))
    assert (failed.success, failed.message) == (False, message)


@browser
async def test_upload_without_files_says_what_is_missing(drive: Driving) -> None:
    await drive.open("/upload")
    failed = await drive.act("upload", "css=[name=one]")
    assert (failed.message or "").startswith("'file_paths' required for upload action")


@browser
async def test_files_are_uploaded(drive: Driving, tmp_path: Path) -> None:
    await drive.open("/upload")
    paths = (tmp_path / "a.txt", tmp_path / "b.txt")
    for path in paths:
        path.write_text("twelve bytes")
    done = await drive.context.interact(
        InteractInput(action="upload", ref="css=[name=several]"), tuple(map(Upload, paths))
    )
    assert done.success, done.message
    assert "several: a.txt 12, b.txt 12" in await drive.log()


@browser
async def test_a_field_that_can_not_be_edited_says_so(drive: Driving) -> None:
    await drive.open("/form")
    for name in ("readonly", "disabled"):
        failed = await drive.act("fill", f"css=[name={name}]", text="x", timeout=0.3)
        assert failed.success is False
        assert failed.code in ("not_editable", "disabled"), failed.message


@browser
async def test_select_on_what_is_no_select_says_so(drive: Driving) -> None:
    await drive.open("/form")
    failed = await drive.act("select", "css=[name=name]", text="x")
    assert failed.code == "not_a_select"
    failed = await drive.act("select", "css=[name=country]", text="Atlantis")
    assert failed.code == "no_such_option"


@pytest.mark.parametrize("by", ["ref", "selector"])
async def test_a_page_can_not_lie_about_its_options(drive: Driving, by: str) -> None:
    await drive.open("/form")
    chosen = await drive.value(
        "(() => { const select = document.querySelector('select');"
        " Object.defineProperty(HTMLSelectElement.prototype, 'options',"
        " {get: () => [{label: 'Trap', text: 'Trap', value: 'trap'}]});"
        " return select.children[1].label; })()"
    )
    ref = next(item.ref for item in drive.elements if item.tag == "select")
    name = ref if by == "ref" else "css=select >> nth=0"
    done = await drive.act("select", name, text=chosen)
    assert done.success, done.message
    assert await drive.value("document.querySelector('select').selectedIndex") == 1
    trapped = await drive.act("select", name, text="Trap")
    assert (trapped.success, trapped.code) == (False, "no_such_option")


async def test_options_are_read_in_a_frame_that_was_never_looked_at(drive: Driving) -> None:
    await drive.open("/empty", snapshot=False)
    await drive.value(
        "new Promise(done => { const frame = document.createElement('iframe');"
        " frame.srcdoc = '<select><option>One<option>Two</select><p>no select</p>';"
        " frame.onload = () => done(1); document.body.append(frame); })"
    )
    assert (await drive.act("select", "css=select", text="Two", snapshot=False)).success
    assert await drive.value("frames[0].document.querySelector('select').value") == "Two"
    assert (await drive.act("select", "css=p", text="Two")).code == "not_a_select"
