"""A session's options as Playwright's arguments."""

from typing import Any

import pytest

from agent_browser.browser.options import (
    context_arguments,
    headers,
    proxy,
    shown_proxy,
    upstream,
    way,
)
from agent_browser.egress.policy import Policy
from agent_browser.errors import InvalidRequest
from agent_browser.models.conditions import HttpCredentials
from agent_browser.models.functions import ContextOptions

DEVICES: dict[str, Any] = {
    "iPhone 15": {
        "user_agent": "phone",
        "viewport": {"width": 393, "height": 659},
        "is_mobile": True,
        "default_browser_type": "webkit",
    }
}


def made(**given: Any) -> dict[str, Any]:
    return context_arguments(ContextOptions(**given), DEVICES, None)


def test_nothing_asked_for_is_a_viewport_of_1280_by_720() -> None:
    assert made() == {"viewport": {"width": 1280, "height": 720}, "permissions": []}


def test_a_device_brings_its_viewport_and_user_agent_and_not_its_browser() -> None:
    arguments = made(device="iPhone 15")
    assert arguments["viewport"] == {"width": 393, "height": 659}
    assert arguments["user_agent"] == "phone"
    assert "default_browser_type" not in arguments


def test_a_width_goes_before_the_device() -> None:
    assert made(device="iPhone 15", width=500)["viewport"] == {"width": 500, "height": 659}


def test_an_unknown_device_names_the_near_miss() -> None:
    with pytest.raises(InvalidRequest, match="iPhone 15"):
        made(device="iphone 15")


def test_an_unknown_time_zone_names_the_near_miss() -> None:
    with pytest.raises(InvalidRequest, match="Europe/Zurich"):
        made(timezone="Europe/Zürich")


def test_a_proxy_is_used_for_loopback_too() -> None:
    assert proxy("http://127.0.0.1:9") == {
        "server": "http://127.0.0.1:9",
        "bypass": "<-loopback>",
    }


def test_a_session_goes_out_as_each_of_its_bounds_allows() -> None:
    bound = {"deny": ["c.example"], "download_rate": 9_000}
    inner = {"allow": ["*.example"], "download_rate": 4_000, "within": [bound]}
    made_so = way(ContextOptions.model_validate({"egress": inner}), Policy.of())
    assert made_so.policy.refuses_host("a.example", 80) is None
    assert made_so.policy.refuses_host("c.example", 80) is not None
    assert made_so.policy.refuses_host("a.test", 80) is not None
    assert (made_so.download_rate, made_so.upload_rate) == (4_000, None)


def test_a_rule_that_is_none_is_named() -> None:
    with pytest.raises(InvalidRequest, match=r"egress: '10\.0\.0\.0/99'"):
        way(ContextOptions.model_validate({"egress": {"deny": ["10.0.0.0/99"]}}), Policy.of())


def test_a_wrong_proxy_is_named_without_its_password() -> None:
    with pytest.raises(InvalidRequest, match="proxy_url") as caught:
        upstream(ContextOptions(proxy_url="http://bob:hunter2@proxy:1/path"))
    assert "hunter2" not in f"{caught.value.detail}{caught.value.fields}"


def test_a_password_is_not_in_what_options_show() -> None:
    given = ContextOptions(
        proxy_url="http://bob:hunter2@proxy:1",
        http_credentials=HttpCredentials(username="a", password="hunter2"),
        headers_by_origin={"https://a.example": {"x": "hunter2"}},
    )
    assert "hunter2" not in repr(given)
    assert shown_proxy(given) == "http://proxy:1"


def test_what_a_page_is_shown_under_is_in_the_arguments() -> None:
    arguments = made(
        reduced_motion="reduce", contrast="more", forced_colors="active", offline=True,
        is_mobile=True, has_touch=True, device_scale_factor=2, javascript_enabled=False,
        http_credentials={"username": "a", "password": "b", "origin": "http://A.example:80"},
    )  # fmt: skip
    del arguments["viewport"]
    assert arguments == {
        "permissions": [],
        "reduced_motion": "reduce",
        "contrast": "more",
        "forced_colors": "active",
        "offline": True,
        "is_mobile": True,
        "has_touch": True,
        "device_scale_factor": 2,
        "java_script_enabled": False,
        "http_credentials": {"username": "a", "password": "b", "origin": "http://a.example"},
    }


@pytest.mark.parametrize(
    "given", [{"Host": "x"}, {"a b": "x"}, {"X-A": "a\r\nX-B: b"}, {"Content-Length": "1"}]
)
def test_headers_that_can_not_be_set_are_refused(given: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest, match="extra_headers"):
        headers(given)
