"""What a look at a page is asked for: how much of it is told, and how that is marked."""

from typing import Literal

from pydantic import Field

from agent_browser.models.base import Input

DeltaWish = bool | Literal["only"]
"""What of a delta is asked for: none, one beside the elements, one in their place."""


class Look(Input):
    """The fields that every function that looks has."""

    limit: int = Field(default=200, ge=1, le=10_000, description="Elements at most.")
    max_chars: int = Field(
        default=500_000,
        ge=500,
        le=10_000_000,
        description="Characters of `elements_text`, and of `tree`, at most.",
    )
    boundaries: bool = Field(
        default=False,
        description="Put the page's text between two lines with a random word in them.",
    )
