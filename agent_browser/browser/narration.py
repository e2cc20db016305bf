"""What a recording says of an action in words. Pure. Nothing that is typed is in them: the page
shows it where it may be seen, and a password's field does not.
"""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from agent_browser.browser import refs
from agent_browser.browser.urls import normalise
from agent_browser.errors import ActionFailed, InvalidUrl
from agent_browser.models.functions import InteractInput
from agent_browser.models.secrets import SecretRef

LONGEST = 80
"""Characters of a target, or of an address's host."""
_SILENT = frozenset({"wait", "tab_list"})
_GOING = frozenset({"goto", "tab_new"})
_SAID = {"goto": "Go to", "move": "Move the mouse", "down": "Mouse down", "up": "Mouse up"}
_LINE = re.compile(
    r"^@e\d+ \[([\w-]+)[^\]]*\]"
    r'(?: (?:(?:label|placeholder|name)=)?"((?:[^"\\]|\\.)*)")?'
)
_KEY = re.compile(
    r"^(?:(?:Alt|Control|ControlOrMeta|Meta|Shift)\+)*"
    r"(?:Enter|Tab|Escape|Backspace|Delete|Space|Insert|Home|End|PageUp|PageDown|"
    r"Arrow(?:Up|Down|Left|Right)|F\d{1,2})$"
    r"|^(?:(?:Alt|Control|ControlOrMeta|Meta)\+)(?:Shift\+)?[A-Za-z0-9]$"
)

Line = Callable[[str], str | None]
"""The line of a ref in the last look at the page, if it was in it."""


def words(input: InteractInput, line: Line) -> str | None:
    """What the action does; None for one that does nothing to the page."""
    if input.action in _SILENT:
        return None
    said = [_SAID.get(input.action) or input.action.replace("_", " ").capitalize()]
    if input.action in _GOING:
        said += _host(input.url)
    elif input.action == "press":
        said += _keys(input.text if not isinstance(input.text, SecretRef) else None)
    elif input.action == "scroll":
        said += [input.direction or "down"] if input.ref is None else []
    elif input.action == "dialog":
        said += ["dismiss" if input.accept is False else "accept"]
    elif input.action == "tab_switch":
        said += [input.tab or ""]
    said += _target(input.ref, line)
    if input.target_ref is not None:
        said += ["to", *_target(input.target_ref, line)]
    return " ".join(filter(None, said))


def _host(url: str | None) -> list[str]:
    """Where to; the rest of an address may hold what nobody should see."""
    try:
        return [(urlsplit(normalise(url or "")).hostname or "")[:LONGEST]]
    except (InvalidUrl, ValueError):
        return []


def _keys(text: str | list[str] | None) -> list[str]:
    """Keys by name; not those that write something."""
    keys = [text] if isinstance(text, str) else text or []
    return keys if len(keys) <= 4 and all(map(_KEY.match, keys)) else []


def _target(named: str | None, line: Line) -> list[str]:
    if named is None:
        return []
    try:
        target = refs.parse(named)
    except ActionFailed:
        return []
    if isinstance(target, refs.Selector):
        return [_short(target.text)]
    found = _LINE.match(line(str(target)) or "")
    if found is None:
        return []
    return [f'"{_short(found[2])}"' if found[2] else found[1]]


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
