"""Refs are identities; what a ref or an action lacks is told."""

import pytest

from tests.end_to_end.conftest import Opening
from tests.end_to_end.remote import Json
from tests.site import Site

pytestmark = pytest.mark.browser


def test_a_ref_never_given_out_is_unknown(opening: Opening, site: Site) -> None:
    done = opening(site.url("/form")).attempt("click", "@e9999")
    assert done["success"] is False
    assert done["message"] == "Unknown ref: @e9999. Run 'snapshot' to get current elements."


@pytest.mark.parametrize("ref", ["@x", "@", "@e", "@e-1", "@e1.5", "@e99999999999999999999"])
def test_a_malformed_ref_is_told_so(opening: Opening, site: Site, ref: str) -> None:
    done = opening(site.url("/form")).attempt("click", ref)
    assert done["success"] is False
    assert "ref" in done["message"].lower()
    if not ref.startswith("@e9"):
        assert done["message"] == f"Invalid ref format: {ref}. Expected @e1, @e2, etc."


def test_a_stale_ref_never_acts_on_another_element(opening: Opening, site: Site) -> None:
    session = opening(site.url("/replaced"))
    first = session.ref("Replace me (0)")
    session.act("click", first)
    stale = session.attempt("click", first)
    assert stale["success"] is False
    assert stale["message"].startswith(f"Stale ref: {first}")
    assert session.text() == "pressed 1\n"


def test_a_ref_of_the_page_before_is_stale_and_numbers_are_not_given_out_again(
    opening: Opening, site: Site
) -> None:
    session = opening(site.url("/list"))
    before = {element["ref"] for element in session.page["elements"]}
    session.open(site.url("/list"))
    after = {element["ref"] for element in session.page["elements"]}
    assert not before & after
    for ref in before:
        done = session.attempt("click", ref)
        assert done["success"] is False
        assert done["message"].startswith(f"Stale ref: {ref}")
    assert session.text() == ""


def test_a_ref_keeps_its_number_while_its_element_lives(opening: Opening, site: Site) -> None:
    session = opening(site.url("/list"))
    apple = session.ref("Apple")
    session.click("Move the nodes")
    assert session.ref("Apple") == apple
    session.act("click", apple)
    session.click("Draw it again")
    assert session.ref("Apple") != apple
    assert session.text() == "Apple\n"


@pytest.mark.parametrize(
    ("action", "input", "message"),
    [
        ("fill", {"ref": "css=[name=name]"}, "'text' required for fill action"),
        ("type", {}, "'text' required for type action"),
        ("press", {}, "'text' required for press action (e.g., 'Enter')"),
        ("select", {"ref": "css=[name=country]"}, "'text' required for select action"),
        ("drag", {"ref": "css=[name=name]"}, "'target_ref' required for drag action"),
        ("upload", {"ref": "css=[name=file]"}, "'file_paths' required for upload action"),
        ("goto", {}, "'url' required for goto action"),
    ],
)
def test_what_an_action_lacks_is_named(
    opening: Opening, site: Site, action: str, input: Json, message: str
) -> None:
    done = opening(site.url("/form")).attempt(action, **input)
    assert done["success"] is False
    assert done["message"].startswith(message)
