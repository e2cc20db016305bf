"""Client hints that go with a user agent."""

from typing import Any

import pytest

from agent_browser.browser.hints import hints_of

ENGINE = "AppleWebKit/537.36 (KHTML, like Gecko)"


def brands(hints: dict[str, Any]) -> list[str]:
    return [f"{each['brand']} {each['version']}" for each in hints["fullVersionList"][1:]]


@pytest.mark.parametrize(
    ("user_agent", "platform", "version", "model", "mobile", "names"),
    [
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {ENGINE} Chrome/120.0.0.0 Safari/537.36",
         "Windows", "10.0", "", False, ["Chromium 120.0.0.0", "Google Chrome 120.0.0.0"]),
        (f"Mozilla/5.0 (X11; Linux x86_64) {ENGINE} HeadlessChrome/156.0.1.2 Safari/537.36",
         "Linux", "", "", False, ["Chromium 156.0.1.2", "HeadlessChrome 156.0.1.2"]),
        (f"Mozilla/5.0 (Linux; Android 14; Pixel 7) {ENGINE} Chrome/159 Mobile Safari/537.36",
         "Android", "14", "Pixel 7", True, ["Chromium 159.0.0.0", "Google Chrome 159.0.0.0"]),
        (f"Mozilla/5.0 (Linux; Android 10; K) {ENGINE} Chrome/120.0.0.0 Safari/537.36",
         "Android", "10", "", False, ["Chromium 120.0.0.0", "Google Chrome 120.0.0.0"]),
        (f"Mozilla/5.0 (Windows NT 10.0) {ENGINE} Chrome/120.0.1.2 Safari/537.36 Edg/121.0.3.4",
         "Windows", "10.0", "", False, ["Chromium 120.0.1.2", "Microsoft Edge 121.0.3.4"]),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {ENGINE} Chrome/120.0.0.0 Safari/537.36",
         "Chrome OS", "14541.0.0", "", False, ["Chromium 120.0.0.0", "Google Chrome 120.0.0.0"]),
        ("Chrome/99", "Unknown", "", "", False, ["Chromium 99.0.0.0", "Google Chrome 99.0.0.0"]),
    ],
)  # fmt: skip
def test_a_chromium_has_its_names_versions_and_platform(
    user_agent: str, platform: str, version: str, model: str, mobile: bool, names: list[str]
) -> None:
    hints = hints_of(user_agent)
    assert hints is not None
    assert (hints["platform"], hints["platformVersion"]) == (platform, version)
    assert (hints["model"], hints["mobile"]) == (model, mobile)
    assert brands(hints) == names
    assert len(hints["brands"]) == 3


@pytest.mark.parametrize(
    "user_agent",
    [
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) CriOS/120.0.0.0 Mobile Safari/1",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:159.0) Gecko/20100101 Firefox/159.0",
        "Tester/1.0",
        "Chrome",
    ],
)
def test_any_other_browser_sends_none(user_agent: str) -> None:
    assert hints_of(user_agent) is None
