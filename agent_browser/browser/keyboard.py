"""What keys are called, and what is said of a name that is none. Pure."""

import difflib
import re

_NAMES = (
    "Enter", "Tab", "Escape", "Backspace", "Delete", "Insert", "Space", "Home", "End", "PageUp",
    "PageDown", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Control", "Shift", "Alt",
    "Meta", "ControlOrMeta", "CapsLock", "ContextMenu", *(f"F{number}" for number in range(1, 13)),
)  # fmt: skip
_CALLED = {
    "ctrl": "Control", "ctl": "Control", "cmd": "Meta", "command": "Meta", "win": "Meta",
    "super": "Meta", "option": "Alt", "opt": "Alt", "esc": "Escape", "return": "Enter",
    "del": "Delete", "ins": "Insert", "spacebar": "Space", "up": "ArrowUp", "down": "ArrowDown",
    "left": "ArrowLeft", "right": "ArrowRight", "pgup": "PageUp", "pgdn": "PageDown",
    "menu": "ContextMenu",
}  # fmt: skip
"""What people and other tools call some of them."""
_UNKNOWN = re.compile(r'Unknown key: "(.*)"', re.DOTALL)
_LONGEST = 40


def unknown_in(said: str) -> str | None:
    """The name that Playwright does not know, if that is its complaint."""
    found = _UNKNOWN.search(said)
    return found[1] if found is not None else None


def advice(name: str) -> str:
    """What is wrong with the name, and what to write."""
    shown = name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
    meant = _meant(name)
    if meant is not None:
        return f'Unknown key: "{shown}"; did you mean "{meant}"?'
    return (
        f'Unknown key: "{shown}". A key is one character or a name such as Enter, ArrowUp, F5; '
        "a combination for press is joined with +, as in Control+a"
    )


def _meant(name: str) -> str | None:
    folded = name.strip().lower()
    if folded in _CALLED:
        return _CALLED[folded]
    by_folded = {known.lower(): known for known in _NAMES}
    near = difflib.get_close_matches(folded[:_LONGEST], list(by_folded), n=1, cutoff=0.75)
    return by_folded[near[0]] if near else None


def before_last(combination: str) -> list[str]:
    """The keys of a combination that are held while its last one is pressed."""
    head = combination[:-1].rpartition("+")[0]  # the last key may be + itself
    return [key for key in head.split("+") if key]
