"""The client hints that go with a user agent: what a browser that calls itself so would send. Pure.

Playwright changes the user agent, and leaves the browser's own name and version in the hints.
"""

import re
from typing import Any

_CHROMIUM = re.compile(r"\bChrome/(\d+)((?:\.\d+){0,3})")
_BRANDS = (
    (re.compile(r"\bHeadlessChrome/(\d+)((?:\.\d+){0,3})"), "HeadlessChrome"),
    (re.compile(r"\bEdgA?/(\d+)((?:\.\d+){0,3})"), "Microsoft Edge"),
    (re.compile(r"\bOPR/(\d+)((?:\.\d+){0,3})"), "Opera"),
    (_CHROMIUM, "Google Chrome"),
)
_GREASE = ("Not:A-Brand", "8", ".0.0.0")
"""A brand that is none, so that nobody counts on there being one only."""
_SYSTEMS = (
    (re.compile(r"\bAndroid (\d+(?:\.\d+)*)"), "Android"),
    (re.compile(r"\bWindows NT (\d+(?:\.\d+)*)"), "Windows"),
    (re.compile(r"\bMac OS X (\d+(?:[._]\d+)*)"), "macOS"),
    (re.compile(r"\bCrOS \S+ (\d+(?:\.\d+)*)"), "Chrome OS"),
    (re.compile(r"\bLinux()"), "Linux"),
)
_MODEL = re.compile(r"\bAndroid [\d.]+; ([^;)]+?)(?: Build/[^;)]*)?[;)]")


def hints_of(user_agent: str) -> dict[str, Any] | None:
    """The DevTools protocol's UserAgentMetadata; None for a browser that sends no hints, as all do
    that are not Chromium.
    """
    brands = list(_brands(user_agent))
    if not brands:
        return None
    platform, version = _system(user_agent)
    mobile, model = bool(re.search(r"\bMobile\b", user_agent)), ""
    if platform == "Android":
        found = _MODEL.search(user_agent)
        model = found[1] if found is not None and found[1] != "K" else ""
    is_desktop = platform != "Android"
    return {
        "brands": [{"brand": name, "version": major} for name, major, _ in brands],
        "fullVersionList": [
            {"brand": name, "version": f"{major}{rest or '.0.0.0'}"} for name, major, rest in brands
        ],
        "platform": platform,
        "platformVersion": version,
        "architecture": "x86" if is_desktop else "",
        "bitness": "64" if is_desktop else "",
        "model": model,
        "mobile": mobile,
    }


def _brands(user_agent: str) -> list[tuple[str, str, str]]:
    """Name, major version and the rest of it: a brand that is none, the engine, the product."""
    for pattern, brand in _BRANDS:
        found = pattern.search(user_agent)
        if found is not None:
            engine = _CHROMIUM.search(user_agent) or found
            return [_GREASE, ("Chromium", engine[1], engine[2]), (brand, found[1], found[2])]
    return []


def _system(user_agent: str) -> tuple[str, str]:
    for pattern, platform in _SYSTEMS:
        found = pattern.search(user_agent)
        if found is not None:
            return platform, (found[1] or "").replace("_", ".")
    return "Unknown", ""
