"""What commands print: JSON as the server gave it, or lines for people."""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

_UNSEEN = {code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}
"""Control characters. A page's text must not drive the terminal that it is printed on."""
_ESCAPED = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}
"""Those that JSON would leave as they are."""


def print_json(data: object) -> None:
    """JSON on stdout, in a form that any terminal and any locale takes."""
    ascii_only = "utf" not in (sys.stdout.encoding or "").lower()
    print(json.dumps(data, indent=2, ensure_ascii=ascii_only).translate(_ESCAPED))


def json_line(data: object) -> str:
    """JSON on one line, in a form that any terminal and any locale takes."""
    ascii_only = "utf" not in (sys.stdout.encoding or "").lower()
    text = json.dumps(data, ensure_ascii=ascii_only, separators=(",", ":"))
    return text.translate(_ESCAPED)


def say(text: str) -> None:
    """Text for people on stdout, without control characters."""
    print(plain(text))


def note(text: str) -> None:
    """One line for people on stderr."""
    print(f"agent-browser: {plain(text)}", file=sys.stderr, flush=True)


def plain(text: str) -> str:
    """The text without control characters."""
    return text.translate(_UNSEEN)


def line(text: str, *, longest: int = 500) -> str:
    """The text on one line, cut where it is longer than that."""
    whole = " ".join(plain(text).split())
    return whole if len(whole) <= longest else whole[: longest - 1] + "…"


def page_lines(page: Mapping[str, Any], *, offset: int = 0) -> Iterator[str]:
    """A page: its title and URL, its elements, and what happened beside."""
    yield page_line(page)
    yield from aside_lines(page)
    if page.get("tree"):
        yield str(page["tree"])
        return
    text = str(page.get("elements_text") or "(no interactive elements found)")
    yield text
    if page.get("note") and text.endswith(f"({page['note']})"):
        return
    if page.get("delta"):
        return
    total, shown = int(page.get("total") or 0), len(page.get("elements") or ())
    if offset + shown < total:
        yield f"({total - offset - shown} more; use --offset {offset + shown})"


def page_line(page: Mapping[str, Any]) -> str:
    """Title and URL on a line; the HTTP status where it is not a success."""
    title, url, status = page.get("title"), line(str(page.get("url"))), page.get("status")
    where = f"{line(str(title))} — {url}" if title else url
    return f"{where} (HTTP {status})" if isinstance(status, int) and status >= 400 else where


def action_lines(output: Mapping[str, Any]) -> Iterator[str]:
    """An action: where the page is now, and the elements that came, changed or went."""
    yield page_line(output)
    yield from aside_lines(output)
    for tab in output.get("new_tabs") or ():
        yield f"new tab {tab.get('id')}: {tab.get('url')}"
    snapshot = output.get("snapshot")
    if not isinstance(snapshot, dict):
        return
    if snapshot.get("elements_text"):
        yield str(snapshot["elements_text"])


def waiting_line(output: Mapping[str, Any]) -> str | None:
    """The dialog that waits, if one does, and what to do about it."""
    dialog = output.get("dialog")
    if not isinstance(dialog, Mapping):
        return None
    what = f'{dialog.get("type")} "{line(str(dialog.get("message")))}" waits in {dialog.get("tab")}'
    return f"{what}: dialog accept, or dialog dismiss"


def aside_lines(output: Mapping[str, Any]) -> Iterator[str]:
    """Dialogs that were answered, what waits, and files that came."""
    for dialog in output.get("dialogs") or ():
        message = line(str(dialog.get("message")))
        told = dialog.get("text")
        answer = f' with "{line(str(told))}"' if told is not None else ""
        yield f'{dialog.get("type")} "{message}" was {dialog.get("response")}{answer}'
    waiting = waiting_line(output)
    if waiting:
        yield waiting
    chooser = output.get("file_chooser")
    if isinstance(chooser, Mapping):
        yield f"a file chooser waits in {chooser.get('tab')}: upload --chooser FILE"
    for download in output.get("downloads") or ():
        yield f"downloaded {download.get('filename')}: {download.get('url')}"
    for download in output.get("unfinished_downloads") or ():
        why = download.get("error") or "not complete yet"
        yield f"{download.get('state')} {line(str(download.get('name')))}: {why}"
