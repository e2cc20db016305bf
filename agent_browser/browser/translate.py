"""Playwright's errors in our words. The one place that tells "gone" from "failed"."""

import builtins
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import anyio
from playwright.async_api import Error, TimeoutError

from agent_browser.errors import (
    ActionFailed,
    AgentBrowserError,
    BrowserLost,
    DeadlineExceeded,
    InvalidRequest,
    NavigationFailed,
)

_GONE = (
    "has been closed",
    "Target closed",
    "Connection closed",
    "Browser closed",
    "Page closed",
    "Target crashed",
    "Page crashed",
    "Session closed",
    "Internal error, session closed",
    "Execution context was destroyed",
    "Frame was detached",
)
_NET = re.compile(r"(?:net::)?ERR_[A-Z0-9_]+")
_TAKER = re.compile(
    r"(<[a-zA-Z][^\n]*?>)(?:…</\w[\w-]*>|.*?)? (?:from .*? subtree )?intercepts pointer events"
)
_SAID = (
    ("element is not enabled", "disabled", "it is disabled"),
    ("element is not editable", "not_editable", "it can't be edited"),
    ("element is not visible", "not_visible", "it is not visible"),
    ("element is outside of the viewport", "off_screen", "it can't be scrolled into the viewport"),
    ("element is not stable", "moving", "it does not stop moving"),
    ("did not find some options", "no_such_option", "it has no such option"),
    ("option being selected is not enabled", "disabled", "the option is disabled"),
)


class Fate(Protocol):
    """What a tab knows of why its calls may fail."""

    def gone(self) -> AgentBrowserError | None:
        """Why the page can't answer any more, if it can't."""
        ...


def is_gone(exc: BaseException) -> bool:
    """Whether this is how Playwright says that page, context, browser or driver is gone."""
    return isinstance(exc, Error) and any(words in str(exc) for words in _GONE)


def first_line(exc: BaseException) -> str:
    """Playwright's message without its call log and without the name of the API."""
    text = str(exc).split("\nCall log:")[0].strip().split("\n")[0]
    return re.sub(r"^(?:\w+\.)+\w+: ", "", text).strip()


@contextmanager
def translated(fate: Fate, deadline: str, seconds: float) -> Iterator[None]:
    """Raise what is ours in place of Playwright's: BrowserLost, PageCrashed, DeadlineExceeded."""
    try:
        yield
    except TimeoutError as exc:
        raise fate.gone() or DeadlineExceeded(deadline, seconds) from exc
    except Error as exc:
        lost = fate.gone()
        if lost is not None:
            raise lost from exc
        if is_gone(exc):
            raise BrowserLost("the page went away during the call") from exc
        raise ActionFailed("failed", first_line(exc)) from exc


@contextmanager
def asked(is_lost: Callable[[], bool], deadline: str, seconds: float) -> Iterator[None]:
    """Something asked of the browser for a caller's options, within a time.

    DeadlineExceeded, BrowserLost; what the browser refuses is InvalidRequest.
    """
    try:
        with anyio.fail_after(seconds):
            yield
    except builtins.TimeoutError as exc:
        raise DeadlineExceeded(deadline, seconds) from exc
    except Error as exc:
        if is_lost() or is_gone(exc):
            raise BrowserLost() from exc
        raise _refused(exc) from exc


_STATE = "Error setting storage state:"


def _refused(exc: Error) -> InvalidRequest:
    """What the browser does not take, by the option that it is of where Playwright says that."""
    _, is_state, reason = str(exc).partition(_STATE)
    if not is_state:
        return InvalidRequest(first_line(exc))
    line = reason.strip().split("\n")[0]
    message = re.sub(r"^(?:Error: |Protocol error \([\w.]+\): )", "", line)
    fault = {"field": "storage_state", "message": message}
    return InvalidRequest(f"storage_state: {message}", [fault])


def navigation_failure(exc: Error, url: str) -> NavigationFailed:
    """Why a navigation failed, in the browser's own word for it."""
    text = first_line(exc)
    match = _NET.search(text)
    if match is not None:
        return NavigationFailed("net::" + match[0].removeprefix("net::"))
    return NavigationFailed(text.replace(f" at {url}", "") or "unknown reason")


def action_failure(exc: Error, target: str, milliseconds: float) -> ActionFailed:
    """Why an action failed, from the log that Playwright kept while it waited."""
    text = str(exc)
    if "strict mode violation" in text:
        count = re.search(r"resolved to (\d+) elements", text)
        many = count[1] if count else "several"
        return ActionFailed("ambiguous", f"{target} matches {many} elements; name one of them")
    timed = isinstance(exc, TimeoutError)
    log = text.split("Call log:")[-1] if "Call log:" in text else text
    takers = _TAKER.findall(log)
    positions = [(log.rfind(words), code, why) for words, code, why in _SAID if words in log]
    if takers and log.rfind("intercepts pointer events") > max(
        (p[0] for p in positions), default=-1
    ):
        return ActionFailed("covered", f"{target} is covered by {takers[-1]}")
    after = f" (Timeout {milliseconds:g}ms exceeded)" if timed else ""
    if positions:
        _, code, why = max(positions)
        return ActionFailed(code, f"{target}: {why}{after}")
    if "Malformed" in text or "Unexpected token" in text or "is not a valid selector" in text:
        return ActionFailed("invalid_ref", f"not a selector: {target}")
    if "Unknown engine" in text:
        return ActionFailed("invalid_ref", f"{first_line(exc)}")
    if timed:
        return ActionFailed("timeout", f"Timeout {milliseconds:g}ms exceeded waiting for {target}")
    return ActionFailed("failed", first_line(exc))
