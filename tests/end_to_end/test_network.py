"""Network functions through the server."""

import json

import httpx
import pytest

from tests.end_to_end.conftest import Opening
from tests.end_to_end.remote import Refused
from tests.site import Site

pytestmark = pytest.mark.browser


def test_requests_rules_and_a_har_of_a_session(
    opening: Opening, site: Site, http: httpx.Client
) -> None:
    session = opening(site.url("/form?token=hunter2"))
    listed = session.call("requests", type="document")
    (document,) = listed["requests"]
    assert (document["status"], document["url"]) == (200, site.url("/form?token=***"))
    whole = session.call("request", id=document["id"], max_bytes=50)
    assert whole["truncated"]
    saved = http.get(whole["file"]["url"])
    assert "<form" in saved.text

    rule = {"url": "**/made-up", "action": "fulfil", "json": {"made": "up"}}
    assert session.call("route", rules=[rule])["rules"][0]["id"] == "rule1"
    session.call("har", action="start")
    assert session.value("fetch('/made-up').then(r => r.json())") == {"made": "up"}
    har = session.call("har", action="stop")["har"]
    entries = json.loads(http.get(har["url"]).content)["log"]["entries"]
    assert site.url("/made-up") in {entry["request"]["url"] for entry in entries}

    session.value("console.warn('careful'); 1")
    assert session.call("console", level="warning")["messages"][0]["text"] == "careful"


def test_what_is_wrong_is_named(opening: Opening, site: Site) -> None:
    session = opening(site.url("/form"))
    for function, input, field in (
        ("requests", {"status": "9xx"}, "status"),
        ("request", {"id": "r999"}, "id"),
        ("route", {"rules": [{"url": "nowhere", "action": "block"}]}, "rules.0.url"),
        ("route", {"ids": ["rule9"]}, "ids"),
        ("har", {"action": "stop"}, "action"),
        ("console", {"level": "loud"}, "level"),
    ):
        with pytest.raises(Refused) as refused:
            session.call(function, **input)
        assert (refused.value.status, refused.value.code) == (400, "invalid_request")
        fields = [error["field"] for error in refused.value.problem["errors"]]
        assert any(name.startswith(field) for name in fields), (function, fields)
