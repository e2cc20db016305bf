"""What callers may ask of storage, cookies and messages."""

from typing import Any

import pytest
from pydantic import ValidationError

from agent_browser.models.base import Input
from agent_browser.models.control import acts
from agent_browser.models.cookies import CookiesInput
from agent_browser.models.messages import MessagesInput
from agent_browser.models.storage import MAX_PARSED, StorageInput, StoragePut, parsed

COOKIE = {"name": "n", "value": "hunter2", "domain": "a.test", "path": "/"}


@pytest.mark.parametrize(
    ("kind", "input", "said"),
    [
        (StorageInput, {"action": "get"}, "'key' is wanted for get"),
        (StorageInput, {"action": "put", "key": "k"}, "'value' is wanted"),
        (StorageInput, {"action": "list", "key": "k"}, "'key' is for delete and get and put"),
        (StorageInput, {"action": "get", "key": "k", "prefix": "p"}, "'prefix' is for clear"),
        (StorageInput, {"action": "clear", "limit": 3}, "'limit' is for list"),
        (StorageInput, {"action": "delete", "key": "k", "value": 1}, "'value' is for put"),
        (StorageInput, {"action": "put", "key": "k", "value": 1, "expires_in": 0}, "greater"),
        (StorageInput, {"action": "put", "key": "k", "value": 1, "expires_in": "soon"}, "duration"),
        (StorageInput, {"action": "put", "key": "k", "value": 1, "expires_in": "4000d"}, "315360"),
        (StorageInput, {"area": "both"}, "'local' or 'session'"),
        (StorageInput, {"origin": "app.example"}, "an origin is http"),
        (StorageInput, {"origin": "https://app.example/path"}, "no path"),
        (StorageInput, {"frame": -1}, "greater"),
        (StorageInput, {"frame": True}, "a number is wanted"),
        (StorageInput, {"tab": "first"}, "pattern"),
        (StorageInput, {"limit": 0}, "greater"),
        (StorageInput, {"what": 1}, "Extra"),
        (StoragePut, {}, "value"),
        (CookiesInput, {"action": "set"}, "set takes 'cookies' or 'text'"),
        (CookiesInput, {"cookies": [COOKIE], "text": ""}, "set takes 'cookies' or 'text'"),
        (CookiesInput, {"cookies": [COOKIE], "name": "n"}, "'name' is not for set"),
        (CookiesInput, {"cookies": [COOKIE], "action": "list"}, "not for list"),
        (CookiesInput, {"cookies": [{"name": "n", "value": "v"}]}, "for a url, or for a domain"),
        (CookiesInput, {"text": "a.test FALSE hunter2"}, "line 1: seven fields"),
        (CookiesInput, {"action": "delete"}, "clear deletes all"),
        (CookiesInput, {"action": "delete", "url": "https://a.test"}, "delete takes"),
        (CookiesInput, {"action": "clear", "name": "n"}, "clear deletes all"),
        (CookiesInput, {"url": "a.test"}, "pattern"),
        (MessagesInput, {"action": "start", "limit": 3}, "'limit' is for list"),
        (MessagesInput, {"limit": 1_001}, "less"),
        (MessagesInput, {"cursor": "x"}, "pattern"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_field_and_without_secrets(
    kind: type[Input], input: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError, match=said) as told:
        kind.model_validate(input)
    assert all("hunter2" not in error["msg"] for error in told.value.errors())


def test_null_is_a_value() -> None:
    assert StorageInput.model_validate({"action": "put", "key": "", "value": None}).text == "null"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, "x"]}', {"a": [1, "x"]}), (" 12 ", 12), ("true", True), ('"t"', "t"),
        ("null", None), ("text", None), ("", None), ("{", None), ("NaN", None), ("[" * 9_999, None),
        ("1" * 9_999, None), ('"' + "x" * MAX_PARSED + '"', None), ("Infinity", None),
    ],
)  # fmt: skip
def test_a_text_that_is_json_is_parsed_whatever_it_is(text: str, value: Any) -> None:
    assert parsed(text) == value


@pytest.mark.parametrize(
    ("input", "changes"),
    [
        (StorageInput(), False),
        (StorageInput(action="get", key="k"), False),
        (StorageInput(action="put", key="k", value=1), True),
        (StorageInput(action="clear"), True),
        (CookiesInput(), False),
        (CookiesInput(action="clear"), True),
        (CookiesInput(text=""), True),
        (MessagesInput(), False),
        (MessagesInput(action="clear"), True),
        (MessagesInput(action="start"), True),
    ],
)
def test_reading_needs_no_control_of_the_session_and_changing_does(
    input: Input, changes: bool
) -> None:
    assert acts(input) is changes
