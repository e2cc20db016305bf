"""Bodies of `POST /v1/functions/{function}`, one per function, made from its input."""

from typing import Annotated

from pydantic import Field, create_model

from agent_browser.api.described import ABOUT
from agent_browser.models.base import Duration, Input
from agent_browser.models.catalogue import INPUTS


class Call(Input):
    """What every call has beside its input."""

    session: Annotated[str, Field(max_length=256)] | None = Field(
        default=None, description='"new", a session\'s id, or null for a session of this one call.'
    )
    session_timeout: Duration | None = Field(
        default=None, description="Idle timeout of a new session."
    )


def _body(function: str, input: type[Input]) -> type[Call]:
    needed = any(field.is_required() for field in input.model_fields.values())
    return create_model(
        f"{input.__name__.removesuffix('Input')}Call",
        __base__=Call,
        __doc__=f"{ABOUT[function].summary}, in a session.",
        input=(input, ... if needed else input()),
    )


CALLS: dict[str, type[Call]] = {
    name: _body(name, input) for name, input in INPUTS.items() if name != "run"
}
CALLS["run"] = CALLS["open"]
