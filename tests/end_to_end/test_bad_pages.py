"""Pages that misbehave neither hold a session nor end it."""

import json
import time

import pytest

from tests.end_to_end.conftest import Opening
from tests.end_to_end.remote import Refused, eventually
from tests.site import Site

pytestmark = pytest.mark.browser


def test_a_popup_that_closes_itself_leaves_the_session_on_its_opener(
    opening: Opening, site: Site
) -> None:
    session = opening(site.url("/popups"))
    session.click("Open a window that closes itself")
    session.act("wait", text="popup says: closing now")

    def is_alone() -> bool:
        return len(session.snapshot()["tabs"]) == 1

    eventually(is_alone)
    assert session.page["url"] == site.url("/popups")
    session.click("Open a window that closes itself")


def test_a_session_whose_last_tab_closed_never_goes_on_with_success_on_nothing(
    opening: Opening, site: Site
) -> None:
    session = opening(site.url("/form"))
    tab = session.page["tabs"][0]["id"]
    closed = session.attempt("tab_close", tab=tab)
    if closed["success"]:
        with pytest.raises(Refused) as refused:
            session.attempt("click", "@e1")
        assert "Call 'open'" in refused.value.problem["detail"]
    assert session.open(site.url("/form"))["title"] == "Form of all fields"


def test_alerts_without_end_do_not_hold_a_session(opening: Opening, site: Site) -> None:
    session = opening(site.url("/alert-loop?now"))
    started = time.monotonic()
    page = session.snapshot()
    assert page["title"] == "Alerts without end"
    assert len(json.dumps(page)) < 200_000
    assert session.open(site.url("/form"))["title"] == "Form of all fields"
    assert time.monotonic() - started < 15
    session.close()


def test_dialogs_are_answered_and_told(opening: Opening, site: Site) -> None:
    session = opening(site.url("/dialogs"))
    done = session.click("Alert")
    assert [(one["type"], one["message"]) for one in done["dialogs"]] == [
        ("alert", "Hello from alert")
    ]
    assert session.text() == "alert returned\n"


def test_a_confirm_waits_over_calls_and_every_answer_says_so(opening: Opening, site: Site) -> None:
    session = opening(site.url("/dialogs"))
    asked = {"type": "confirm", "message": "Are you sure?", "default_value": "", "tab": "t1"}
    done = session.click("Confirm")
    assert (done["success"], done["dialog"]) == (True, asked)
    assert session.snapshot()["dialog"] == asked
    assert session.state()["dialog"] == asked
    executed = session.call("execute", code="1")
    assert executed["dialog"] == asked
    assert "confirm dialog waits" in executed["error"]
    with pytest.raises(Refused) as refused:
        session.call("screenshot")
    assert (refused.value.status, refused.value.code) == (409, "dialog_waiting")
    problem = refused.value.problem
    assert (problem["dialog"], problem["recovery"]) == (asked, "fix_request")
    failed = session.attempt("press", text="a", screenshot=True)
    assert (failed["code"], failed["screenshot"]) == ("dialog_waiting", None)
    answered = session.act("dialog", accept=True)
    assert answered["dialog"] is None
    assert [one["response"] for one in answered["dialogs"]] == ["accepted"]
    assert session.state()["dialog"] is None
    assert session.text() == "confirm: true\n"


def test_a_session_made_to_dismiss_dismisses(opening: Opening, site: Site) -> None:
    session = opening(site.url("/dialogs"), dialogs="dismiss")
    done = session.click("Confirm")
    assert (done["dialog"], [one["response"] for one in done["dialogs"]]) == (None, ["dismissed"])
    assert session.text() == "confirm: false\n"


def test_a_dialog_before_the_page_is_there_does_not_hold_open(opening: Opening, site: Site) -> None:
    session = opening(site.url("/dialog-on-load"))
    assert [one["message"] for one in session.page["dialogs"]] == ["before anything else"]
    assert session.text() == "loaded after the alert\n"


def test_a_page_that_never_stops_computing_runs_into_a_deadline(
    opening: Opening, site: Site
) -> None:
    session = opening(site.url("/empty"))
    with pytest.raises(Refused) as refused:
        session.call("execute", code="for (;;) {}", timeout=0.7)
    assert (refused.value.status, refused.value.code) == (504, "deadline_exceeded")
    assert session.open(site.url("/form"), timeout=20)["title"] == "Form of all fields"


def test_an_error_of_the_pages_own_is_an_answer(opening: Opening, site: Site) -> None:
    session = opening(site.url("/empty"))
    done = session.call("execute", code="throw new Error('thrown')")
    assert "thrown" in done["error"]
    assert (done["result"], done["value"]) == (None, None)
    done = session.call("execute", code="not javascript at all (")
    assert "SyntaxError" in done["error"]
