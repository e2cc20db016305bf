"""Logs in where a page asks for user and password, then acts as that user in the same session.

    LOGIN_PASSWORD=… python examples/login_flow.py https://site/login USER https://site/account

Without LOGIN_PASSWORD it asks for the password. The password is never printed.
"""

import getpass
import os
import sys
import time
from typing import Any

import httpx

SERVER = os.environ.get("AGENT_BROWSER_URL", "http://127.0.0.1:7070")
KEY = os.environ.get("AGENT_BROWSER_API_KEY")
TEXT_FIELDS = ("text", "email", "tel")


class Session:
    """One session of the server. Leaving the `with` block closes it."""

    def __init__(self, client: httpx.Client, url: str) -> None:
        self._client = client
        self._path = "/v1/functions"
        self.page = self.call("open", {"session": "new", "input": {"url": url}})
        self._path = f"/v1/sessions/{self.page['session_id']}"

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.post(f"{self._path}/close")

    def call(self, function: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer. A server that is full says when to come back; other errors are raised."""
        for _ in range(5):
            answer = self._client.post(f"{self._path}/{function}", json=body)
            if "retry-after" not in answer.headers:
                break
            time.sleep(float(answer.headers["retry-after"]))
        output: dict[str, Any] = answer.json()
        if answer.is_error:
            raise RuntimeError(output["detail"])
        return output

    def act(self, action: str, ref: str, text: str | None = None) -> None:
        """One action on an element; what can't be done is raised, with the reason."""
        done = self.call("interact", {"action": action, "ref": ref, "text": text})
        if not done["success"]:
            raise RuntimeError(f"{action} {ref}: {done['message']}")
        self.page = done["snapshot"]

    def field(self, *types: str) -> str | None:
        """The ref of the first input of one of these types, or None."""
        for element in self.page["elements"]:
            if element["tag"] == "input" and element["input_type"] in types:
                return str(element["ref"])
        return None


def log_in(session: Session, user: str, password: str) -> None:
    """Fills in the page's login form and sends it. RuntimeError if that doesn't log in."""
    user_field, password_field = session.field(*TEXT_FIELDS), session.field("password")
    if user_field is None or password_field is None:
        raise RuntimeError("there is no login form on this page")
    session.act("fill", user_field, user)
    session.act("fill", password_field, password)
    session.act("press", password_field, "Enter")
    if session.field("password") is not None:
        raise RuntimeError("the login was refused")


def main(url: str, user: str, then: str) -> int:
    """Prints where it is after each step."""
    password = os.environ.get("LOGIN_PASSWORD") or getpass.getpass(f"Password of {user}: ")
    headers = {"Authorization": f"Bearer {KEY}"} if KEY else {}
    with (
        httpx.Client(base_url=SERVER, headers=headers, timeout=120) as client,
        Session(client, url) as session,
    ):
        print(f"opened     {session.page['url']}")
        log_in(session, user, password)
        print(f"logged in  {session.page['url']}")
        session.page = session.call("open", {"url": then})
        print(f"went on to {session.page['url']}, titled {session.page['title']!r}")
        print(session.page["elements_text"])
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        sys.exit(main(*sys.argv[1:]))
    except (RuntimeError, httpx.HTTPError) as exc:
        sys.exit(f"error: {exc}")
