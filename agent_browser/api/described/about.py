"""What the description of this interface says of one function."""

from typing import Any, NamedTuple

from agent_browser.errors import AgentBrowserError

SESSION = "ses_Zr3Jm1QdQnq9zN0cW4kE7A"
ARTIFACT = {
    "id": "art_V1StGXR8Z5jdHi6BmyTfqQ",
    "url": "/v1/artifacts/art_V1StGXR8Z5jdHi6BmyTfqQ",
    "content_type": "image/png",
    "size": 20145,
    "filename": "screenshot.png",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "created_at": "2026-11-20T09:30:00.000Z",
}


class About(NamedTuple):
    """A function in words, with an example of its input and of its output."""

    summary: str
    """What it does, in the imperative, without a full stop."""
    description: str
    input: dict[str, Any]
    output: dict[str, Any]
    """Without `session_id`."""
    errors: tuple[type[AgentBrowserError], ...] = ()
    """What it may answer beside what every function may."""
