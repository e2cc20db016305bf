"""What every model that crosses the wire shares: unknown fields are refused, times are RFC 3339
UTC.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?\s*$")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
MOST_FIELDS = 500
"""Fields that a body may have where it has named ones: more than any model has."""
_Item = TypeVar("_Item")
Items = Annotated[list[_Item], Field(fail_fast=True)]
"""A list without a bound of its own. The first wrong item is told and no other: to tell of each of
a million takes minutes and gigabytes.
"""


class Input(BaseModel):
    """A body that a caller sends. A field that is not known is an error, not a silent no-op."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _has_not_too_many_fields(cls, value: Any) -> Any:
        """Else each unknown one were told: as of a list, see `Items`."""
        if isinstance(value, dict) and len(value) > MOST_FIELDS:
            unknown = next((str(name) for name in value if name not in cls.model_fields), "")
            raise Unfit(f"{len(value)} fields: there are not that many", unknown[:128])
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _is_no_truth(cls, value: Any, info: ValidationInfo) -> Any:
        """True is no number, though Python counts it as 1."""
        if value is True or value is False:
            field = cls.model_fields.get(info.field_name or "")
            kinds = set(_kinds(field.annotation)) if field is not None else set()
            if kinds & {int, float} and bool not in kinds:
                raise ValueError("a number is wanted, not true or false")
        return value


def _kinds(annotation: Any) -> Iterator[Any]:
    """The types that an annotation names, of those that a union is made of."""
    if get_origin(annotation) in (Union, UnionType, Annotated):
        for part in get_args(annotation):
            yield from _kinds(part)
    else:
        yield annotation


class Unfit(ValueError):
    """What does not fit together in a whole model; `fields`, as the wire names them, are told."""

    def __init__(self, message: str, *fields: str) -> None:
        super().__init__(message)
        self.fields = fields


class Output(BaseModel):
    """A body that the server sends. The client reads fields of a newer server without failing."""

    model_config = ConfigDict(extra="ignore")


def parse_duration(value: Any) -> float:
    """Seconds from a number (`90`, `1.5`) or a text (`"90s"`, `"30m"`, `"12h"`, `"500ms"`)."""
    if isinstance(value, bool):
        raise ValueError("a duration is a number of seconds or a text like '90s', '30m', '12h'")
    if isinstance(value, int | float):
        seconds = float(value)
    else:
        match = _DURATION.match(str(value))
        if match is None:
            raise ValueError("a duration is a number of seconds or a text like '90s', '30m', '12h'")
        seconds = float(match[1]) * _SECONDS[match[2] or "s"]
    if not 0 <= seconds < float("inf"):
        raise ValueError("a duration can't be negative or endless")
    return seconds


def _described(least: float) -> WithJsonSchema:
    return WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": least},
                {"type": "string", "pattern": r"^\d+(\.\d+)?(ms|s|m|h|d)?$"},
            ],
            "description": "Seconds as a number, or a text such as 90s, 30m, 12h.",
        }
    )


SHORTEST = 0.001
"""The least timeout of a function, in seconds; the longest is a setting, so calls are refused for
what is outside, not their inputs.
"""
Duration = Annotated[float, BeforeValidator(parse_duration), _described(0)]
Timeout = Annotated[float, BeforeValidator(parse_duration), _described(SHORTEST)]
"""How long a function may take."""


ProfileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""What a profile is saved under: it stands in addresses."""


OnIdle = Literal["auto", "hibernate", "freeze", "end"]
"""What becomes of a session when its idle time is over. auto: it is hibernated, or frozen where a
page holds what no checkpoint can; hibernate: whatever its pages hold.
"""


def rfc3339(value: datetime) -> str:
    """A time as answers have it."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Timestamp = Annotated[
    datetime,
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
