"""What storage, cookies and messages mean, on the fake engine and on the real one."""

from typing import Any, cast
from urllib.parse import urlsplit

import anyio
import pytest

from agent_browser.browser.engine import Context
from agent_browser.errors import InvalidRequest, NotFound, NotOpened, PayloadTooLarge
from agent_browser.models.cookies import CookiesInput, CookiesOutput
from agent_browser.models.functions import ContextOptions, OpenInput
from agent_browser.models.messages import MessagesInput, MessagesOutput
from agent_browser.models.storage import MAX_VALUE, StorageInput, StorageOutput
from tests.contract.conftest import Subject

pytestmark = pytest.mark.anyio


async def opened(subject: Subject) -> Context:
    context = await subject.browser.new_context(ContextOptions())
    await context.open(OpenInput(url=f"{subject.url}/form"))
    return context


async def storage(context: Context, **input: Any) -> StorageOutput:
    done = await context.perform(StorageInput.model_validate(input))
    return cast("StorageOutput", done.output)


async def cookies(context: Context, **input: Any) -> CookiesOutput:
    done = await context.perform(CookiesInput.model_validate(input))
    return cast("CookiesOutput", done.output)


async def messages(context: Context, **input: Any) -> MessagesOutput:
    done = await context.perform(MessagesInput.model_validate(input))
    return cast("MessagesOutput", done.output)


async def test_an_entry_is_put_got_listed_and_deleted(subject: Subject) -> None:
    context = await opened(subject)
    made = await storage(context, action="put", key="k", value={"n": 1}, expires_in="1h")
    assert made.entry is not None
    assert (made.entry.value, made.entry.parsed) == ('{"n":1}', {"n": 1})
    assert made.entry.created is not None
    assert made.entry.expires is not None
    assert (made.area, made.tab, made.origin) == ("local", "t1", subject.url)
    got = await storage(context, action="get", key="k")
    assert got.entry == made.entry
    await storage(context, action="put", key="other", value="text")
    listed = await storage(context)
    assert [(one.key, one.parsed) for one in listed.entries] == [("k", {"n": 1}), ("other", None)]
    assert listed.total == 2
    assert [one.key for one in (await storage(context, prefix="o")).entries] == ["other"]
    assert (await storage(context, action="delete", key="k")).removed == 1
    with pytest.raises(NotFound, match="'k'"):
        await storage(context, action="get", key="k")
    assert (await storage(context, action="clear")).removed == 1
    assert (await storage(context)).total == 0


async def test_a_list_is_had_in_pages(subject: Subject) -> None:
    context = await opened(subject)
    for key in "cab":
        await storage(context, action="put", key=key, value=1)
    first = await storage(context, limit=2)
    assert ([one.key for one in first.entries], first.total) == (["a", "b"], 3)
    second = await storage(context, limit=2, cursor=first.next_cursor)
    assert ([one.key for one in second.entries], second.next_cursor) == (["c"], None)


async def test_an_entry_that_has_expired_is_gone(subject: Subject) -> None:
    context = await opened(subject)
    await storage(context, action="put", key="k", value="v", expires_in=0.05, area="session")
    with anyio.fail_after(10):
        while (await storage(context, area="session")).total:  # noqa: ASYNC110 - the clock's own
            await anyio.sleep(0.01)


async def test_what_is_not_there_or_too_large_is_told(subject: Subject) -> None:
    context = await opened(subject)
    with pytest.raises(InvalidRequest, match="there is no frame 7"):
        await storage(context, frame=7)
    with pytest.raises(InvalidRequest, match="Unknown tab: t7"):
        await storage(context, tab="t7")
    with pytest.raises(InvalidRequest, match=r"no document of https://other\.test"):
        await storage(context, origin="https://other.test", area="session")
    with pytest.raises(PayloadTooLarge):
        await storage(context, action="put", key="k", value="x" * MAX_VALUE)


async def test_storage_needs_a_page_and_cookies_and_messages_do_not(subject: Subject) -> None:
    context = await subject.browser.new_context(ContextOptions())
    with pytest.raises(NotOpened):
        await storage(context)
    assert (await cookies(context)).total == 0
    assert (await messages(context)).messages == []


async def test_cookies_are_set_listed_and_deleted(subject: Subject) -> None:
    context = await opened(subject)
    host = urlsplit(subject.url).hostname
    given = [{"name": "a", "value": "1", "url": subject.url},
             {"name": "b", "value": "2", "domain": "b.test", "path": "/p"}]  # fmt: skip
    assert (await cookies(context, cookies=given)).changed == 2
    text = "c.test\tFALSE\t/\tFALSE\t0\tc\t3\n"
    assert (await cookies(context, text=text)).total == 3
    found = {
        one.name: (one.value, one.domain, one.path) for one in (await cookies(context)).cookies
    }
    assert found == {"a": ("1", host, "/"), "b": ("2", "b.test", "/p"), "c": ("3", "c.test", "/")}
    assert [one.name for one in (await cookies(context, url=subject.url)).cookies] == ["a"]
    assert [one.name for one in (await cookies(context, domain="b.test")).cookies] == ["b"]
    assert (await cookies(context, action="delete", name="b")).changed == 1
    assert (await cookies(context, action="clear")).changed == 2
    assert (await cookies(context)).cookies == []


async def test_messages_are_switched_on_and_off(subject: Subject) -> None:
    context = await opened(subject)
    assert not (await messages(context)).recording
    assert (await messages(context, action="start")).recording
    listed = await messages(context)
    assert (listed.recording, listed.messages, listed.kept) == (True, [], 0)
    with pytest.raises(InvalidRequest, match="cursor"):
        await messages(context, cursor="5")
    assert not (await messages(context, action="stop")).recording
