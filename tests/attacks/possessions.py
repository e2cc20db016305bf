"""One of everything that an owner can have, made over HTTP."""

import re
import secrets
import string
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.end_to_end.remote import read
from tests.site import Site

Json = dict[str, Any]
WORD = "marzipan"
"""Stands in Ann's pages, and can be searched for."""
SECRET = "what-only-ann-types"
IDEMPOTENCY_KEY = "ann-does-it-once"


@dataclass
class Possessions:
    """What somebody has: by kind, the names under which it is asked for. The first of each kind
    belongs to the first session, where it belongs to one.
    """

    names: dict[str, list[str]] = field(default_factory=dict)
    control: str = ""
    """The token of who has control of the first session."""

    def add(self, kind: str, name: str) -> str:
        self.names.setdefault(kind, []).append(name)
        return name

    def __getitem__(self, kind: str) -> str:
        return self.names[kind][0]

    @property
    def words(self) -> set[str]:
        """What tells that something of it was seen: names that are nobody else's by chance."""
        return {name for names in self.names.values() for name in names if len(name) > 8}


def never_was(name: str) -> str:
    """A name of the same form that was never given out."""
    head, mark, tail = name.partition("_")
    if mark and re.fullmatch(r"[a-z]+", head) and len(tail) >= 16:
        letters = string.ascii_letters + string.digits
        return f"{head}_" + "".join(secrets.choice(letters) for _ in tail)
    return "".join(secrets.choice(string.ascii_lowercase) for _ in name)


def _session(http: httpx.Client, url: str) -> str:
    body = {"session": "new", "input": {"url": url}}
    return str(read(http.post("/v1/functions/open", json=body))["session_id"])


def acquired(
    http: httpx.Client, site: Site, *, owner: str = "local", admin: httpx.Client | None = None
) -> Possessions:
    """All of it, through this client; a key only where there is an admin to make it."""
    own = Possessions({"owner": [owner]})
    if admin is not None:
        given = {"name": "Ann's further key", "owner": owner}
        own.add("key", read(admin.post("/v1/keys", json=given))["id"])
    own.add("secret", "annssecret")
    value = {"value": SECRET, "any_origin": True}
    http.put("/v1/secrets/annssecret", json=value).raise_for_status()
    page = site.url(f"/form?{WORD}")
    live, asleep, ended = (own.add("session", _session(http, page)) for _ in range(3))
    at = f"/v1/sessions/{live}"
    read(http.patch(at, json={"name": "ann-s-live-session", "pinned": True}))
    read(http.post(f"{at}/execute", json={"code": "localStorage.setItem('a', 'b')"}))
    own.add("artifact", read(http.post(f"{at}/screenshot", json={}))["screenshot"]["id"])
    own.add("artifact", read(http.post(f"{at}/pdf", json={}))["pdf"]["id"])
    read(http.post(f"{at}/record", json={"action": "start", "fps": 5, "width": 160}))
    read(http.post(f"{at}/interact", json={"action": "wait", "wait_ms": 300}))
    own.add("recording", read(http.post(f"{at}/record", json={"action": "stop"}))["video"]["id"])
    files = {"file": ("annsupload.txt", b"of Ann's", "text/plain")}
    own.add("upload", read(http.post(f"{at}/uploads", files=files))["items"][0]["name"])
    own.add("checkpoint", read(http.post(f"{at}/checkpoints"))["id"])
    read(http.put("/v1/profiles/annsprofile", json={"session_id": live}))
    own.add("profile", "annsprofile")
    steps = {"steps": [{"function": "snapshot", "input": {}}]}
    begun = read(http.post(f"{at}/run", json=steps, headers={"Prefer": "respond-async"}))
    own.add("operation", begun["id"])
    http.get(f"/v1/operations/{begun['id']}/events").raise_for_status()  # to its end
    hook = read(http.post("/v1/webhooks", json={"url": site.url("/empty?hook"), "session": live}))
    own.add("webhook", hook["id"])
    read(http.post(f"/v1/webhooks/{own['webhook']}/test"))
    once = {"Idempotency-Key": IDEMPOTENCY_KEY}
    blank = own.add("session", read(http.post("/v1/sessions", headers=once))["id"])
    http.delete(f"/v1/sessions/{ended}").raise_for_status()
    read(http.post(f"/v1/sessions/{blank}/checkpoints"))  # so that none comes of itself, later
    read(http.post(f"/v1/sessions/{asleep}/hibernate", json={"force": True}))
    own.control = read(http.post(f"{at}/control", json={}))["token"]
    return own


def looked_at(http: httpx.Client, own: Possessions) -> Json:
    """All of it as its owner sees it, so that a change can be told."""
    seen: Json = {}
    for session in own.names["session"]:
        for tail in ("", "/checkpoints", "/actions?limit=100"):
            seen[f"/v1/sessions/{session}{tail}"] = None
    for tail in ("control", "uploads"):  # these would wake one that sleeps
        seen[f"/v1/sessions/{own['session']}/{tail}"] = None
    seen |= dict.fromkeys(f"/v1/{kind}s/{own[kind]}" for kind in ("webhook", "profile", "secret"))
    seen |= dict.fromkeys(f"/v1/artifacts/{name}" for name in own.names["artifact"])
    seen[f"/v1/operations/{own['operation']}"] = None
    seen["/v1/recordings"] = seen["/v1/profiles"] = seen["/v1/operations"] = None
    for path in seen:
        answer = http.get(path)
        kind = answer.headers["content-type"]
        body = answer.json() if "json" in kind else answer.content
        seen[path] = (answer.status_code, _settled(body))
    log = http.get(f"/v1/webhooks/{own['webhook']}/deliveries").json()["items"]
    seen["deliveries"] = [one["id"] for one in log]  # they are tried again by themselves
    return seen


_MOVES = {"request_id"}


def _settled(body: Any) -> Any:
    """Without what changes by itself."""
    if isinstance(body, dict):
        return {name: _settled(value) for name, value in body.items() if name not in _MOVES}
    return [_settled(one) for one in body] if isinstance(body, list) else body
