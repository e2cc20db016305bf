"""What every engine tells of its pages unasked."""

import pytest

from agent_browser.models.functions import ContextOptions, ExecuteInput, OpenInput
from tests.contract.conftest import Subject
from tests.fakes.ear import ALL, Ear
from tests.fakes.pages import FILES
from tests.fakes.tab import SAYS

pytestmark = pytest.mark.anyio


async def test_where_a_page_goes_is_told_with_its_title(subject: Subject) -> None:
    context, ear = await subject.browser.new_context(ContextOptions()), Ear()
    context.on_event(ear)
    await context.open(OpenInput(url=f"{subject.url}/form#token=s3cret"))
    assert await ear.until("navigated", title="Form") == {
        "url": f"{subject.url}/form#token=***",
        "path": "/form",
        "search": "",
        "hash": "#token=***",
        "title": "Form",
        "tab": "t1",
    }


async def test_nothing_is_told_before_somebody_listens(subject: Subject) -> None:
    context, ear = await subject.browser.new_context(ContextOptions()), Ear()
    await context.open(OpenInput(url=f"{subject.url}/form"))
    context.on_event(ear)
    await context.open(OpenInput(url=f"{subject.url}/"))
    assert [data["path"] for data in ear.of("navigated")] == ["/"]


async def test_the_console_is_told_only_while_somebody_follows_it(subject: Subject) -> None:
    context, ear = await subject.browser.new_context(ContextOptions()), Ear()
    context.on_event(ear)
    await context.open(OpenInput(url=f"{subject.url}/form"))
    await context.execute(ExecuteInput(code=SAYS))
    context.heed(ALL)
    await context.execute(ExecuteInput(code=SAYS))
    said = await ear.until("console")
    assert (said["level"], said["text"], said["tab"]) == ("warning", "said", "t1")
    context.heed(frozenset())
    await context.execute(ExecuteInput(code=SAYS))
    await context.open(OpenInput(url=f"{subject.url}/"))
    assert len(ear.of("console")) == 1


async def test_a_download_is_told_when_it_begins_and_when_it_ends(subject: Subject) -> None:
    context, ear = await subject.browser.new_context(ContextOptions()), Ear()
    context.on_event(ear)
    path = next(iter(FILES))
    await context.open(OpenInput(url=f"{subject.url}/form"))
    await context.open(OpenInput(url=subject.url + path))
    ended = await ear.until("download", state="done")
    assert ended["url"] == subject.url + path
    assert ended["name"] == path.rpartition("/")[2]
    assert [data["state"] for data in ear.of("download")] == ["running", "done"]
