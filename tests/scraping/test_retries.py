"""Which outcomes are tried again, and when."""

import pytest

from agent_browser import errors
from agent_browser.models.scraping import Retries
from agent_browser.scraping.retries import END, Outcome, Verdict, failed, refused_status, verdict


def after(cause: errors.AgentBrowserError | None = None, status: int | None = None) -> Outcome:
    """An outcome that this error, or status, made."""
    error = failed(cause) if cause is not None else refused_status(status)
    return Outcome(status=status, cause=cause, error=error)


def follows(outcome: Outcome, attempt: int = 1, *, own: bool = True, **asked: object) -> Verdict:
    return verdict(outcome, attempt, Retries.model_validate(asked), own_session=own)


def test_a_good_page_is_not_tried_again() -> None:
    assert follows(after(status=200)) == END
    assert follows(after()) == END


def test_a_status_of_the_list_is_tried_again_and_others_are_not() -> None:
    assert follows(after(status=503)) == Verdict("again", 1.0)
    assert follows(after(status=404)) == END
    assert follows(after(status=404), statuses=[404]) == Verdict("again", 1.0)


def test_waits_double_and_tries_are_counted() -> None:
    waits = [follows(after(status=500), n, attempts=4, backoff="2s") for n in (1, 2, 3, 4)]
    assert waits == [Verdict("again", 2.0), Verdict("again", 4.0), Verdict("again", 8.0), END]


@pytest.mark.parametrize(
    ("cause", "option"),
    [
        (errors.DeadlineExceeded("page", 5), "timeouts"),
        (errors.NavigationFailed("net::ERR_CONNECTION_RESET"), "failures"),
        (errors.PageCrashed(), "failures"),
        (errors.BrowserLost(), "failures"),
    ],
)
def test_what_may_pass_is_tried_again_unless_that_is_off(
    cause: errors.AgentBrowserError, option: str
) -> None:
    assert follows(after(cause)).kind == "again"
    assert follows(after(cause), **{option: False}) == END


@pytest.mark.parametrize(
    "cause",
    [
        errors.InvalidUrl("no"),
        errors.EgressDenied("no"),
        errors.OptionNeedsNewSession(["locale"]),
        errors.InvalidRequest("no element matches"),
        errors.BrowserMissing("none"),
        errors.NavigationFailed("net::ERR_UNSAFE_PORT"),
        errors.NavigationFailed("net::ERR_CERT_AUTHORITY_INVALID at https://a/"),
        errors.NavigationFailed("net::ERR_SSL_PROTOCOL_ERROR"),
        errors.NavigationFailed("net::ERR_TOO_MANY_REDIRECTS"),
    ],
)
def test_what_stays_wrong_is_not_tried_again(cause: errors.AgentBrowserError) -> None:
    assert follows(after(cause)) == END


def test_a_session_that_was_given_and_is_gone_is_not_tried_again() -> None:
    gone = after(errors.SessionNotFound("ses_x"))
    assert follows(gone, own=False) == END
    assert follows(gone).kind == "again"


def test_a_longer_wait_that_the_server_asks_for_is_kept_up_to_the_bound() -> None:
    outcome = after(status=429)
    outcome.retry_after = 7.0
    assert follows(outcome) == Verdict("again", 7.0)
    assert follows(outcome, backoff=9) == Verdict("again", 9.0)
    assert follows(outcome, longest_wait=5) == END


def test_a_full_pool_is_waited_for_however_often_and_a_closing_one_is_not() -> None:
    full = after(errors.PoolFull("sessions", retry_after=4))
    assert follows(full, 10, attempts=1) == Verdict("wait", 4.0)
    assert follows(after(errors.PoolFull("draining", retry_after=4))) == END
    assert follows(after(errors.SessionQueueFull(32))) == Verdict("wait", 1.0)
