"""Reading and printing, on the fake and for real."""

import pytest

from agent_browser.browser.engine import Blob
from agent_browser.errors import NotOpened
from agent_browser.models.functions import ContextOptions, OpenInput
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


async def test_nothing_is_read_before_a_page_is_opened(subject: Subject) -> None:
    context = await subject.browser.new_context(ContextOptions())
    for input in (ReadInput(), PdfInput()):
        with pytest.raises(NotOpened):
            await context.perform(input)
