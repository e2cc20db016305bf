"""From what the collector says of an element to what a caller reads. Pure."""

from dataclasses import dataclass, field
from typing import Any

from agent_browser.models.functions import Box, Delta, Element

NOTHING = "(no interactive elements found)"

Row = dict[str, Any]


@dataclass
class Survey:
    """What was found in a page: rows of the collector, each with its frame and offset settled."""

    url: str = ""
    title: str = ""
    rows: list[Row] = field(default_factory=list)
    total: int = 0
    found: bool = True
    partial: bool = False
    """It is so large that not all of it was looked at."""
    document: str = ""
    """The token of the main frame's document."""


def _quoted(text: str) -> str:
    """In quotes, on one line whatever is in it: a page must not forge lines of its own."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    line = "".join(_ESCAPES.get(c, c if c.isprintable() else " ") for c in text)
    return f'"{line}"'


_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def describe(row: Row) -> str:
    """The one line of an element: `@e7 [button type="submit"] "Log In"`."""
    tag = row["tag"]
    kind = f' type="{row["type"]}"' if row.get("type") else ""
    role = row.get("role")
    if role and role != _IMPLIED.get(tag, role if kind else None):
        kind += f' role="{role}"'
    parts = [f"@e{row['n']}", f"[{tag}{kind}]"]
    text = row.get("text") or row.get("label") or ""
    is_field = tag in ("input", "textarea")
    if not text and not is_field:
        text = row.get("title") or ""
    if text:
        parts.append(_quoted(text))
    if tag == "select" and row.get("label"):
        parts.append(f"label={_quoted(row['label'])}")
    if row.get("placeholder"):
        parts.append(f"placeholder={_quoted(row['placeholder'])}")
    if row.get("attr") and not text and not row.get("placeholder"):
        parts.append(f"name={_quoted(row['attr'])}")
    if "raw" in row:
        parts.append(f"href={_quoted(row['raw'])}")
    shows_value = row.get("type") not in _VALUE_IS_TEXT and not row.get("secret")
    if is_field and row.get("value") and shows_value:
        value = row["value"]
        parts.append(f"value={_quoted(value if len(value) <= 80 else value[:79] + '…')}")
    if row.get("checked"):
        parts.append("selected" if row.get("type") == "radio" else "checked")
    if row.get("disabled"):
        parts.append("disabled")
    if row.get("closed"):
        parts.append("(closed shadow root)")
    if row.get("covered"):
        parts.append("(covered)")
    return " ".join(parts)


_IMPLIED = {
    "a": "link",
    "area": "link",
    "button": "button",
    "summary": "button",
    "textarea": "textbox",
    "select": "combobox",
}
_VALUE_IS_TEXT = ("submit", "reset", "button", "image", "checkbox", "radio")


def element(row: Row, *, boxes: bool) -> Element:
    """The element as it crosses the wire; made once of a row."""
    made = row.get("made")
    if isinstance(made, Element):
        return made
    box = row.get("box") if boxes else None
    row["made"] = made = Element(
        ref=f"@e{row['n']}",
        desc=describe(row),
        tag=row["tag"],
        text=row.get("text") or "",
        role=row.get("role"),
        name=row.get("label") or row.get("attr") or row.get("title"),
        href=row.get("href"),
        input_type=row.get("type"),
        value=None if row.get("secret") else row.get("value"),
        checked=row.get("checked"),
        disabled=True if row.get("disabled") else None,
        frame=row.get("frame"),
        off_screen=row.get("off"),
        covered=row.get("covered"),
        shadow="closed" if row.get("closed") else None,
        box=Box(x=box[0], y=box[1], width=box[2], height=box[3]) if box else None,
    )
    return made


def text_of(elements: list[Element], note: str | None = None) -> str:
    """One line an element, a page with none says so; then the note."""
    if note is not None:
        return "\n".join([*(item.desc for item in elements), f"({note})"])
    return "\n".join(item.desc for item in elements) or NOTHING


def changes(before: dict[str, str], now: list[Element], *, new_page: bool = False) -> Delta:
    """What changed since the lines `before` (ref → desc)."""
    lines = {item.ref: item.desc for item in now}
    return Delta(
        added=[item for item in now if item.ref not in before],
        removed=[ref for ref in before if ref not in lines],
        changed=[item for item in now if item.ref in before and before[item.ref] != item.desc],
        unchanged=not new_page and before == lines,
        new_page=new_page,
    )


def change_lines(delta: Delta) -> list[str]:
    """A line for each that came (`+`) or changed (`~`), and one for those that went (`-`)."""
    lines = [f"+ {item.desc}" for item in delta.added]
    lines += [f"~ {item.desc}" for item in delta.changed]
    return [*lines, "- " + " ".join(delta.removed)] if delta.removed else lines


def merge(top: Survey, frames: list[tuple[int, Survey]]) -> None:
    """Put the rows of frames, in document order, before the rows that follow their elements."""
    for position, inner in reversed(frames):
        top.rows[position:position] = inner.rows
        top.total += inner.total
        top.partial = top.partial or inner.partial
