"""The server's HTTP as tests speak it: plain httpx, so that the wire itself is what is tested."""

import json
import time
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import httpx
import psutil

from tests.processes import line_of
from tests.program import Program
from tests.site import Site

Json = dict[str, Any]


class Refused(Exception):
    """A problem+json answer: `status`, `code` and the whole `problem`."""

    def __init__(self, answer: httpx.Response) -> None:
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        self.status = answer.status_code
        self.problem: Json = answer.json()
        self.code = str(self.problem["code"])
        self.headers = answer.headers
        super().__init__(f"{self.status} {self.code}: {self.problem['detail']}")


def client(server: Program) -> httpx.Client:
    """A client of this server that no proxy variable can lead astray."""
    return httpx.Client(base_url=server.base_url, trust_env=False, timeout=60)


def read(answer: httpx.Response) -> Json:
    """The body of a success; Refused for any other answer."""
    if answer.is_error:
        raise Refused(answer)
    body: Json = answer.json()
    return body


def call(http: httpx.Client, function: str, session: str | None = "new", **input: Any) -> Json:
    """One function by the functions' own route; Refused for a problem."""
    return read(http.post(f"/v1/functions/{function}", json={"session": session, "input": input}))


def live(http: httpx.Client) -> int:
    """How many sessions there are live."""
    return int(read(http.get("/v1/sessions/health"))["live"])


class Sent:
    """A call that was sent and whose answer nobody has read yet: no thread waits for it."""

    def __init__(self, session: "Session", function: str, **input: Any) -> None:
        to = session.http.base_url
        self._connection = HTTPConnection(to.host, to.port, timeout=60)
        self._connection.request(
            "POST",
            f"/v1/sessions/{session.id}/{function}",
            json.dumps(input),
            {"Content-Type": "application/json"},
        )

    def fileno(self) -> int:
        """Its socket's, for `select`: readable as soon as it is answered."""
        return self._connection.sock.fileno()

    def answer(self) -> httpx.Response:
        """Waits for it."""
        with closing(self._connection), self._connection.getresponse() as answer:
            return httpx.Response(answer.status, headers=answer.getheaders(), content=answer.read())


def held(session: "Session", site: Site, then: str = "return 'done'") -> Sent:
    """A call that is under way in the page, and is until the site releases it."""
    before = len(site.asked("/held"))
    code = f"await fetch({site.url('/held')!r}, {{mode: 'no-cors'}}); {then}"
    sent = Sent(session, "execute", code=code, timeout=60)
    eventually(lambda: len(site.asked("/held")) > before)
    return sent


class Session:
    """One of our sessions. Leaving the `with` block closes it."""

    def __init__(
        self,
        http: httpx.Client,
        url: str = "about:blank",
        session_timeout: float | None = None,
        **options: Any,
    ) -> None:
        self.http = http
        body: Json = {"session": "new", "input": {"url": url, **options}}
        if session_timeout is not None:
            body["session_timeout"] = session_timeout
        self.page = read(http.post("/v1/functions/open", json=body))
        self.id: str = self.page["session_id"]

    @classmethod
    def of(cls, http: httpx.Client, session_id: str) -> "Session":
        """One that was made already."""
        session = cls.__new__(cls)
        session.http, session.id, session.page = http, session_id, {}
        return session

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *exc: object) -> None:
        self.http.post(f"/v1/sessions/{self.id}/close")

    def call(self, function: str, **input: Any) -> Json:
        """One function; Refused for a problem."""
        return read(self.http.post(f"/v1/sessions/{self.id}/{function}", json=input))

    def open(self, url: str, **options: Any) -> Json:
        self.page = self.call("open", url=url, **options)
        return self.page

    def snapshot(self, **options: Any) -> Json:
        self.page = self.call("snapshot", **options)
        return self.page

    def attempt(self, action: str, ref: str | None = None, **input: Any) -> Json:
        """One action, done or not."""
        given = {"action": action, **input} | ({"ref": ref} if ref is not None else {})
        done = self.call("interact", **given)
        if done["snapshot"] is not None:
            self.page = done["snapshot"]
        return done

    def act(self, action: str, ref: str | None = None, **input: Any) -> Json:
        """One action that must succeed."""
        done = self.attempt(action, ref, **input)
        assert done["success"], f"{action} {ref}: {done['code']}: {done['message']}"
        return done

    def click(self, text: str) -> Json:
        """Click the one element of that text or name in the last snapshot."""
        return self.act("click", self.ref(text))

    def element(self, text: str) -> Json:
        """The one element of the last snapshot whose text or name is this."""
        found = [one for one in self.page["elements"] if text in (one["text"], one["name"])]
        assert len(found) == 1, f"{len(found)} are {text!r} in:\n{self.page['elements_text']}"
        element: Json = found[0]
        return element

    def ref(self, text: str) -> str:
        return str(self.element(text)["ref"])

    def value(self, code: str) -> Any:
        """What JavaScript in the page comes to."""
        done = self.call("execute", code=code)
        assert done["error"] is None, done["error"]
        return done["value"]

    def text(self, selector: str = "#log") -> str:
        """An element's text as the page has it."""
        return str(self.value(f"document.querySelector({selector!r}).textContent"))

    def close(self) -> Json:
        return self.call("close")

    def state(self) -> Json:
        return read(self.http.get(f"/v1/sessions/{self.id}"))


def renderer_of(server: Program, session: Session) -> psutil.Process:
    """The process of the session's page: the one that computes most while the page does."""
    before = {one: computed(one) for one in server.tree if "--type=renderer" in line_of(one)}
    session.value("const end = Date.now() + 600; while (Date.now() < end); 1")
    return max(before, key=lambda one: computed(one) - before[one])


def computed(process: psutil.Process) -> float:
    """Seconds of processor time it has taken; 0 if it is gone."""
    try:
        return float(process.cpu_times().user)
    except psutil.NoSuchProcess:
        return 0.0


def eventually(holds: Callable[[], bool], *, within: float = 10.0, what: str = "") -> None:
    """Waits until it holds: for what another process does, of which nothing here is told."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, what or "it did not come to hold"
        time.sleep(0.05)
