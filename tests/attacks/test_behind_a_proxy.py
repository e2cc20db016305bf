"""The examples of docs/security.md: requests as those proxies send them pass, and no header that a
caller sends through them makes it another host's or caller's.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent_browser.settings import Settings
from tests.attacks.conftest import ANN, KEYS, calling
from tests.docs.markdown import code, read, section
from tests.program import Program

pytestmark = pytest.mark.browser

NAME = "browser.example.com"
PAGE = section(read("docs/security.md"), "## Exposing it")
NGINX, CADDY = code(PAGE, "nginx")[0], code(PAGE, "caddyfile")[0]
BY_CADDY = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": NAME, "Via": "1.1 Caddy"}  # fmt: skip


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory, executable: Path) -> Iterator[Program]:
    """A server with the settings of the example."""
    (block,) = code(PAGE, "sh")
    assert f"AGENT_BROWSER_ALLOWED_HOSTS={NAME}" in block
    folder = tmp_path_factory.mktemp("behind")
    with Program(folder, executable, api_keys=KEYS, allowed_hosts=NAME) as running:
        yield running


def by_nginx(sent: dict[str, str]) -> dict[str, str]:
    """The headers that nginx sends with its directives, of those that a caller sent."""
    values = {"$host": sent["Host"].partition(":")[0].lower(), '""': ""}
    set_here = dict(re.findall(r"proxy_set_header (\S+)\s+(\S+);", NGINX))
    assert set(set_here) == {"Host", "Connection"}
    headers = {**sent, **{name: values[value] for name, value in set_here.items()}}
    return {name: value for name, value in headers.items() if value}


def by_caddy(sent: dict[str, str]) -> dict[str, str]:
    """The same of Caddy, which keeps Host and adds where the request came from."""
    assert "header_up" not in CADDY
    return {**sent, **BY_CADDY}


@pytest.fixture(params=[by_nginx, by_caddy], ids=["nginx", "caddy"])
def through(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_a_caller_gets_through_by_the_public_name(behind: Program, through: Any) -> None:
    headers = through({"Host": NAME, "Authorization": f"Bearer {ANN}"})
    page = through({"Host": NAME, "X-API-Key": ANN, "Origin": f"https://{NAME}",
                    "Sec-Fetch-Site": "same-origin"})  # fmt: skip
    with calling(behind, None) as http:
        for sent in (headers, page):
            made = http.post("/v1/sessions", headers=sent, json={})
            assert made.status_code == 201, made.text
            assert made.headers["location"].startswith("/v1/")
            files = {"file": ("a.bin", b"x" * 3_000_000, "application/octet-stream")}
            path = f"/v1/sessions/{made.json()['id']}"
            assert http.post(f"{path}/uploads", headers=sent, files=files).status_code < 300
            with http.stream("GET", f"{path}/events?after=0", headers=sent) as stream:
                first = next(stream.iter_text())
                assert first.startswith((":", "id:", "event:", "retry:"))
                assert stream.headers["x-accel-buffering"] == "no"
            http.delete(f"{path}?purge=true", headers=sent).raise_for_status()


def test_nobody_else_does(behind: Program, through: Any) -> None:
    spoofed = {"X-Forwarded-Host": NAME, "Forwarded": f"host={NAME};for=127.0.0.1"}
    here = {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"}
    key = {"Authorization": f"Bearer {ANN}"}
    refused: list[tuple[dict[str, str], int]] = [
        ({"Host": NAME}, 401),
        ({"Host": NAME, **here}, 401),
        ({"Host": "evil.example", **key}, 403),
        ({"Host": "evil.example", **key, **spoofed}, 403),
        ({"Host": f"{NAME}.evil.example", **key}, 403),
        ({"Host": NAME, **key, "Origin": "https://evil.example"}, 403),
        ({"Host": NAME, **key, "Sec-Fetch-Site": "cross-site"}, 403),
    ]
    with calling(behind, None) as http:
        for sent, status in refused:
            assert http.get("/v1/sessions", headers=through(sent)).status_code == status, sent


def test_the_examples_take_what_the_server_takes() -> None:
    settings = Settings()
    largest = max(settings.max_upload, settings.max_body, settings.max_state)
    (nginx,) = re.findall(r"client_max_body_size (\d+)m;", NGINX)
    (caddy,) = re.findall(r"max_size (\d+)MB", CADDY)
    assert int(nginx) * 2**20 >= largest
    assert int(caddy) * 10**6 >= largest
    for line in ("proxy_buffering off;", "proxy_request_buffering off;", "proxy_http_version 1.1;"):
        assert line in NGINX
    assert "flush_interval -1" in CADDY


def test_a_redirect_is_never_made_of_the_host_header(behind: Program) -> None:
    with calling(behind, ANN) as http:
        for path in ("/v1/sessions/", "/docs/", "/v1//sessions"):
            answer: httpx.Response = http.get(path, headers={"Host": NAME})
            assert answer.status_code in (400, 403, 404), (path, answer.text[:200])
            assert "location" not in answer.headers
