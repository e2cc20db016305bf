"""Places and buttons of pointer actions."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from agent_browser.models.base import Input

Coordinate = Annotated[float, Field(ge=-100_000, le=100_000)]
"""CSS pixels of the viewport."""
Button = Literal["left", "middle", "right"]
Modifier = Literal["Alt", "Control", "ControlOrMeta", "Meta", "Shift"]
Modifiers = Annotated[list[Modifier], Field(max_length=5)]


class Point(Input):
    """A place in the viewport; `[x, y]` is read as one."""

    x: Coordinate
    y: Coordinate

    @model_validator(mode="before")
    @classmethod
    def _pair(cls, given: Any) -> Any:
        if isinstance(given, list | tuple) and len(given) == 2:
            return {"x": given[0], "y": given[1]}
        return given
