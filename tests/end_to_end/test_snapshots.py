"""Snapshots over HTTP: what fits, what is marked, what is in frames and shadow roots."""

import pytest

from tests.end_to_end.conftest import Opening
from tests.end_to_end.remote import Refused
from tests.site import Site

pytestmark = pytest.mark.browser


def test_a_snapshot_fits_into_what_was_asked_for(opening: Opening, site: Site) -> None:
    session = opening(site.url("/reference"))
    page = session.snapshot(max_chars=600, boundaries=True, delta=True)
    shown = len(page["elements"])
    assert page["note"] == f"{shown} of {page['total']} elements shown; ask with offset {shown}"
    assert len(page["elements_text"]) <= 600
    assert page["elements_text"].count(page["boundary"]) == 2
    assert page["elements_text"].endswith(f"({page['note']})")
    with pytest.raises(Refused) as refused:
        session.snapshot(max_chars=10)
    assert (refused.value.status, refused.value.code) == (400, "invalid_request")


def test_an_unchanged_page_is_told_to_be(opening: Opening, site: Site) -> None:
    session = opening(site.url("/reference"))
    delta = session.snapshot(delta=True)["delta"]
    assert (delta["unchanged"], delta["new_page"]) == (True, False)
    session.open(site.url("/reference"))
    assert session.snapshot(delta=True)["delta"]["unchanged"]


def test_a_delta_in_place_of_the_elements_is_small(opening: Opening, site: Site) -> None:
    session = opening(site.url("/reference"))
    place = f"/v1/sessions/{session.id}/snapshot"
    whole = session.http.post(place, json={"delta": True})
    alone = session.http.post(place, json={"delta": "only"})
    assert alone.json()["delta"] == whole.json()["delta"]
    assert alone.json()["elements_text"] == "(nothing changed)"
    assert len(alone.content) < len(whole.content) / 10
    hovered = session.act("hover", "css=h1", snapshot="delta_only")
    assert hovered["snapshot"]["elements"] == []
    with pytest.raises(Refused) as refused:
        session.snapshot(delta="alone")
    assert refused.value.code == "invalid_request"


def test_open_and_actions_fit_and_are_fenced_where_asked_for(opening: Opening, site: Site) -> None:
    session = opening(site.url("/reference"), limit=3, boundaries=True)
    assert len(session.page["elements"]) == 3
    assert session.page["elements_text"].count(session.page["boundary"]) == 2
    done = session.act("hover", "css=h1", max_chars=600, boundaries=True)
    looked = done["snapshot"]
    assert looked["elements_text"].count(looked["boundary"]) == 2
    assert len(looked["elements_text"]) <= 600
    assert 0 < len(looked["elements"]) < looked["total"]


def test_what_is_in_a_shadow_root_in_a_frame_in_a_shadow_root_is_clicked(
    opening: Opening, site: Site
) -> None:
    session = opening(site.url("/frames-in-shadow"), wait_until="load")
    session.snapshot()
    nested = session.element("Nested button")
    assert nested["frame"] == site.other_origin("/shadow")
    session.act("click", nested["ref"])
    closed = [item["desc"] for item in session.page["elements"] if item["shadow"] == "closed"]
    assert len(closed) == 1
    assert closed[0].endswith("[closed-box] (closed shadow root)")
