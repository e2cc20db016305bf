"""Reading and printing, on the fake and for real."""

import pytest

from agent_browser.browser.engine import Blob, Context
from agent_browser.errors import BrowserLost, NotOpened
from agent_browser.models.functions import ContextOptions, InteractInput, OpenInput
from agent_browser.models.reading import PdfInput, PdfOutput, ReadInput, ReadOutput
from tests.contract.conftest import Subject

pytestmark = pytest.mark.anyio


async def test_a_page_is_read_with_its_links_absolute(subject: Subject) -> None:
    context = await subject.browser.new_context(ContextOptions())
    await context.open(OpenInput(url=f"{subject.url}/"))
    text = (await context.perform(ReadInput(format="text"))).output
    assert isinstance(text, ReadOutput)
    assert (text.title, text.lang, text.url) == ("Home", "en", f"{subject.url}/")
    assert (text.content or "").split() == ["Form", "Stay"]
    links = (await context.perform(ReadInput(format="links"))).output
    assert isinstance(links, ReadOutput)
    assert [(one.text, one.href) for one in links.links or []] == [("Form", f"{subject.url}/form")]


async def test_a_page_is_printed_as_a_file(subject: Subject) -> None:
    context = await subject.browser.new_context(ContextOptions())
    await context.open(OpenInput(url=f"{subject.url}/form"))
    done = await context.perform(PdfInput())
    assert isinstance(done.output, PdfOutput)
    assert (done.output.pages, done.output.title) == (1, "Form")
    made = done.files["pdf"]
    assert isinstance(made, Blob)
    assert isinstance(made.data, bytes)
    assert made.data.startswith(b"%PDF-")


async def test_the_words_of_a_page_are_those_that_it_shows_now(subject: Subject) -> None:
    context = await subject.browser.new_context(ContextOptions())
    assert await context.words(100) is None, "no page was opened"
    await context.open(OpenInput(url=f"{subject.url}/"))
    said = await context.words(100)
    assert said is not None
    assert (said.url, said.title, said.text.split()) == (
        f"{subject.url}/",
        "Home",
        ["Form", "Stay"],
    )
    assert await words(context, 3) == ["For"]
    form = await context.open(OpenInput(url=f"{subject.url}/form"))
    for field, text in ((form.elements[1], "Ada"), (form.elements[2], "hunter2")):
        filled = InteractInput(action="fill", ref=field.ref, text=text)
        assert (await context.interact(filled)).success
    assert await words(context) == ["Home", "Agree", "Send", "Never"]
    await context.open(OpenInput(url=f"{subject.url}/empty"))
    assert await words(context) == []


async def words(context: Context, most: int = 100) -> list[str]:
    """What the page shows, word by word."""
    said = await context.words(most)
    assert said is not None
    return said.text.split()


async def test_words_of_a_lost_browser_are_not_had(subject: Subject) -> None:
    context = await subject.browser.new_context(ContextOptions())
    await context.open(OpenInput(url=f"{subject.url}/"))
    subject.kill()
    with pytest.raises(BrowserLost):
        await context.words(100)


async def test_nothing_is_read_before_a_page_is_opened(subject: Subject) -> None:
    context = await subject.browser.new_context(ContextOptions())
    for input in (ReadInput(), PdfInput()):
        with pytest.raises(NotOpened):
            await context.perform(input)
