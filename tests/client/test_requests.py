"""Requests as values."""

import pytest

from agent_browser.client import directory, network, requests
from agent_browser.errors import InvalidRequest
from agent_browser.models.functions import (
    CloseOutput,
    FunctionOutput,
    OpenInput,
    ScreenshotOutput,
)
from tests.client.wire import ARTIFACT, SESSION


def test_open_sends_only_what_was_given() -> None:
    request = requests.open("example.com", "new", "90s", {"width": 800, "locale": None})

    assert (request.method, request.path) == ("POST", "/v1/functions/open")
    assert request.body == {
        "session": "new",
        "session_timeout": "90s",
        "input": {"url": "example.com", "width": 800},
    }


def test_an_option_that_open_does_not_have_is_refused_before_it_is_sent() -> None:
    with pytest.raises(InvalidRequest, match="widht") as caught:
        requests.open("example.com", "new", None, {"widht": 800})

    assert [error["field"] for error in caught.value.fields["errors"]] == ["widht"]


def test_a_wrong_value_is_named_without_being_repeated() -> None:
    with pytest.raises(InvalidRequest) as caught:
        requests.open("x", "new", None, {"proxy_url": "http://p", "proxy_password": ["hunter2"]})

    assert "proxy_password" in caught.value.detail
    assert "hunter2" not in caught.value.detail


def test_what_is_wrong_is_said_in_the_servers_words() -> None:
    with pytest.raises(InvalidRequest) as caught:
        network.route("ses_1", {"rules": [{"action": "headers", "headers": {"Host": "x"}}]})
    assert caught.value.detail == "rules.0: host is the browser's own: no rule can change it"
    with pytest.raises(InvalidRequest, match=r"^depth: there is no such field$"):
        network.listed("ses_1", {"depth": 1})


def test_a_call_by_name_goes_as_it_is_for_the_server_to_judge() -> None:
    request = requests.call("open", {"url": "x", "of_a_newer_server": 1}, session=None)

    assert request.body == {"session": None, "input": {"url": "x", "of_a_newer_server": 1}}


def test_a_call_takes_a_model_too() -> None:
    request = requests.call("open", OpenInput(url="x", timeout=5), session="new")

    assert request.body == {"session": "new", "input": {"url": "x", "timeout": 5.0}}


@pytest.mark.parametrize(
    ("function", "kind"),
    [("close", CloseOutput), ("of_a_newer_server", FunctionOutput)],
)
def test_a_call_is_read_as_its_functions_output(function: str, kind: type[FunctionOutput]) -> None:
    output = requests.call(function).parse({"session_id": SESSION})

    assert type(output) is kind
    assert output.session_id == SESSION


def test_raw_keeps_fields_that_no_model_knows() -> None:
    data = {"screenshot": ARTIFACT, "width": 1, "height": 2, "depth": 3}
    request = requests.screenshot(SESSION, {})

    assert isinstance(request.parse(data), ScreenshotOutput)
    assert requests.raw(request).parse(data) == data
    with pytest.raises(ValueError, match="object"):
        requests.raw(request).parse([1])


@pytest.mark.parametrize(
    ("input", "own"),
    [
        ({}, 0),
        ({"timeout": 30}, 30),
        ({"timeout": "2m"}, 120),
        ({"wait_ms": 5000, "timeout": 1}, 6),
        ({"timeout": "soon"}, 0),
        ({"wait_ms": [1]}, 0),
    ],
)
def test_an_answer_is_awaited_for_as_long_as_the_call_itself_may_take(
    input: dict[str, object], own: float
) -> None:
    assert requests.call("open", input).patience == requests.PATIENCE + own


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_would_leave_its_folder_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest):
        requests.get_session(name)


def test_names_are_quoted_as_one_segment() -> None:
    assert requests.call("a/../b?c").path == "/v1/functions/a%2F..%2Fb%3Fc"
    assert requests.end_session("a b", purge=True).path == "/v1/sessions/a%20b"
    assert requests.end_session("a", purge=True).query == {"purge": "true"}
    assert requests.end_session("a").query == {}


def test_a_change_has_what_was_given_and_none_where_that_means_something() -> None:
    changes = {"name": None, "tags": None, "privacy": {"page_text": False, "log_retention": None}}
    assert directory.updated("a", changes).body == {
        "name": None,
        "privacy": {"page_text": False, "log_retention": None},
    }


def test_a_list_asks_for_what_was_given() -> None:
    assert directory.listed({"state": "live", "limit": 10, "cursor": None}).query == {
        "state": "live",
        "limit": "10",
    }
    many = directory.listed({"tag": ["a", "b"], "pinned": True})
    assert many.query == {"tag": ["a", "b"], "pinned": "true"}
    assert requests.list_recordings(None, "c").query == {"cursor": "c"}
