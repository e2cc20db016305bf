"""Reading, pictures that have not changed, and comparing, through the real server."""

from typing import Any

import httpx

from tests.end_to_end import remote
from tests.end_to_end.conftest import Opening
from tests.site import Site


def compare(http: httpx.Client, **body: Any) -> dict[str, Any]:
    return remote.read(http.post("/v1/compare", json=body))


def test_two_addresses_are_compared_and_nothing_is_left_open(
    http: httpx.Client, site: Site
) -> None:
    before = remote.live(http)
    found = compare(http, a=site.url("/reference?links=3"), b=site.url("/reference?links=2"))
    assert found["same"] is False
    assert 0 < found["screenshot"]["ratio"] < 0.05
    assert found["elements"]["removed"] == ['[a] "Link 3" href="/popup?from=3"']
    assert "-Link 3" in found["text"]["diff"].splitlines()
    assert found["timing"]["load"]["a"] > 0
    picture = http.get(found["screenshot"]["picture"]["url"])
    assert picture.content.startswith(b"\x89PNG")
    remote.eventually(lambda: remote.live(http) == before)


def test_a_page_is_the_same_as_itself(http: httpx.Client, site: Site, opening: Opening) -> None:
    session = opening(site.url("/form"))
    found = compare(http, a=session.id, b=site.url("/form"), what=["screenshot", "tree", "text"])
    assert found["same"] is True, found
    assert session.state()["state"] == "live"


def test_masks_take_regions_out(http: httpx.Client, site: Site) -> None:
    found = compare(
        http,
        a=site.url("/reference?links=3"),
        b=site.url("/reference?links=2"),
        what=["screenshot"],
        masks=["css=ul", {"box": {"x": 0, "y": 350, "width": 1280, "height": 370}}],
    )
    assert found["screenshot"]["pixels"] == 0
    assert found["screenshot"]["counted"] < 1280 * 720


def test_a_picture_that_has_not_changed_is_the_last_one(site: Site, opening: Opening) -> None:
    session = opening(site.url("/form"))
    first = session.call("screenshot")
    again = session.call("screenshot", if_changed=True)
    assert (again["changed"], again["screenshot"]["id"]) == (False, first["screenshot"]["id"])
    session.value("document.body.style.background = 'red'; 1")
    other = session.call("screenshot", if_changed=True)
    assert (other["changed"], other["screenshot"]["id"] != first["screenshot"]["id"]) == (
        True,
        True,
    )
    near = session.call("screenshot", if_changed=True, threshold=1)
    assert near["screenshot"]["id"] == other["screenshot"]["id"]


def test_a_page_is_read_and_printed(http: httpx.Client, site: Site, opening: Opening) -> None:
    session = opening(site.url("/article"))
    assert session.call("read", main=True)["content"].startswith("# On *tea*")
    printed = session.call("pdf", format="A5")
    file = http.get(printed["pdf"]["url"])
    assert file.content.startswith(b"%PDF-")
    assert file.headers["content-disposition"].startswith("attachment")
