"""What the log says of a call: all that helps to read the story, and no secret."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from agent_browser.errors import BrowserLost, SessionQueueFull
from agent_browser.models.base import Input
from agent_browser.models.cookies import CookiesInput
from agent_browser.models.functions import (
    ExecuteInput,
    InteractInput,
    InteractOutput,
    OpenInput,
    UploadFile,
)
from agent_browser.models.profiles import ProfileInput
from agent_browser.models.storage import StorageInput
from agent_browser.session.log import MAX_CODE, MAX_TEXT, Called, entry, shown

WHEN = datetime(2026, 11, 21, tzinfo=UTC)


def called(input: Input, function: str = "interact", **more: Any) -> Called:
    return Called("ses_1", WHEN, function, input, 12.3456, "https://a/", "https://b/", **more)


def test_an_entry_tells_the_call_and_what_came_of_it() -> None:
    found = entry(
        called(InteractInput(action="click", ref="@e7"), client="robot",
               output=InteractOutput(success=True, action="click")),
        bodies=True,
    )  # fmt: skip
    assert (found.function, found.action, found.input) == ("interact", "click", {"ref": "@e7"})
    assert (found.outcome, found.code, found.message) == ("ok", None, None)
    assert (found.milliseconds, found.url_before, found.url) == (12.35, "https://a/", "https://b/")
    assert found.client == "robot"


def test_a_failed_action_has_its_code_and_its_reason() -> None:
    output = InteractOutput(
        success=False, action="click", code="covered", message="@e7 is covered by [div]"
    )
    found = entry(called(InteractInput(action="click", ref="@e7"), output=output), bodies=True)
    assert (found.outcome, found.code) == ("failed", "covered")
    assert found.message == "@e7 is covered by [div]"


@pytest.mark.parametrize(
    ("error", "refused", "outcome", "code"),
    [
        (BrowserLost(), False, "error", "browser_lost"),
        (SessionQueueFull(3), True, "refused", "session_queue_full"),
        (KeyboardInterrupt(), False, "error", "cancelled"),
    ],
)
def test_an_error_is_told_by_its_code(
    error: BaseException, refused: bool, outcome: str, code: str
) -> None:
    found = entry(called(ExecuteInput(code="1"), "execute", error=error, is_refused=refused),
                  bodies=True)  # fmt: skip
    assert (found.outcome, found.code) == (outcome, code)


def test_without_bodies_nothing_of_what_was_sent_is_kept() -> None:
    found = entry(
        called(ExecuteInput(code="secretive()"), "execute", error=BrowserLost("secretive")),
        bodies=False,
    )
    assert (found.input, found.message) == (None, None)
    assert "secretive" not in found.model_dump_json()


SECRET = "hunter2-and-more"


@pytest.mark.parametrize(
    "input",
    [
        InteractInput(action="fill", ref="@e1", text=SECRET),
        InteractInput(action="type", text=SECRET),
        InteractInput(action="insert_text", text=SECRET),
        InteractInput(action="dialog", accept=True, text=SECRET),
        InteractInput(action="goto", url=f"https://me:{SECRET}@host/?token={SECRET}&q=1"),
        OpenInput(url="https://host/", proxy_url="http://p:1", proxy_password=SECRET),
        OpenInput(url="https://host/", extra_headers={"Authorization": f"Bearer {SECRET}"}),
        OpenInput(url="https://host/", extra_headers={"Cookie": f"sid={SECRET}"}),
        OpenInput(url="https://host/", http_credentials={"username": "me", "password": SECRET}),
        OpenInput(
            url="https://host/",
            storage_state={
                "cookies": [{"name": "sid", "value": SECRET, "url": "https://host/"}],
                "origins": [],
            },
        ),
        ExecuteInput(code=f"login({{password: '{SECRET}'}})"),
    ],
)
def test_no_secret_is_in_it(input: Input) -> None:
    assert SECRET not in json.dumps(shown(input))


def test_keys_are_told_and_single_characters_are_not() -> None:
    pressed = InteractInput(action="press", text=["Control+a", "x", "Enter"])
    assert shown(pressed)["text"] == ["Control+a", "***", "Enter"]


def test_what_goes_into_a_plain_field_is_told() -> None:
    filled = InteractInput(action="fill", ref="@e1", text="Ada Lovelace")
    assert shown(filled, is_plain=True) == {"ref": "@e1", "text": "Ada Lovelace"}
    assert shown(filled)["text"] == "***"


def test_long_values_are_cut_and_bytes_only_counted() -> None:
    code = shown(ExecuteInput(code="x" * 10_000))["code"]
    assert code == "x" * MAX_CODE + "…"
    file = UploadFile(name="a.bin", base64="QUJD" * 1000)
    assert shown(InteractInput(action="upload", ref="@e1", files=[file]))["files"] == [
        {"base64": "4000 characters", "name": "a.bin"}
    ]
    picture = shown(OpenInput(url="data:image/png;base64," + "A" * 9_000))["url"]
    assert len(picture) < 50
    names = [f"file-{number}" for number in range(30)]
    told = shown(InteractInput(action="upload", ref="@e1", file_paths=names))["file_paths"]
    assert told[-1] == "… of 30"


def test_an_answer_of_a_page_that_is_endless_stays_small() -> None:
    output = InteractOutput(success=False, action="click", code="timeout", message="y" * 100_000)
    found = entry(called(InteractInput(action="click", ref="@e1"), output=output), bodies=True)
    assert found.message is not None
    assert len(found.message) == MAX_TEXT + 1


@pytest.mark.parametrize(
    "input",
    [
        StorageInput(action="put", key="cart", value={"n": ["hunter2"]}),
        StorageInput(action="put", key="cart", value="hunter2"),
        CookiesInput.model_validate({"text": "a.test\tFALSE\t/\tFALSE\t0\tn\thunter2"}),
        CookiesInput.model_validate(
            {"cookies": [{"name": "n", "value": "hunter2", "domain": "a.test", "path": "/"}]}
        ),
    ],
)
def test_what_is_put_into_storage_and_cookies_is_a_secret(input: Input) -> None:
    told = json.dumps(shown(input))
    assert "hunter2" not in told
    assert "***" in told


@pytest.mark.parametrize(
    "body",
    [
        {"storage_state": {"cookies": [
            {"name": "a", "value": "s3cret", "domain": "a.test", "path": "/"}]}},
        {"storage_state": {"tabs": [{"id": "t1", "url": "http://a/", "sessionStorage": [
            {"origin": "http://a", "entries": [{"name": "n", "value": "s3cret"}]}]}]}},
        {"cookies": "a.test\tFALSE\t/\tFALSE\t0\ta\ts3cret"},
        {"options": {"proxy_url": "http://me:s3cret@proxy.test:1"}},
        {"options": {"proxy_url": "http://p:1", "proxy_username": "m", "proxy_password": "s3cret"}},
        {"options": {"http_credentials": {"username": "me", "password": "s3cret"}}},
        {"options": {"extra_headers": {"Authorization": "Bearer s3cret"}}},
        {"options": {"headers_by_origin": {"https://a": {"X-Api-Key": "s3cret"}}}},
    ],
)  # fmt: skip
def test_a_profile_that_is_saved_has_no_secret_in_the_log(body: dict[str, Any]) -> None:
    request = ProfileInput.model_validate({**body, "description": "the shop"})
    told = shown(request)
    assert told["description"] == "the shop"
    assert "s3cret" not in json.dumps(told) + repr(request)


def test_of_a_secret_its_name_is_shown() -> None:
    for is_plain in (True, False):
        filled = InteractInput.model_validate(
            {"action": "fill", "ref": "@e1", "text": {"secret": "login"}}
        )
        told = {"ref": "@e1", "text": {"secret": "login"}}
        assert shown(filled, is_plain=is_plain) == told
