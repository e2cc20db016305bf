"""A secret of each kind goes in at every door that takes it, and is looked for wherever it should
not come out: logs, errors, lists, events, deliveries, descriptions, metrics, files.
"""

import base64
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.attacks import evil
from tests.attacks.conftest import calling
from tests.attacks.operations import operations
from tests.end_to_end.remote import Json, call, read
from tests.program import Program
from tests.site import Site

pytestmark = pytest.mark.browser

KINDS = (
    "key", "wrongkey", "jwt", "proxy", "proxyinurl", "credentials", "cookie", "httponly", "header",
    "webhook", "webhookagain", "stored", "sessionstored", "password", "pressed", "passkey",
    "profile", "filecookie", "inurl", "query", "state", "control", "ran",
    "named",
)  # fmt: skip
TO_ITS_CALLER = frozenset({"stored", "sessionstored", "query"})
"""What answers to its own caller have: an entry as it was put, a page's address as it is."""

IN_THE_DATABASE = frozenset({"query", "webhookagain"})
"""What the database has in clear: addresses of pages, and what deliveries are signed with."""


@dataclass
class Canaries:
    """A value for each kind, which nothing else has."""

    values: dict[str, str] = field(
        default_factory=lambda: {kind: f"kanari{kind}{secrets.token_hex(8)}" for kind in KINDS}
    )

    def __getitem__(self, kind: str) -> str:
        return self.values[kind]

    def found(self, text: str | bytes, *, but: frozenset[str] = frozenset()) -> set[str]:
        """Kinds of those that are in it, also as base64."""
        data = text.encode(errors="replace") if isinstance(text, str) else text
        return {
            kind
            for kind, value in self.values.items()
            if kind not in but and any(form in data for form in _forms(value))
        }

    def shown(self, text: str, *, but: frozenset[str]) -> list[str]:
        """Each with what stands around it."""
        at = [text.find(self[kind]) for kind in self.values if kind not in but]
        return [text[max(0, one - 150) : one + 60] for one in at if one >= 0] or [
            f"{kind}, encoded, in {text[:300]}" for kind in sorted(self.found(text, but=but))
        ]


def _forms(value: str) -> list[bytes]:
    """It, and the middle of its base64 at each of three offsets."""
    raw = value.encode()
    coded = [base64.b64encode(b"x" * skip + raw)[4:-4] for skip in range(3)]
    return [raw, raw.hex().encode(), *coded]


def _jwt(value: str) -> str:
    head, body = ('{"alg":"RS256"}', json.dumps({"sub": value}))
    parts = (base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in (head, body))
    return ".".join((*parts, value))


@contextmanager
def _server(
    folder: Path, executable: Path, canary: Canaries
) -> Iterator[tuple[Program, httpx.Client]]:
    state_key = base64.b64encode(canary["state"].encode().ljust(32, b"-")[:32]).decode()
    with (
        Program(
            folder, executable, api_keys=f"ann:{canary['key']}", state_key=state_key, admins="ann",
            log_level="debug", log_thumbnails=True,
        ) as program,
        calling(program, canary["key"]) as http,
    ):  # fmt: skip
        yield program, http


class Doors:
    """Every way in; the answers that are not the values themselves are kept."""

    def __init__(
        self, program: Program, http: httpx.Client, site: Site, proxy: evil.Evil, canary: Canaries
    ) -> None:
        self.program, self.http, self.site, self.proxy = program, http, site, proxy
        self.canary = canary
        self.answers: list[str] = []
        self.session = ""

    def sent(self, method: str, path: str, **more: Any) -> httpx.Response:
        answer = self.http.request(method, path, **more)
        self.answers.append(f"{answer.headers} {answer.text}")
        return answer

    def keys(self) -> None:
        for kind in ("wrongkey", "jwt"):
            token = _jwt(self.canary[kind]) if kind == "jwt" else self.canary[kind]
            for headers in ({"Authorization": f"Bearer {token}"}, {"X-API-Key": token}):
                with calling(self.program, None) as http:
                    answer = http.get("/v1/sessions", headers=headers)
                assert answer.status_code == 401
                self.answers.append(f"{answer.headers} {answer.text}")

    def options(self) -> None:
        canary, url = self.canary, self.site.url("/empty")
        proxy = f"http://127.0.0.1:{self.proxy.port}"
        given: list[Json] = [
            {"proxy_url": proxy, "proxy_username": "ann", "proxy_password": canary["proxy"]},
            {"proxy_url": f"http://ann:{canary['proxyinurl']}@127.0.0.1:{self.proxy.port}"},
            {"proxy_url": f"http://ann:{canary['proxyinurl']}@127.0.0.1:1"},
            {"http_credentials": {"username": "ann", "password": canary["credentials"]}},
            {"extra_headers": {"Authorization": f"Bearer {canary['header']}"}},
            {"extra_headers": {"X-Api-Key": canary["header"], "Cookie": f"a={canary['header']}"}},
            {"headers_by_origin": {self.site.origin: {"Authorization": canary["header"]}}},
            {"storage_state": {"cookies": [self._cookie("cookie")], "origins": []}},
        ]  # fmt: skip
        for options in given:
            self.sent("POST", "/v1/functions/open", json={"input": {"url": url, **options}})
            bad = {**options, "widht": 1}
            refused = self.sent("POST", "/v1/functions/open", json={"input": {"url": url, **bad}})
            assert refused.status_code == 400

    def _cookie(self, kind: str) -> Json:
        cookie = {"name": "sid", "value": self.canary[kind], "domain": "127.0.0.1", "path": "/"}
        return {
            **cookie, "expires": -1, "httpOnly": kind == "httponly", "secure": False,
            "sameSite": "Lax",
        }  # fmt: skip

    def pages(self) -> None:
        canary = self.canary
        inside = self.site.url("/login").replace("//", f"//ann:{canary['inurl']}@")
        opened = call(self.http, "open", url=inside)
        self.session = str(opened["session_id"])
        at = f"/v1/sessions/{self.session}"
        self.answers.append(json.dumps(opened))
        for ref, action, kind in (("css=[name=password]", "fill", "password"),
                                  ("css=[name=password]", "type", "pressed")):  # fmt: skip
            body = {"action": action, "ref": ref, "text": canary[kind]}
            assert self.sent("POST", f"{at}/interact", json=body).json()["success"]
            self.sent("POST", f"{at}/snapshot", json={})
        kept = {"value": canary["named"], "any_origin": True}
        self.sent("PUT", "/v1/secrets/named", json=kept)
        self.sent("PUT", "/v1/secrets/named", json={**kept, "widht": 1})
        by_name = {"action": "fill", "ref": "css=[name=user]", "text": {"secret": "named"}}
        typed = self.sent("POST", f"{at}/interact", json=by_name).json()
        assert typed["success"], typed
        self.sent("POST", f"{at}/snapshot", json={"tree": True})
        wrong = {"action": "fill", "ref": "css=#none", "text": canary["password"], "timeout": 0.2}
        self.sent("POST", f"{at}/interact", json=wrong)
        self.sent("POST", f"{at}/cookies", json={"cookies": [self._cookie("cookie")]})
        self.sent("POST", f"{at}/cookies", json={"cookies": [self._cookie("httponly")]})
        for area, kind in (("local", "stored"), ("session", "sessionstored")):
            body = {"action": "put", "area": area, "key": "token", "value": canary[kind]}
            self.sent("POST", f"{at}/storage", json=body)
        self.sent(
            "POST", f"{at}/open", json={"url": self.site.url(f"/form?token={canary['query']}")}
        )
        code = f"fetch('/form', {{headers: {{Authorization: 'Bearer {canary['ran']}'}}}}); 1"
        self.sent("POST", f"{at}/execute", json={"code": code})
        self.sent("POST", f"{at}/screenshot", json={})
        for function in ("requests", "har", "console", "read"):
            self.sent("POST", f"{at}/{function}", json={})
        self.sent("POST", f"{at}/checkpoints")
        self.sent("GET", f"{at}/actions?limit=1000")

    def kept(self) -> None:
        canary, at = self.canary, f"/v1/sessions/{self.session}"
        state = {"cookies": [self._cookie("profile")], "origins": []}
        self.sent("PUT", "/v1/profiles/shop", json={"storage_state": state})
        line = f"127.0.0.1\tFALSE\t/\tFALSE\t0\tsid\t{canary['filecookie']}\n"
        self.sent("PUT", "/v1/profiles/file", json={"cookies": line})
        key = {"rp_id": "example.com", "id": "YWJj", "user_handle": "YWJj",
               "public_key": "YWJj", "private_key": canary["passkey"]}  # fmt: skip
        self.sent("POST", "/v1/sessions", json={"passkeys": [key]})
        options = {"extra_headers": {"Authorization": f"Bearer {canary['header']}"}}
        self.sent("PUT", "/v1/profiles/headers", json={"options": options})
        self.sent("POST", "/v1/sessions", json={"profile": "headers"})
        self.sent("POST", f"{at}/fork", json={})
        hook: Json = {"url": self.site.url("/empty"), "secret": canary["webhook"]}
        made = read(self.http.post("/v1/webhooks", json=hook))  # which shows it, this once
        self.sent("PATCH", f"/v1/webhooks/{made['id']}", json={"secret": canary["webhookagain"]})
        self.sent("POST", f"/v1/webhooks/{made['id']}/test")
        self.sent("POST", "/v1/webhooks", json={**hook, "url": "ftp://x"})
        given = {"name": "a further key", "owner": "ann"}
        canary.values["made"] = read(self.http.post("/v1/keys", json=given))["key"]
        picture = read(self.http.post(f"{at}/screenshot", json={}))["screenshot"]
        link = read(self.http.post(f"/v1/artifacts/{picture['id']}/link", json={}))["url"]
        canary.values["link"] = link.rpartition("/")[2]
        with calling(self.program, None) as http:
            assert http.get(link).status_code == 200
            for method, headers in (("POST", {}), ("GET", {"Host": "evil.example"}), ("PUT", {})):
                refused = http.request(method, link, headers=headers)
                assert refused.status_code >= 400
                self.answers.append(f"{refused.headers} {refused.text}")
        self.sent("GET", f"{at}/control", headers={"X-Control-Token": canary["control"]})
        self.sent("POST", f"{at}/hibernate", json={"force": True})
        self.sent("POST", f"{at}/snapshot", json={})

    def looked(self) -> None:
        known = operations(self.http.get("/openapi.json").json())
        for operation in known:
            if operation.changes:
                continue
            path = operation.path.replace("{session_id}", self.session)
            path = path.replace("{name}", "shop")
            tells_all = path.endswith(("/state", "/cookies")) or "/storage/" in path
            if "{" not in path and not tells_all:
                stream = {"follow": "false", "after": "0"} if path.endswith("/events") else {}
                self.sent("GET", path, params=stream)
        for path in ("/docs", "/docs/errors", "/openapi.json", "/v1/sessions?q=kanari"):
            self.sent("GET", path)


def _files(*folders: Path) -> Iterator[tuple[Path, bytes]]:
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path, path.read_bytes()


def test_no_secret_comes_out_where_it_was_not_asked_for(
    tmp_path: Path, executable: Path, site: Site
) -> None:
    canary = Canaries()
    with evil.serving() as proxy:
        with _server(tmp_path, executable, canary) as (program, http):
            doors = Doors(program, http, site, proxy, canary)
            doors.keys()
            doors.options()
            doors.pages()
            doors.kept()
            doors.looked()
            folders = (program.data, program.recordings, program.temporary)
            alive = {str(path): canary.found(data) for path, data in _files(*folders)}
        assert {one.path for one in proxy.asked} >= {site.url("/empty")}  # the proxy was used
    assert canary.found(program.log) == set()
    told = [said for text in doors.answers for said in canary.shown(text, but=TO_ITS_CALLER)]
    assert not told, "\n".join(told)
    at_rest = {str(path): canary.found(data) for path, data in _files(*folders)}
    for files in (alive, at_rest):
        found = {
            path: kinds - (IN_THE_DATABASE if "agent-browser.db" in path else set())
            for path, kinds in files.items()
        }
        assert {path: kinds for path, kinds in found.items() if kinds} == {}
        assert len(files) > 10


def test_a_canary_is_found_in_each_form() -> None:
    canary = Canaries()
    value = canary["proxy"]
    basic = base64.b64encode(f"ann:{value}".encode()).decode()
    for text in (f"x{value}y", basic, value.encode().hex(), f"Basic {basic}"):
        assert canary.found(text) == {"proxy"}, text
    assert canary.found("kanari") == set()
