"""A server that speaks the wire format with sessions in memory, for tests of the command line.

In this process with `FakeServer`, or as a background server of its own: `python -m
tests.cli.fake_server --host H --port P --ready-fd N`.
"""

import argparse
import hashlib
import itertools
import json
import os
import re
import signal
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType
from typing import Any
from urllib.parse import parse_qsl

PICTURE = b"\x89PNG not really"
_ELEMENTS = ('@e1 [a] "Home" href="/"', '@e2 [button] "Go"')
_NOT_FOUND = (404, "session_not_found", "Session not found", "session not found: ")
_ENDED = (410, "session_ended", "Session ended", "session not found: ended (idle): ")


class FakeServer:
    """The server, answering from entry to exit. `calls` are (function, session, input)."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.calls: list[tuple[str, str | None, dict[str, Any]]] = []
        self.live: dict[str, str] = {}
        self.ended: set[str] = set()
        self.is_ready = True
        self.is_downloading = False
        self.uploads: list[str] = []
        self.queries: list[dict[str, str]] = []
        """What lists of sessions were asked for."""
        self.ending: dict[str, Any] = {}
        """How the videos of sessions end."""
        self.hibernated: set[str] = set()
        self.states: dict[str, dict[str, Any]] = {}
        """What sessions were put to."""
        self.wishes: list[tuple[str, str, dict[str, Any]]] = []
        """What was asked of sessions as a whole: method, path, body."""
        self.profiles: dict[str, dict[str, Any]] = {}
        """The bodies that profiles were put with last."""
        self.called = threading.Event()
        self.held = threading.Event()
        """While it is clear, functions are not answered."""
        self.held.set()
        self._ids = (f"ses_{number:022d}" for number in itertools.count(1))
        fake = self

        class Routes(_Routes):
            server_of_ours = fake

        self._http = ThreadingHTTPServer((host, port), Routes)
        self._http.daemon_threads = True
        self.url = f"http://{host}:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> "FakeServer":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def lapse(self) -> None:
        """End all sessions, as idleness would."""
        self.ended |= set(self.live)
        self.live.clear()

    def call(self, name: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The answer to a function."""
        session, given = body.get("session"), body.get("input", {})
        self.calls.append((name, session, given))
        self.called.set()
        self.held.wait(30)
        if session in (None, "new"):
            session = next(self._ids)
            self.live[session] = "about:blank"
        elif session in self.ended and name != "close":
            return _problem(*_ENDED, session)
        elif session not in self.live | dict.fromkeys(self.ended, ""):
            return _problem(*_NOT_FOUND, str(session))
        if name not in _FUNCTIONS:
            return _problem(404, "not_found", "Not found", "there is no such function: ", name)
        status, answer = _FUNCTIONS[name](self, session, given)
        return status, answer | ({"session_id": session} if status == 200 else {})

    def open(self, session: str, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if "nowhere" in given["url"]:
            return _problem(502, "navigation_failed", "Navigation failed", "Failed to open URL: ")
        self.live[session] = given["url"]
        return self.snapshot(session, given)

    def snapshot(self, session: str, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        elements = [
            {"ref": text.split()[0], "desc": text, "tag": "a"}
            for text in _ELEMENTS[given.get("offset", 0) :][: given.get("limit", 200)]
        ]
        return 200, {
            "url": self.live[session],
            "title": "Fake \x1b[31mpage",
            "status": 200,
            "elements": elements,
            "elements_text": "\n".join(element["desc"] for element in elements),
            "total": len(_ELEMENTS),
            "of_a_newer_server": True,
        }

    def interact(self, session: str, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        done = {"action": given["action"], "url": self.live[session], "title": "Fake"}
        if given.get("ref") == "text=Report":
            self.is_downloading = True
            return 200, {**done, "success": True}
        if given.get("download") and self.is_downloading:
            self.is_downloading = False
            return 200, {**done, "success": True, "downloads": [_artifact("page.png", PICTURE)]}
        if given.get("ref") == "@e99":
            message = "Unknown ref: @e99. Run 'snapshot' to get current elements."
            return 200, {**done, "success": False, "message": message, "code": "unknown_ref"}
        looked = {"url": "", "title": "", "elements_text": "+ @e3 [p]\n- @e1"}
        return 200, {**done, "success": True, "snapshot": looked}

    def screenshot(self, session: str, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return 200, {"screenshot": _artifact("page.png", PICTURE), "width": 4, "height": 3}

    def execute(self, session: str, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if given["code"] == "boom()":
            return 200, {"result": None, "value": None, "error": "ReferenceError: boom"}
        value = {"url": "/v1/x", "id": "i", "content_type": "c", "sha256": "s"}
        return 200, {"result": "42", "value": value, "error": None}

    def downloads(self, session: str, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        kept = _artifact("page.png", PICTURE)
        one = {"name": "page.png", "url": "http://x/p", "state": "done", "size": len(PICTURE),
               "artifact": kept, "started_at": "2026-01-02T03:04:05Z"}  # fmt: skip
        lost = {**one, "name": "lost.bin", "state": "failed", "artifact": None, "error": "cut off"}
        return 200, {
            "downloads": [one, lost],
            "total": 2,
            "zip": kept if given.get("zip") else None,
        }

    def emulate(self, session: str, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return 200, {"emulation": {"width": 800, "height": 600, "offline": True}}

    def record(self, session: str, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        action = given["action"]
        told: dict[str, Any] = {"action": action, "recording": action != "stop", "seconds": 2.5}
        told |= {"tab": "t1", "width": 320, "height": 180, "fps": 25, "format": "webm"}
        if action in ("stop", "restart"):
            video = {**_artifact("a.webm", PICTURE), "content_type": "video/webm"}
            told["video"] = {**video, "session_id": session}
            told["contact_sheet"] = _artifact("contact_sheet.jpg", PICTURE)
            told["thumbnail"] = _artifact("thumbnail.jpg", PICTURE)
            told |= {"partial": True, "message": "the disk is full", "code": "storage_full"}
        if action == "chapter":
            told["chapters"] = [{"title": given["title"], "at": 1.25}]
        return 200, told

    def trace(self, session: str, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        action = given["action"]
        trace = _artifact("trace.zip", PICTURE) if action == "stop" else None
        return 200, {
            "action": action, "tracing": action == "start", "seconds": 1.5, "trace": trace,
        }  # fmt: skip

    def close(self, session: str, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.live.pop(session, None)
        self.ended.add(session)
        video = {**_artifact("page.webm", b"video"), "session_id": session, **self.ending}
        return 200, {"success": True, "video": video, "videos": [video]}

    def take(self, form: bytes) -> tuple[int, dict[str, Any]]:
        """The answer to files."""
        names = [name.decode() for name in re.findall(rb'filename="([^"]+)"', form)]
        self.uploads += names
        return 200, {"items": [_uploaded(name) for name in names]}

    def described(self, session: str) -> dict[str, Any]:
        """A session as callers see it."""
        told = _record(session, self.live[session])
        asleep = {"state": "hibernated", "hibernated_at": "2026-01-02T03:04:05Z"}
        return told | (asleep if session in self.hibernated else {})

    def made(self, url: str) -> dict[str, Any]:
        """A new session on that page."""
        session = next(self._ids)
        self.live[session] = url
        return self.described(session)

    def saved(
        self, method: str, session: str, wish: str, body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        """The answer to what saves a session, or makes it what was saved."""
        self.wishes.append((method, wish, body))
        if session not in self.live:
            return _problem(*_NOT_FOUND, session)
        if (method, wish) == ("GET", "checkpoints"):
            return 200, {"items": [_CHECKPOINT], "next_cursor": None}
        if (method, wish) == ("GET", "state"):
            return 200, self.states.get(session, {"cookies": [], "origins": []})
        if (method, wish) == ("POST", "checkpoints"):
            return 201, _CHECKPOINT
        if wish == "fork":
            return 201, self.made(self.live[session])
        if wish == "hibernate":
            self.hibernated.add(session)
        elif method == "PUT":
            self.states[session] = body
        else:
            self.hibernated.discard(session)
        return 200, self.described(session)

    def profile(self, name: str, state: bool, query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """What is told of one, or what it holds."""
        if name not in self.profiles:
            return _problem(
                404, "profile_not_found", "Profile not found", "profile not found: ", name
            )
        if not state:
            return 200, _profile(name, self.profiles[name])
        held = dict(self.profiles[name].get("storage_state", {"cookies": [], "origins": []}))
        return 200, held if query.get("form") == "playwright" else {
            **held,
            "version": 1,
            "tabs": [],
        }

    def get(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """The answer to a GET."""
        if path == "/v1/profiles":
            items = [_profile(name, body) for name, body in self.profiles.items()]
            return 200, {"items": items, "next_cursor": None}
        of_one = _PROFILE.fullmatch(path)
        if of_one is not None:
            return self.profile(of_one[1], bool(of_one[2]), query)
        if path == "/healthz":
            return 200, {"status": "ok", "service": "agent-browser"}
        if path == "/readyz":
            if not self.is_ready:
                return _problem(503, "unavailable", "Unavailable", "no browser answers")
            return 200, {"status": "ready", "detail": "", "browser": "Fake/1", "warnings": []}
        saved = _SAVED.fullmatch(path)
        if saved is not None:
            return self.saved("GET", saved[1], saved[2], dict(query))
        if path.endswith("/uploads"):
            return 200, {"items": [_uploaded(name) for name in self.uploads]}
        if path == "/v1/sessions":
            self.queries.append(query)
            first, most = query.get("id_prefix", ""), int(query["limit"])
            found = [] if "name" in query else [one for one in self.live if one.startswith(first)]
            items = [self.described(one) for one in found[:most]]
            return 200, {"items": items, **({"next_cursor": "more"} if found[most:] else {})}
        return _problem(404, "not_found", "Not found", path)


_SAVED = re.compile(
    r"/v1/sessions/(ses_\w+)/(hibernate|resume|fork|checkpoints(?:/\w+/restore)?|state)"
)
_PROFILE = re.compile(r"/v1/profiles/([^/]+)(/state)?")
_CHECKPOINT = {
    "id": "ckp_1", "created_at": "2026-01-02T03:04:05Z", "cause": "demand", "size": 900,
    "written": 20, "losses": [{"what": "opener", "where": "t2", "why": "it \x1b[1mis not kept"}],
}  # fmt: skip

_FUNCTIONS = {
    "open": FakeServer.open,
    "run": FakeServer.open,
    "snapshot": FakeServer.snapshot,
    "interact": FakeServer.interact,
    "emulate": FakeServer.emulate,
    "screenshot": FakeServer.screenshot,
    "execute": FakeServer.execute,
    "close": FakeServer.close,
    "record": FakeServer.record,
    "trace": FakeServer.trace,
    "downloads": FakeServer.downloads,
}


class _Routes(BaseHTTPRequestHandler):
    server_of_ours: FakeServer

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path.startswith("/v1/artifacts/"):
            self._send(200, "image/png", PICTURE)
        else:
            self._send_json(*self.server_of_ours.get(path, dict(parse_qsl(query))))

    def do_DELETE(self) -> None:
        one = _PROFILE.fullmatch(self.path)
        if one is not None:
            del self.server_of_ours.profiles[one[1]]
            self._send(204, "application/json", b"")
            return
        self.server_of_ours.uploads.remove(self.path.rpartition("/")[2])
        self._send(204, "application/json", b"")

    def do_PUT(self) -> None:
        one = _PROFILE.fullmatch(self.path)
        if one is not None:
            fake = self.server_of_ours
            fake.profiles[one[1]] = fake.profiles.get(one[1], {}) | json.loads(self._whole())
            self._send_json(*fake.profile(one[1], False, {}))
            return
        saved = _SAVED.fullmatch(self.path)
        assert saved is not None
        body = json.loads(self._whole())
        self._send_json(*self.server_of_ours.saved("PUT", saved[1], saved[2], body))

    def do_POST(self) -> None:
        if self.path.endswith("/uploads"):
            self._send_json(*self.server_of_ours.take(self._whole()))
            return
        if self.path == "/v1/sessions":
            json.loads(self._whole())
            self._send_json(201, self.server_of_ours.made("about:blank"))
            return
        saved = _SAVED.fullmatch(self.path)
        if saved is not None:
            body = json.loads(self._whole() or b"{}")
            self._send_json(*self.server_of_ours.saved("POST", saved[1], saved[2], body))
            return
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        found = re.fullmatch(r"/v1/functions/(\w+)", self.path)
        assert found is not None
        self._send_json(*self.server_of_ours.call(found[1], body))

    def log_message(self, format: str, *args: object) -> None:
        """Requests are no news."""

    def _whole(self) -> bytes:
        """A body of any length, also one that comes in chunks."""
        if "content-length" in self.headers:
            return self.rfile.read(int(self.headers["content-length"]))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _send_json(self, status: int, data: dict[str, Any]) -> None:
        kind = "application/json" if status < 300 else "application/problem+json"
        self._send(status, kind, json.dumps(data).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        with suppress(ConnectionError):  # a caller that was interrupted reads no answer
            self.wfile.write(body)


def _problem(
    status: int, code: str, title: str, detail: str, rest: str = ""
) -> tuple[int, dict[str, Any]]:
    return status, {
        "type": "/docs/errors",
        "title": title,
        "status": status,
        "detail": detail + rest,
        "code": code,
        "retryable": False,
        "recovery": "fix_request",
        "request_id": "req_1",
    }


def _artifact(filename: str, data: bytes) -> dict[str, Any]:
    return {
        "id": "art_BBBBBBBBBBBBBBBBBBBBBB",
        "url": "/v1/artifacts/art_BBBBBBBBBBBBBBBBBBBBBB",
        "content_type": "image/png",
        "size": len(data),
        "filename": filename,
        "sha256": hashlib.sha256(data).hexdigest(),
        "created_at": "2026-01-02T03:04:05Z",
    }


def _uploaded(name: str) -> dict[str, Any]:
    return {"name": name, "size": 3, "sha256": "s", "created_at": "2026-01-02T03:04:05Z"}


def _profile(name: str, body: dict[str, Any]) -> dict[str, Any]:
    at = "2026-01-02T03:04:05Z"
    held = body.get("storage_state", {})
    return {
        "name": name, "description": body.get("description"), "created_at": at, "updated_at": at,
        "timeouts": body.get("timeouts", {}), "options": body.get("options", {}),
        "cookies": len(held.get("cookies", [])), "passkeys": 0, "size": 90, "losses": [],
        "origins": [one["origin"] for one in held.get("origins", [])],
    }  # fmt: skip


def _record(session: str, url: str) -> dict[str, Any]:
    return {
        "id": session,
        "state": "live",
        "phase": "active",
        "created_at": "2026-01-02T03:04:05Z",
        "last_activity_at": "2026-01-02T03:04:05Z",
        "expires_at": None,
        "timeouts": {"idle": 60, "max_duration": 600},
        "url": url,
        "title": "Fake",
        "owner": "local",
    }


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ready-fd", type=int, required=True)
    given = parser.parse_args()
    ending = threading.Event()

    def end(_signum: int, _frame: FrameType | None) -> None:
        ending.set()

    signal.signal(signal.SIGTERM, end)
    with FakeServer(given.host, given.port) as server:
        os.write(given.ready_fd, f"{server.url}\n".encode())
        os.close(given.ready_fd)
        ending.wait()


if __name__ == "__main__":
    main()
