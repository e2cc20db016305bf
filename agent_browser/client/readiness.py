"""Whether a server is ready, as its /readyz says."""

from typing import Any

from pydantic import Field

from agent_browser.errors import Unavailable
from agent_browser.models.base import Output


class Readiness(Output):
    """Whether a real command to a real browser was answered, and what an operator should know."""

    ready: bool
    detail: str = ""
    browser: str = ""
    """Product and version; empty where there is none."""
    warnings: list[str] = Field(default=[])


def ready(data: Any) -> Readiness:
    """Of the JSON of a server that is ready. ValueError where it is of another form."""
    if not isinstance(data, dict) or data.get("status") != "ready":
        raise ValueError("no readiness in it")
    return Readiness.model_validate({**data, "ready": True})


def not_ready(said: Unavailable) -> Readiness:
    """Of the problem that the server answered with; raises it where it says something else."""
    if said.code != Unavailable.code:
        raise said
    return Readiness(
        ready=False,
        detail=said.detail,
        browser=str(said.fields.get("browser") or ""),
        warnings=[str(warning) for warning in said.fields.get("warnings") or ()],
    )
