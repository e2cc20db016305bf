"""What the network functions mean, on the fake engine and on the real one."""

import json
from typing import Any, cast

import pytest

from agent_browser.browser.engine import Blob, Context, Done
from agent_browser.errors import InvalidRequest
from agent_browser.models.functions import ContextOptions, OpenInput
from agent_browser.models.network import (
    ConsoleInput,
    ConsoleOutput,
    HarInput,
    HarOutput,
    RequestInput,
    RequestOutput,
    RequestsInput,
    RequestsOutput,
)
from agent_browser.models.routing import (
    RouteInput,
    RouteOutput,
)
from tests.contract.conftest import Subject

pytestmark = pytest.mark.anyio


async def opened(subject: Subject) -> Context:
    context = await subject.browser.new_context(ContextOptions())
    await context.open(OpenInput(url=f"{subject.url}/form"))
    return context


async def requests(context: Context, **input: Any) -> RequestsOutput:
    done = await context.perform(RequestsInput.model_validate(input))
    return cast("RequestsOutput", done.output)


async def test_the_page_that_was_opened_is_among_the_requests(subject: Subject) -> None:
    context = await opened(subject)
    (page,) = (await requests(context, type="document")).requests
    assert (page.method, page.url, page.status) == ("GET", f"{subject.url}/form", 200)
    assert (await requests(context, status="4xx", type="document")).total == 0
    whole = await context.perform(RequestInput(id=page.id))
    assert cast("RequestOutput", whole.output).request.url == page.url
    with pytest.raises(InvalidRequest, match="Unknown request: r999"):
        await context.perform(RequestInput(id="r999"))


async def test_requests_can_be_asked_for_before_a_page_is_opened(subject: Subject) -> None:
    context = await subject.browser.new_context(ContextOptions())
    before = await requests(context)
    assert (before.requests, before.total, before.note) == ([], 0, None)
    with pytest.raises(InvalidRequest, match="Unknown request: r1"):
        await context.perform(RequestInput(id="r1"))
    await context.open(OpenInput(url=f"{subject.url}/form"))
    (page,) = (await requests(context, type="document")).requests
    assert page.id == "r1"


async def test_rules_have_ids_that_are_not_given_out_again(subject: Subject) -> None:
    context = await opened(subject)

    async def ids(**input: Any) -> list[str]:
        done: Done = await context.perform(RouteInput.model_validate(input))
        return [rule.id for rule in cast("RouteOutput", done.output).rules]

    block = {"url": "**/never", "action": "block"}
    assert await ids() == []
    assert await ids(rules=[block, block]) == ["rule1", "rule2"]
    assert await ids(ids=["rule1"]) == ["rule2"]
    with pytest.raises(InvalidRequest, match="Unknown rule: rule1"):
        await ids(ids=["rule1"])
    assert await ids(action="set", rules=[block]) == ["rule3"]
    assert await ids(action="clear") == []


async def test_a_har_is_started_once_and_stopped_once(subject: Subject) -> None:
    context = await opened(subject)
    with pytest.raises(InvalidRequest):
        await context.perform(HarInput(action="stop"))
    assert cast("HarOutput", (await context.perform(HarInput(action="start"))).output).recording
    with pytest.raises(InvalidRequest):
        await context.perform(HarInput(action="start"))
    done = await context.perform(HarInput(action="stop"))
    file = done.files["har"]
    assert isinstance(file, Blob)
    assert isinstance(file.data, bytes)
    assert json.loads(file.data)["log"]["version"] == "1.2"


async def test_the_console_of_a_quiet_page_has_no_error_that_was_thrown(subject: Subject) -> None:
    context = await opened(subject)
    done = await context.perform(ConsoleInput.model_validate({"level": "pageerror"}))
    assert cast("ConsoleOutput", done.output).messages == []
