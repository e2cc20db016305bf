"""Reading, pictures that have not changed, and comparing, through the real server."""

from typing import Any

import httpx
import pytest

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


def test_two_sessions_differ_in_all_that_is_looked_at(site: Site, opening: Opening) -> None:
    a, b = opening(site.url("/status/200")), opening(site.url("/status/404"))
    a.value("fetch('/headers').then(answer => answer.text())")
    refused = site.refusing_url("/refused")
    b.value(
        "document.body.insertAdjacentHTML('beforeend', '<p>and <button>More</button></p>');"
        "Promise.all(['/json?n=1', '/status/500'].map(u => fetch(u).then(r => r.text())))"
        f".then(() => fetch('{refused}')).catch(() => console.error('b is broken'))"
    )
    found = compare(a.http, a=a.id, b=b.id)
    assert found["same"] is False
    assert (found["a"]["session_id"], found["b"]["session_id"]) == (a.id, b.id)
    assert (found["a"]["status"], found["b"]["status"]) == (200, 404)
    assert found["status"] == {"same": False, "differing": ["status", "title"]}
    elements, tree, text = (found[name] for name in ("elements", "tree", "text"))
    assert (elements["added"], elements["removed"]) == (['[button] "More"'], [])
    assert [line for line in tree["diff"].splitlines() if line[0] == "+"] == [
        '+  h1 "Status 404"', '+  p "and"', '+    button "More"',
    ]  # fmt: skip
    assert text["diff"].splitlines()[-1] == "+and More"
    assert 0 < found["screenshot"]["ratio"] < 0.1
    requests = found["requests"]
    assert requests["only_a"] == ["GET /headers (fetch)"]
    failed = ["GET /status/500 (fetch)", f"GET {refused} (fetch)"]
    assert requests["only_b"] == ["GET /json (fetch)", *failed]
    assert (requests["failed_a"], requests["failed_b"]) == ([], failed)
    assert (requests["a"]["types"]["fetch"], requests["b"]["types"]["fetch"]) == (1, 3)
    assert requests["b"]["count"] == requests["a"]["count"] + 2
    console = found["console"]
    assert (console["errors_a"], console["only_a"]) == (0, [])
    assert "error: b is broken" in console["only_b"]
    assert (found["notes"], requests["truncated"]) == ([], False)
    assert (a.state()["state"], b.state()["state"]) == ("live", "live")


def test_the_first_of_many_requests_is_not_lost(http: httpx.Client, site: Site) -> None:
    a, b = site.url("/sheets?first=/status/404"), site.url("/sheets?first=/status/200")
    requests = compare(http, a=a, b=b, what=["requests"])["requests"]
    first = "GET /status/404 (stylesheet)"
    assert (requests["only_a"], requests["failed_a"]) == ([first], [first])
    assert (requests["only_b"], requests["failed_b"]) == (["GET /status/200 (stylesheet)"], [])
    assert requests["a"]["count"] == requests["b"]["count"] > 151
    assert (requests["same"], requests["truncated"]) == (False, False)


def test_that_a_sessions_first_requests_were_not_kept_is_told(
    http: httpx.Client, site: Site, opening: Opening
) -> None:
    session = opening(site.url("/sheets"), wait_until="load")
    found = compare(http, a=session.id, b=site.url("/sheets"), what=["requests"])
    assert found["requests"]["truncated"] is True
    assert found["requests"]["a"]["count"] < 151 < found["requests"]["b"]["count"]
    (note,) = found["notes"]
    assert note.startswith("a: requests: older ones may be missing")


def test_options_go_for_both_sides_and_those_of_a_side_before_them(
    http: httpx.Client, site: Site
) -> None:
    url = site.url("/reference?links=40")
    options = {"width": 500, "height": 400, "user_agent": "Both/1"}
    found = compare(http, a=url, b={"url": url, "width": 600}, options=options, what=["screenshot"])
    sizes = [(found[side]["width"], found[side]["height"]) for side in ("a", "b")]
    assert sizes == [(500, 400), (600, 400)]
    whole = compare(http, a=url, b=url, options=options, what=["screenshot"], full_page=True)
    assert whole["a"]["width"] == 500
    assert whole["a"]["height"] == whole["b"]["height"] > 400
    agents = [request.headers["user-agent"] for request in site.asked("/reference")]
    assert agents[-4:] == ["Both/1"] * 4


@pytest.mark.parametrize(("tolerance", "ratio"), [(4, 1.0), (5, 0.0)])
def test_colours_within_the_tolerance_are_the_same(
    http: httpx.Client, tolerance: int, ratio: float
) -> None:
    a, b = (f"data:text/html,<body style='background:rgb({n},9,9)'>" for n in (100, 105))
    found = compare(http, a=a, b=b, what=["screenshot"], tolerance=tolerance)
    assert found["screenshot"]["ratio"] == ratio
    assert found["same"] is (ratio == 0)


HANGS = "data:text/html,<title>hangs</title><script>setTimeout(() => { for (;;); }, 50)</script>"


def refusal(http: httpx.Client, **body: Any) -> dict[str, Any]:
    # Not so long as a look at a page that hangs takes.
    answer = http.post("/v1/compare", json=body, timeout=25)
    assert answer.status_code >= 400, answer.text
    return {"status": answer.status_code, **answer.json()}


def test_a_page_that_hangs_is_told_at_the_deadline_with_its_side(
    http: httpx.Client, site: Site
) -> None:
    told = refusal(http, a=site.url("/form"), b=HANGS, timeout=3)
    assert (told["status"], told["code"], told["side"]) == (504, "deadline_exceeded", "b")
    remote.eventually(lambda: remote.live(http) == 0)


def test_a_session_whose_page_hangs_is_told_at_the_deadline_and_goes_on(
    http: httpx.Client, site: Site, opening: Opening
) -> None:
    session = opening(site.url("/form"))
    session.value("setTimeout(() => { for (;;); }); 1")
    with pytest.raises(remote.Refused, match="deadline"):
        session.call("execute", code="1", timeout=1)
    told = refusal(http, a=session.id, b=site.url("/form"), timeout=2)
    assert (told["code"], told["side"]) == ("deadline_exceeded", "a")
    assert session.state()["state"] == "live"


def test_a_file_is_no_page_to_compare(http: httpx.Client, site: Site) -> None:
    file = site.url("/download/report.txt")
    told = refusal(http, a=file, b=file)
    assert (told["status"], told["code"]) == (502, "navigation_failed")
    assert "a file to download" in told["detail"]


def test_a_page_that_asks_something_is_compared_all_the_same(
    http: httpx.Client, site: Site
) -> None:
    page = "data:text/html,<p>one</p><script>setTimeout(() => confirm('sure?'))</script>"
    found = compare(http, a=page, b=page.replace("one", "two"), what=["text"])
    assert found["text"]["diff"].splitlines()[1:] == ["-one", "+two"]


def test_a_session_with_a_dialog_is_not_compared(
    http: httpx.Client, site: Site, opening: Opening
) -> None:
    session = opening(site.url("/form"))
    session.value("setTimeout(() => confirm('sure?')); 1")
    assert session.attempt("wait", text="never", timeout=5)["code"] == "dialog_waiting"
    told = refusal(http, a=session.id, b=site.url("/form"), what=["elements"])
    assert (told["status"], told["code"], told["side"]) == (409, "dialog_waiting", "a")


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
