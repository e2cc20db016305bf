"""Uploads: into inputs, through choosers, dropped; what does not fit is told."""

from pathlib import Path

import pytest

from agent_browser.browser.choosers import NOTE
from agent_browser.browser.engine import Upload
from agent_browser.browser.uploads import accepts
from agent_browser.models.functions import InteractInput, InteractOutput
from tests.browser.driving import Driving

pytestmark = [pytest.mark.anyio, pytest.mark.browser]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Upload, ...]:
    made = []
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(f"this is {name}")
        made.append(Upload(tmp_path / name))
    return tuple(made)


async def upload(
    drive: Driving, words: str, files: tuple[Upload, ...], **more: object
) -> InteractOutput:
    """The upload action on the element with these words."""
    given = {"action": "upload", "ref": drive.ref(words), **more}
    return await drive.context.interact(InteractInput.model_validate(given), files)


async def test_files_reach_a_plain_input(drive: Driving, files: tuple[Upload, ...]) -> None:
    await drive.open("/upload")
    done = await upload(drive, "Several files", files)
    assert (done.success, done.message) == (True, None)
    assert await drive.log() == "several: a.txt 13, b.txt 13\n"


async def told(drive: Driving, text: str) -> None:
    """The page reads files in its own time, and logs them then."""
    waited = await drive.act("wait", text=text)
    assert waited.success, waited.message


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("Choose later", "hidden"),
        ("Choose by a new input", "made"),
    ],
)
async def test_files_go_through_the_chooser_that_a_button_opens(
    drive: Driving, files: tuple[Upload, ...], words: str, name: str
) -> None:
    await drive.open("/transfers")
    done = await upload(drive, words, files[:1])
    assert (done.success, done.message) == (True, None)
    await told(drive, f"{name}: a.txt text/plain 13 this is a.txt")


@pytest.mark.parametrize("target", ["css=#styled", "css=#styled b", "css=#hidden"])
async def test_files_reach_a_hidden_input_by_its_label(
    drive: Driving, files: tuple[Upload, ...], target: str
) -> None:
    await drive.open("/transfers")
    asked = InteractInput(action="upload", ref=target)
    done = await drive.context.interact(asked, files)
    assert done.success, done.message
    await told(drive, "hidden: a.txt text/plain 13 this is a.txt, b.txt")


@pytest.mark.parametrize("more", [{"drop": True}, {}])
async def test_files_are_dropped_on_a_place_for_them(
    drive: Driving, files: tuple[Upload, ...], more: dict[str, object]
) -> None:
    await drive.open("/transfers")
    done = await upload(drive, "Drop here", files, **more)
    assert done.success, done.message
    await told(drive, "dropped: a.txt text/plain 13 this is a.txt, b.txt text/plain 13")
    assert (done.message is None) == bool(more)


async def test_what_takes_no_files_says_so(drive: Driving, files: tuple[Upload, ...]) -> None:
    await drive.open("/transfers")
    refused = await upload(drive, "Nothing here", files, timeout=2)
    assert (refused.success, refused.code) == (False, "no_file_chooser")
    refused = await upload(drive, "Nothing here", files, drop=True)
    assert (refused.success, refused.code) == (False, "drop_not_taken")
    assert (await drive.value("location.pathname")) == "/transfers"


async def give(drive: Driving, files: tuple[Upload, ...]) -> InteractOutput:
    """The files to the chooser that waits."""
    return await drive.context.interact(InteractInput(action="upload"), files)


def waiting(drive: Driving) -> tuple[str, bool] | None:
    """The tab of the chooser that waits and whether it takes several, as every answer says."""
    chooser = drive.context.file_chooser
    return (chooser.tab, chooser.multiple) if chooser is not None else None


@pytest.mark.parametrize(
    ("words", "name", "several"),
    [("Choose later", "hidden", True), ("Choose by a new input", "made", False)],
)
async def test_a_chooser_that_a_click_opens_is_told_and_given_files_later(
    drive: Driving, files: tuple[Upload, ...], words: str, name: str, several: bool
) -> None:
    await drive.open("/transfers")
    assert waiting(drive) is None
    clicked = await drive.act("click", drive.ref(words))
    assert clicked.success
    assert clicked.message == NOTE
    assert waiting(drive) == ("t1", several)
    looked = await drive.act("hover", drive.ref(words))
    assert looked.message is None
    assert waiting(drive) == ("t1", several)
    done = await give(drive, files[:1])
    assert (done.success, done.message) == (True, None)
    await told(drive, f"{name}: a.txt text/plain 13 this is a.txt")
    assert waiting(drive) is None


async def test_a_chooser_that_a_key_or_code_opens_is_told(
    drive: Driving, files: tuple[Upload, ...]
) -> None:
    await drive.open("/transfers")
    await drive.value("document.getElementById('hidden').click()")
    assert await drive.context._tabs.active.choosers.arrive(5) is not None
    assert waiting(drive) == ("t1", True)
    await drive.open("/transfers")
    assert waiting(drive) is None
    pressed = await drive.act("press", drive.ref("Choose later"), text="Enter")
    assert pressed.message == NOTE
    assert (await give(drive, files)).success
    await told(drive, "hidden: a.txt text/plain 13 this is a.txt, b.txt")


async def test_a_chooser_in_a_frame_is_given_files(
    drive: Driving, files: tuple[Upload, ...]
) -> None:
    await drive.open("/empty")
    await drive.value(
        "new Promise(done => { const frame = document.createElement('iframe');"
        " frame.src = '/transfers'; frame.onload = () => done(1);"
        " document.body.append(frame); })"
    )
    await drive.snapshot()
    clicked = await drive.act("click", drive.ref("Choose later"))
    assert clicked.message == NOTE
    assert (await give(drive, files[:1])).success
    await told(drive, "hidden: a.txt text/plain 13 this is a.txt")


async def test_a_chooser_keeps_waiting_for_files_that_fit(
    drive: Driving, files: tuple[Upload, ...]
) -> None:
    await drive.open("/transfers")
    await drive.act("click", drive.ref("Choose by a new input"))
    refused = await give(drive, files)
    assert (refused.success, refused.code) == (False, "takes_one_file")
    assert waiting(drive) == ("t1", False)
    assert (await give(drive, files[:1])).success


async def test_without_a_chooser_that_waits_a_target_is_needed(
    drive: Driving, files: tuple[Upload, ...]
) -> None:
    await drive.open("/transfers")
    refused = await give(drive, files)
    assert (refused.success, refused.code) == (False, "missing_input")
    await drive.act("click", drive.ref("Choose later"))
    await drive.open("/upload")
    assert waiting(drive) is None
    assert (await give(drive, files)).code == "missing_input"


async def test_a_chooser_whose_frame_went_away_is_said_to_be_gone(
    drive: Driving, files: tuple[Upload, ...]
) -> None:
    await drive.open("/empty")
    await drive.value(
        "new Promise(done => { const frame = document.createElement('iframe');"
        " frame.src = '/transfers'; frame.onload = () => done(1);"
        " document.body.append(frame); })"
    )
    await drive.snapshot()
    await drive.act("click", drive.ref("Choose later"))
    await drive.value("document.querySelector('iframe').remove()")
    refused = await give(drive, files)
    assert (refused.success, refused.code) == (False, "no_file_chooser")
    assert waiting(drive) is None


OPENS_LATE = (
    "document.getElementById('stone').onclick = () => setTimeout(() => {"
    " document.getElementById('hidden').click(); window.isOpened = true; }, 1500); 1"
)
"""Later than the files would be tried to be dropped, and while a click still counts."""
GOES_AWAY = "document.getElementById('stone').addEventListener('click', e => e.target.remove());"


@pytest.mark.parametrize("more", ["", GOES_AWAY])
async def test_a_chooser_that_opens_late_is_waited_for(
    drive: Driving, files: tuple[Upload, ...], more: str
) -> None:
    await drive.open("/transfers")
    await drive.value(more + OPENS_LATE)
    done = await upload(drive, "Nothing here", files)
    assert (done.success, done.message) == (True, None)
    await told(drive, "hidden: a.txt text/plain 13 this is a.txt, b.txt")


async def test_a_chooser_that_opens_while_waiting_for_something_is_told_then(
    drive: Driving, files: tuple[Upload, ...]
) -> None:
    await drive.open("/transfers")
    await drive.value(OPENS_LATE)
    assert (await drive.act("click", drive.ref("Nothing here"))).message is None
    assert (await drive.act("wait", function="window.isOpened")).message == NOTE
    assert (await give(drive, files)).success
    await told(drive, "hidden: a.txt text/plain 13 this is a.txt, b.txt")


async def test_a_picker_of_the_file_system_is_no_chooser(
    drive: Driving, files: tuple[Upload, ...]
) -> None:
    await drive.open("/transfers")
    await drive.value(
        "document.getElementById('stone').onclick = () =>"
        " window.showOpenFilePicker().catch(error => log(error.name)); 1"
    )
    clicked = await drive.act("click", drive.ref("Nothing here"))
    assert clicked.success
    assert waiting(drive) is None
    refused = await upload(drive, "Nothing here", files, timeout=2)
    assert refused.code == "no_file_chooser"
    assert "AbortError" in await drive.log()


async def test_what_takes_no_files_opens_none_of_the_servers(
    drive: Driving, files: tuple[Upload, ...]
) -> None:
    # A page that accepts a drag and says nothing to the drop, to nobody else either.
    await drive.open("/transfers")
    await drive.value(
        "addEventListener('dragover', e => { e.preventDefault(); e.stopImmediatePropagation(); },"
        " true);"
        "addEventListener('drop', e => e.stopImmediatePropagation(), true); 1"
    )
    refused = await upload(drive, "Nothing here", files, drop=True)
    assert (refused.success, refused.code) == (False, "drop_not_taken")
    await drive.act("tab_new", url=drive.site.url("/empty"))
    await drive.act("tab_close")
    listed = await drive.act("tab_list")
    assert [tab.url for tab in listed.tabs] == [drive.site.url("/transfers")]


@pytest.mark.parametrize(
    ("page", "words", "code"),
    [
        ("/upload", "One file", "takes_one_file"),
        ("/upload", "Choose a picture", "takes_one_file"),
        ("/transfers", "A folder", "takes_a_folder"),
        ("/transfers", "Switched off", "disabled"),
    ],
)
async def test_an_input_that_can_not_take_them_is_left_as_it_was(
    drive: Driving, files: tuple[Upload, ...], page: str, words: str, code: str
) -> None:
    await drive.open(page)
    refused = await upload(drive, words, files)
    assert (refused.success, refused.code) == (False, code)
    assert await drive.log() == ""


async def test_a_file_that_the_input_does_not_ask_for_is_noted(
    drive: Driving, files: tuple[Upload, ...]
) -> None:
    await drive.open("/upload")
    done = await upload(drive, "Choose a picture", files[:1])
    assert done.success
    assert done.message is not None
    assert "asks for image/*, which a.txt is not" in done.message


async def test_a_page_is_told_the_type_that_the_caller_says(
    drive: Driving, files: tuple[Upload, ...]
) -> None:
    await drive.open("/transfers")
    typed = (Upload(files[0].path, "application/x-own"),)
    assert (await upload(drive, "Choose later", typed)).success
    await told(drive, "a.txt application/x-own 13")


async def test_no_files_are_a_missing_input(drive: Driving) -> None:
    await drive.open("/upload")
    refused = await upload(drive, "One file", ())
    assert (refused.success, refused.code) == (False, "missing_input")


@pytest.mark.parametrize(
    ("accept", "name", "fits"),
    [
        ("", "a.txt", True),
        (".TXT, .md", "a.txt", True),
        ("image/*", "a.png", True),
        ("image/*", "a.txt", False),
        ("text/plain", "a.txt", True),
        (".pdf", "pdf", False),
        ("*/*", "strange", True),
    ],
)
def test_accept_is_by_suffix_type_or_family(accept: str, name: str, fits: bool) -> None:
    assert accepts(accept, Upload(Path(name))) is fits
