"""Values of databases that JSON can't hold, in Playwright's encoding and in that of states, which
differ in maps and sets, and in what Playwright has no form for. Pure.

    a map   {m: [{k, v}], id} of Playwright's   {m: [[k, v]], id} in states
    a set   {s: [...], id}                      {se: [...], id}
    a blob, a file, an image's data   {o: [], id}   {bl: …}, {fi: …}, {im: …}
"""

from collections.abc import Callable
from typing import Any

from agent_browser.models.state import DEEPEST

Change = Callable[[Any], Any]
_ONLY_OURS = ("bl", "fi", "im")


def in_databases(databases: list[dict[str, Any]], change: Change) -> list[dict[str, Any]]:
    """The databases with their encoded values changed."""
    return [
        {
            **database,
            "stores": [
                {**store, "records": [_record(record, change) for record in store["records"]]}
                for store in database["stores"]
            ],
        }
        for database in databases
    ]


def as_playwrights(value: Any) -> Any:
    """As Playwright has it, but for what it has no form for."""
    if isinstance(value, dict):
        if "m" in value:
            pairs = map(_pair, value["m"])
            inner = [{"k": as_playwrights(k), "v": as_playwrights(v)} for k, v in pairs]
            return {**value, "m": inner}
        if "se" in value:
            rest = {name: part for name, part in value.items() if name != "se"}
            return {"s": [as_playwrights(item) for item in value["se"]], **rest}
    return _within(value, as_playwrights)


def as_ours(value: Any) -> Any:
    """As states have it."""
    if isinstance(value, dict):
        if "m" in value:
            pairs = map(_pair, value["m"])
            return {**value, "m": [[as_ours(k), as_ours(v)] for k, v in pairs]}
        if "s" in value:
            rest = {name: part for name, part in value.items() if name != "s"}
            return {"se": [as_ours(item) for item in value["s"]], **rest}
    return _within(value, as_ours)


def only_playwrights(value: Any) -> Any:
    """As Playwright would write it: an object without fields for what it has no form for."""
    return _emptied(as_playwrights(value))


def is_sound(value: Any, depth: int = DEEPEST) -> bool:
    """Whether what holds other values is as it is to be, and nothing lies too deep."""
    if not isinstance(value, dict):
        return not isinstance(value, list)
    inner: list[Any] = []
    for tag in ("a", "s", "se", "m", "o"):
        if tag in value:
            if depth == 0:
                return False
            held = value[tag]
            if not isinstance(held, list) or not isinstance(value.get("id", 0), int):
                return False
            for item in held:
                found = _held(tag, item)
                if found is None:
                    return False
                inner += found
    return all(is_sound(item, depth - 1) for item in inner)


def _held(tag: str, item: Any) -> list[Any] | None:
    """The values in an item of what holds others; None where it is no such item."""
    if tag in ("a", "s", "se"):
        return [item]
    if tag == "m" and isinstance(item, list) and len(item) == 2:
        return item
    if isinstance(item, dict) and {*item} == {"k", "v"}:
        if tag == "o":
            return [item["v"]] if isinstance(item["k"], str) else None
        return [item["k"], item["v"]]
    return None


def _emptied(value: Any) -> Any:
    if isinstance(value, dict) and any(tag in value for tag in _ONLY_OURS):
        return {"o": [], "id": 0}
    if isinstance(value, dict) and "m" in value:
        pairs = map(_pair, value["m"])
        inner = [{"k": _emptied(k), "v": _emptied(v)} for k, v in pairs]
        return {**value, "m": inner}
    if isinstance(value, dict) and "s" in value:
        return {**value, "s": [_emptied(item) for item in value["s"]]}
    return _within(value, _emptied)


def _within(value: Any, change: Change) -> Any:
    """The value with what is in it changed, of lists and objects."""
    if isinstance(value, dict) and isinstance(value.get("a"), list):
        return {**value, "a": [change(item) for item in value["a"]]}
    if isinstance(value, dict) and isinstance(value.get("o"), list):
        return {**value, "o": [{**one, "v": change(one.get("v"))} for one in value["o"]]}
    return value


def _pair(pair: Any) -> tuple[Any, Any]:
    key, value = (pair["k"], pair["v"]) if isinstance(pair, dict) else pair
    return key, value


def _record(record: dict[str, Any], change: Change) -> dict[str, Any]:
    fields = ("keyEncoded", "valueEncoded")
    return {**record, **{name: change(record[name]) for name in fields if name in record}}
