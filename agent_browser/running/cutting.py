"""What a kept operation holds of a step's output: as much as there is room for. Pure."""

import json
from typing import Any

LEAST_TEXT = 1_000
"""Characters that are left of a text that is cut, where there is room for that."""
_UNWHOLE = ("\\ud", "\\u0000")
"""What a database may refuse, in JSON: halves of surrogate pairs (and whole ones), and NUL."""


def weight(output: object) -> int:
    """Its length as JSON, all but ASCII escaped: what it takes in memory and on disk at most."""
    return len(json.dumps(output))


def cut(output: dict[str, Any], room: int) -> tuple[dict[str, Any] | None, str | None]:
    """The output, or what of it takes at most so many characters as JSON, and a note that names
    what was left out: the largest fields first, texts in part, everything else whole.
    """
    text = json.dumps(output)
    if any(mark in text for mark in _UNWHOLE):
        output = _whole(output)
    if len(text) <= room:
        return output, None
    kept, dropped, size = dict(output), list[str](), len(text)
    for name in sorted(output, key=lambda name: weight(output[name]), reverse=True):
        before = weight(kept[name])
        kept[name] = _less(kept[name], before, room - (size - before))
        dropped.append(name)
        size += weight(kept[name]) - before
        if size <= room:
            return kept, f"cut here for want of room, of {len(text)} bytes: {', '.join(dropped)}"
    return None, f"left out for want of room: {len(text)} bytes"


def _less(value: Any, taken: int, room: int) -> Any:
    """A text's beginning that takes no more than `room`; of anything else nothing, in its kind."""
    if isinstance(value, str):
        share = min(len(value), max(room, 0) * len(value) // max(taken, 1))
        return value[: max(share - 8, 0)] + "…" if share > LEAST_TEXT else ""
    if isinstance(value, list):
        return []
    return None


def _whole(value: Any) -> Any:
    """Half a surrogate pair, which JavaScript allows in its strings, and NUL become U+FFFD."""
    if isinstance(value, str):
        told = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return told.replace("\0", "\ufffd")
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return value
