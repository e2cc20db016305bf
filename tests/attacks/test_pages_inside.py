"""A page in one of our own sessions against the server that runs it: by each address that this
machine has, as a subresource and as the page itself.
"""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.attacks import evil
from tests.attacks.operations import operations
from tests.attacks.possessions import Possessions, acquired, looked_at
from tests.attacks.test_pages_elsewhere import targets
from tests.end_to_end import remote
from tests.program import Program
from tests.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

LOOPBACK = (
    "127.0.0.1", "localhost", "[::1]", "0.0.0.0", "127.1", "2130706433", "0x7f.1", "0177.0.0.1",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "localhost.", "127.0.0.1.", "127.9.9.9", "[::]",
    "%31%32%37.0.0.1", "⑫⑦.0.0.1",
)  # fmt: skip
"""This machine, in words that a browser takes for it."""


def _outer() -> list[str]:
    """The machine's own addresses in its networks."""
    families = {socket.AF_INET: "{}", socket.AF_INET6: "[{}]"}
    return [
        families[one.family].format(one.address)
        for addresses in psutil.net_if_addrs().values()
        for one in addresses
        if one.family in families and "%" not in one.address
    ]


@pytest.fixture(scope="module")
def target(
    tmp_path_factory: pytest.TempPathFactory, executable: Path
) -> Iterator[tuple[Program, httpx.Client]]:
    """A server without keys, where nothing lapses meanwhile."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("inside")
        running = stack.enter_context(Program(folder, executable, control_lease=3600))
        yield running, stack.enter_context(remote.client(running))


@pytest.fixture(scope="module")
def own(target: tuple[Program, httpx.Client], site: Site) -> Possessions:
    return acquired(target[1], site)


def _at(server: Program, host: str) -> str:
    return server.base_url.replace("127.0.0.1", host)


def test_a_page_of_a_session_changes_and_reads_nothing_of_its_server(
    target: tuple[Program, httpx.Client], own: Possessions
) -> None:
    server, http = target
    before = looked_at(http, own)
    known = operations(http.get("/openapi.json").json())
    aims = targets(known, own, server.base_url)
    reading = [("GET", f"{_at(server, host)}/v1/sessions", "") for host in (*LOOPBACK, *_outer())]
    making = [("POST", f"{_at(server, host)}/v1/webhooks", "{}") for host in LOOPBACK]
    with evil.serving() as site, remote.Session(http, site.url()) as session:
        read = session.call(
            "execute", code=evil.call("attack", [*reading, *making, *aims]), timeout=240
        )
        assert (read["error"], read["value"]) == (None, [])
    assert looked_at(http, own) == before


@pytest.mark.parametrize("host", [*LOOPBACK, *_outer()])
@pytest.mark.parametrize("how", ["open", "goto", "redirect", "tab", "link"])
def test_no_session_is_led_to_its_own_server(
    target: tuple[Program, httpx.Client], own: Possessions, host: str, how: str, site: Site
) -> None:
    server, http = target
    url = f"{_at(server, host)}/v1/sessions"
    with remote.Session(http, site.url("/empty")) as session:
        answer = _led(session, site, url, how)
        assert own["session"] not in answer.text
        assert own["session"] not in json.dumps(session.snapshot())
        assert own["session"] not in session.call("read", format="text")["content"]
        if how in ("open", "goto") and host not in ("⑫⑦.0.0.1", "%31%32%37.0.0.1"):
            assert "egress_denied" in answer.text, answer.text


def _led(session: remote.Session, site: Site, url: str, how: str) -> httpx.Response:
    to: dict[str, Any] = {"url": url}
    if how == "redirect":
        to["url"] = site.url(f"/redirect?to={url}")
    at = f"/v1/sessions/{session.id}"
    if how in ("open", "redirect"):
        return session.http.post(f"{at}/open", json=to)
    if how in ("goto", "tab"):
        action = {"goto": "goto", "tab": "tab_new"}[how]
        return session.http.post(f"{at}/interact", json={"action": action, **to})
    code = f"const a = document.createElement('a'); a.href = {url!r}; document.body.append(a);"
    session.call("execute", code=f"{code} a.textContent = 'go'; 1")
    return session.http.post(f"{at}/interact", json={"action": "click", "ref": "text=go"})
