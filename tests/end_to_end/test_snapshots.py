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
