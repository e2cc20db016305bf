"""A session's options as Playwright's arguments."""

from typing import Any

import pytest

from agent_browser.browser.options import context_arguments, headers, shown_proxy, upstream
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
    assert made() == {"viewport": {"width": 1280, "height": 720}}


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
    arguments = context_arguments(ContextOptions(), DEVICES, None, "http://127.0.0.1:9")
    assert arguments["proxy"] == {"server": "http://127.0.0.1:9", "bypass": "<-loopback>"}


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
