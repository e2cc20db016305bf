"""Text that fits: cut at a number of characters, with a note of what was left out; fenced. Pure."""

import secrets
from collections.abc import Sequence

from agent_browser.browser.elements import change_lines
from agent_browser.models.functions import PageState
from agent_browser.models.looks import Look

MAX_CHARS = 500_000
"""Characters of an answer's `elements_text`, and of its `tree`, where nothing else is asked for."""

_NOTE = 120
"""Characters that a note may take."""
_BEGIN = "--- page content {nonce} ---\n"
_END = "\n--- end of page content {nonce} ---"


def nonce_for(texts: Sequence[str]) -> str:
    """A random word that is in none of the texts."""
    while True:
        nonce = secrets.token_hex(16)
        if not any(nonce in text for text in texts):
            return nonce


def fenced(text: str, nonce: str) -> str:
    """The page's text between two lines that it can't contain."""
    return _BEGIN.format(nonce=nonce) + text + _END.format(nonce=nonce)


FENCE = len(fenced("", "0" * 32))
"""Characters that a fence adds."""


def room(asked: Look) -> int:
    """Characters that there are for the page's text and the note."""
    return asked.max_chars - (FENCE if asked.boundaries else 0)


def fitting(lines: Sequence[str], most: int) -> int:
    """How many of the lines fit into so many characters, with room for a note where not all do."""
    if sum(len(line) + 1 for line in lines) - 1 <= most:
        return len(lines)
    left = most - _NOTE
    for count, line in enumerate(lines):
        left -= len(line) + 1
        if left < 0:
            return count
    return len(lines)


def note_of(shown: int, offset: int, total: int, *, partial: bool = False) -> str | None:
    """What was left out of the elements after the last shown, and how to get it. `partial` is a
    page of which not everything was looked at.
    """
    if partial:
        rest = "; the page is so large that not all of it was looked at: ask with root"
        return f"{shown} of at least {total} elements shown{rest}"
    if total and offset >= total:
        return f"offset {offset} is past the last of {total} elements"
    if offset + shown >= total:
        return None
    if not shown:
        return f"0 of {total} elements shown: max_chars leaves room for none"
    return f"{shown} of {total} elements shown; ask with offset {offset + shown}"


def with_tree(state: PageState, tree: str, most: int) -> PageState:
    """The state with the tree within so many characters, cut at a line."""
    if len(tree) <= most:
        return state.model_copy(update={"tree": tree})
    lines = tree.split("\n")
    shown = fitting(lines, most)
    note = f"{shown} of {len(lines)} lines of the tree shown; ask with root"
    cut = "\n".join([*lines[:shown], f"({note})"])
    return state.model_copy(update={"tree": cut, "note": _noted(state, note)})


def changes_alone(state: PageState, most: int) -> PageState:
    """The state with what changed in place of the elements: lines within so many characters."""
    delta = state.delta
    if delta is None:
        return state
    ours = ["(a new page)"] if delta.new_page else ["(nothing changed)"] if delta.unchanged else []
    lines, note = change_lines(delta), state.note
    shown = fitting([*lines, *ours], most)
    if shown < len(lines) + len(ours):
        said = f"{min(shown, len(lines))} of {len(lines)} lines of changes shown; delta has all"
        lines, ours, note = lines[:shown], [f"({said})"], _noted(state, said)
    text = "\n".join([*lines, *ours])
    return state.model_copy(update={"elements": [], "elements_text": text, "note": note})


def _noted(state: PageState, note: str) -> str:
    return f"{state.note}; {note}" if state.note else note


def bounded(state: PageState) -> PageState:
    """The state with its page text fenced."""
    nonce = nonce_for([state.elements_text, state.tree or ""])
    return state.model_copy(
        update={
            "boundary": nonce,
            "elements_text": _without_ours(state.elements_text, nonce),
            "tree": None if state.tree is None else _without_ours(state.tree, nonce),
        }
    )


def _without_ours(text: str, nonce: str) -> str:
    """Fenced but for a last line of our own: no line of the page's begins with a parenthesis."""
    head, _, last = text.rpartition("\n")
    if last.startswith("("):
        return f"{fenced(head, nonce)}\n{last}"
    return fenced(text, nonce)
