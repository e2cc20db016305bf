"""What every model that crosses the wire shares: unknown fields are refused, times are RFC 3339
UTC.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?\s*$")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Input(BaseModel):
    """A body that a caller sends. A field that is not known is an error, not a silent no-op."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


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


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": r"^\d+(\.\d+)?(ms|s|m|h|d)?$"},
            ],
            "description": "Seconds as a number, or a text such as 90s, 30m, 12h.",
        }
    ),
]


def rfc3339(value: datetime) -> str:
    """A time as answers have it."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Timestamp = Annotated[
    datetime,
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
