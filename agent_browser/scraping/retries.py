"""What a try came to, and whether there is another: decided from the outcome alone."""

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from agent_browser.errors import (
    AgentBrowserError,
    BrowserLost,
    DeadlineExceeded,
    Gone,
    NavigationFailed,
    PageCrashed,
    PoolFull,
    QuotaExceeded,
    SessionNotFound,
    SessionQueueFull,
)
from agent_browser.models.artifacts import Artifact
from agent_browser.models.scraping import Retries, ScrapeError

HTTP_ERROR = "http_error"
FILE = "not_a_page"
ROBOTS = "robots_disallowed"
FIRST_FAULT = 400
_LONGEST_BACKOFF = 300.0
_FOR_GOOD = re.compile(
    r"net::ERR_(?:UNSAFE_PORT|UNSAFE_REDIRECT|TOO_MANY_REDIRECTS|INVALID_\w+|UNKNOWN_URL_SCHEME|"
    r"DISALLOWED_URL_SCHEME|BLOCKED_BY_\w+|CERT_\w+|SSL_\w+|BAD_SSL_\w+|PROXY_AUTH\w*|"
    r"NO_SUPPORTED_PROXIES|FILE_\w+)"
)
"""What the browser says of an address that no second try will load."""


@dataclass
class Outcome:
    """One try of one page."""

    final_url: str | None = None
    status: int | None = None
    title: str | None = None
    session_id: str | None = None
    readings: dict[str, Any] = field(default_factory=dict)
    files: list[Artifact] = field(default_factory=list)
    """What came as a file while the page was opened."""
    videos: list[dict[str, Any]] = field(default_factory=list)
    """Of its session, where that was for this page alone and recorded."""
    error: ScrapeError | None = None
    cause: AgentBrowserError | None = None
    """What `error` was made of, where it was an exception."""
    retry_after: float | None = None
    """Seconds that the page's server asked for."""
    was_tried: bool = True


@dataclass(frozen=True)
class Verdict:
    """What follows: an end, another try of this page, or the same try when there is room."""

    kind: Literal["end", "again", "wait"]
    seconds: float = 0.0


END = Verdict("end")


def failed(exc: AgentBrowserError, reading: str | None = None) -> ScrapeError:
    """An error as a result has it."""
    code = getattr(exc, "failure", None) or exc.code
    return ScrapeError(code=str(code), detail=exc.detail, reading=reading)


def refused_status(status: int | None) -> ScrapeError | None:
    """The error that a page's HTTP status is; None for a good one."""
    if status is None or status < FIRST_FAULT:
        return None
    return ScrapeError(code=HTTP_ERROR, detail=f"the server answered with status {status}")


def no_page(names: list[str]) -> ScrapeError:
    """The error that an address is which gave a file; nothing is read of it."""
    said = f" ({', '.join(name[:100] for name in names[:5])})" if names else ""
    return ScrapeError(code=FILE, detail=f"the address is a file to download{said}, not a page")


def verdict(outcome: Outcome, attempt: int, retries: Retries, *, own_session: bool) -> Verdict:
    """What follows on try number `attempt` (from 1). `own_session`: the page's session was made
    here, so that another can be.
    """
    cause = outcome.cause
    if isinstance(cause, QuotaExceeded) and cause.fields.get("quota") == "sessions":
        return Verdict("wait", 1.0)  # its other pages have the owner's sessions, or another call
    if isinstance(cause, PoolFull | SessionQueueFull):
        if cause.fields.get("reason") == "draining":
            return END
        return Verdict("wait", float(cause.fields.get("retry_after") or 1.0))
    if outcome.error is None or attempt >= retries.attempts:
        return END
    if not _may_pass(outcome, retries, own_session=own_session):
        return END
    wait = min(_LONGEST_BACKOFF, retries.backoff * 2 ** (attempt - 1))
    if outcome.retry_after is not None:
        if outcome.retry_after > retries.longest_wait:
            return END
        wait = max(wait, outcome.retry_after)
    return Verdict("again", wait)


def _may_pass(outcome: Outcome, retries: Retries, *, own_session: bool) -> bool:
    """Whether another try may do better."""
    cause = outcome.cause
    if cause is None:
        return outcome.status in retries.statuses
    if isinstance(cause, DeadlineExceeded):
        return retries.timeouts
    if isinstance(cause, BrowserLost | SessionNotFound | Gone):
        return retries.failures and own_session
    if isinstance(cause, NavigationFailed) and _FOR_GOOD.search(cause.detail):
        return False
    return retries.failures and isinstance(cause, NavigationFailed | PageCrashed)
