"""The commands on what pages store and send each other: storage, cookies, messages."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent_browser.cli.exits import USAGE, Failed
from agent_browser.cli.printing import line, note, print_json, say
from agent_browser.cli.target import Target, client_command

if TYPE_CHECKING:
    from agent_browser.models.cookies import CookiesOutput
    from agent_browser.models.messages import Posted
    from agent_browser.models.storage import Entry, StorageOutput

PANEL = "Storage"
MAX_FILE = 10_000_000

Key = Annotated[str, typer.Argument(help="The entry's key.")]
AreaOption = Annotated[
    str, typer.Option("--area", help="local (localStorage) or session (sessionStorage).")
]
Origin = Annotated[
    str | None, typer.Option("--origin", help="Of this origin; the page's if absent.")
]
Frame = Annotated[
    str | None,
    typer.Option("--frame", help="A frame: its number, name, address or glob, ref or selector."),
]
Tab = Annotated[str | None, typer.Option("--tab", help="t2; the active one if absent.")]
Prefix = Annotated[str | None, typer.Option("--prefix", help="Only keys that begin so.")]
Name = Annotated[str | None, typer.Option("--name", help="Only of this name.")]
Domain = Annotated[str | None, typer.Option("--domain", help="Only of this domain, as listed.")]
PathOption = Annotated[str | None, typer.Option("--path", help="Only of this path.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    storage = typer.Typer(help="Entries of localStorage and sessionStorage.")
    client_command(storage, "get")(storage_get)
    client_command(storage, "set")(storage_set)
    client_command(storage, "delete")(storage_delete)
    client_command(storage, "list")(storage_list)
    client_command(storage, "clear")(storage_clear)
    app.add_typer(storage, name="storage", rich_help_panel=PANEL)
    cookies = typer.Typer(help="Cookies of the session.")
    client_command(cookies, "list")(cookies_list)
    client_command(cookies, "set")(cookies_set)
    client_command(cookies, "delete")(cookies_delete)
    client_command(cookies, "import")(cookies_import)
    app.add_typer(cookies, name="cookies", rich_help_panel=PANEL)
    client_command(app, "messages", rich_help_panel=PANEL)(messages)


def storage_get(
    target: Target,
    key: Key,
    area: AreaOption = "local",
    origin: Origin = None,
    frame: Frame = None,
    tab: Tab = None,
) -> None:
    """Print the value of an entry."""
    output = _storage(target, "get", "reading storage", area, origin, frame, tab, key=key)
    if output is not None and output.entry is not None:
        say(output.entry.value)


def storage_set(
    target: Target,
    key: Key,
    value: Annotated[str | None, typer.Argument(help="Its text; or give --file.")] = None,
    file: Annotated[Path | None, typer.Option(help="Its text is this file's; - is stdin.")] = None,
    expires_in: Annotated[
        str | None, typer.Option(help="How long it is there: 60, 30m; for ever if absent.")
    ] = None,
    area: AreaOption = "local",
    origin: Origin = None,
    frame: Frame = None,
    tab: Tab = None,
) -> None:
    """Put an entry; it goes from the page by itself after --expires-in."""
    if (value is None) == (file is None):
        raise Failed("give the value, or --file", USAGE)
    text = _text_of(file) if file is not None else value
    output = _storage(
        target, "put", "writing storage", area, origin, frame, tab,
        key=key, value=text, expires_in=expires_in,
    )  # fmt: skip
    if output is not None and output.entry is not None:
        until = f" until {output.entry.expires:%H:%M:%S} UTC" if output.entry.expires else ""
        say(f"{line(key)} is set in {output.origin}{until}")


def storage_delete(
    target: Target,
    key: Key,
    area: AreaOption = "local",
    origin: Origin = None,
    frame: Frame = None,
    tab: Tab = None,
) -> None:
    """Delete an entry."""
    output = _storage(target, "delete", "writing storage", area, origin, frame, tab, key=key)
    if output is not None:
        say("deleted" if output.removed else "there was no such entry")


def storage_list(
    target: Target,
    prefix: Prefix = None,
    limit: Annotated[int | None, typer.Option(help="At most so many (1000).")] = None,
    cursor: Annotated[str | None, typer.Option(help="To go on from the page before.")] = None,
    area: AreaOption = "local",
    origin: Origin = None,
    frame: Frame = None,
    tab: Tab = None,
) -> None:
    """List the entries of an origin."""
    output = _storage(
        target, "list", "reading storage", area, origin, frame, tab,
        prefix=prefix, limit=limit, cursor=cursor,
    )  # fmt: skip
    if output is None:
        return
    for entry in output.entries:
        say(_entry_line(entry))
    if not output.entries:
        say(f"no entries of {output.origin}")
    if output.next_cursor is not None:
        note(f"there are more; use --cursor {output.next_cursor}")


def storage_clear(
    target: Target,
    prefix: Prefix = None,
    area: AreaOption = "local",
    origin: Origin = None,
    frame: Frame = None,
    tab: Tab = None,
) -> None:
    """Delete all entries of an origin, or those with a prefix."""
    output = _storage(target, "clear", "writing storage", area, origin, frame, tab, prefix=prefix)
    if output is not None:
        say(f"{output.removed} deleted")


def cookies_list(
    target: Target,
    to: Annotated[str | None, typer.Option(help="Only those sent to this address.")] = None,
    name: Name = None,
    domain: Domain = None,
    path: PathOption = None,
) -> None:
    """List the session's cookies; with --json their values."""
    options = {"action": "list", "url": to, "name": name, "domain": domain, "path": path}
    output = _cookies(target, options, "asking for the cookies")
    if output is None:
        return
    for cookie in output.cookies:
        marks = [
            mark
            for mark, is_so in (
                ("HttpOnly", cookie.httpOnly), ("Secure", cookie.secure),
                (f"SameSite={cookie.sameSite}", cookie.sameSite is not None),
                (f"of {cookie.partitionKey}", cookie.partitionKey is not None),
            )
            if is_so
        ]  # fmt: skip
        say("\t".join((cookie.domain, cookie.path, line(cookie.name), " ".join(marks))))
    if not output.cookies:
        say("no cookies" if not output.total else f"no cookies fit; there are {output.total}")


def cookies_set(
    target: Target,
    name: Annotated[str, typer.Argument(help="Its name.")],
    value: Annotated[str, typer.Argument(help="Its value.")],
    to: Annotated[str | None, typer.Option(help="For this address; or give --domain.")] = None,
    domain: Annotated[
        str | None, typer.Option("--domain", help="For this domain; .example.com: and below it.")
    ] = None,
    path: Annotated[str | None, typer.Option("--path", help="With --domain; / if absent.")] = None,
    expires: Annotated[
        float | None, typer.Option(help="Unix time in seconds; with the session if absent.")
    ] = None,
    http_only: Annotated[
        bool, typer.Option("--http-only", help="Hidden from the pages' scripts.")
    ] = False,
    secure: Annotated[bool, typer.Option("--secure", help="Over https alone.")] = False,
    same_site: Annotated[str | None, typer.Option(help="Strict, Lax or None.")] = None,
) -> None:
    """Set a cookie."""
    if (to is None) == (domain is None):
        raise Failed("give --to ADDRESS or --domain", USAGE)
    place = {"url": to} if to is not None else {"domain": domain, "path": path or "/"}
    cookie = {
        "name": name, "value": value, **place, "expires": expires, "sameSite": same_site,
        "httpOnly": http_only or None, "secure": secure or None,
    }  # fmt: skip
    given = {key: item for key, item in cookie.items() if item is not None}
    output = _cookies(target, {"action": "set", "cookies": [given]}, "setting the cookie")
    if output is not None:
        say("set")


def cookies_delete(
    target: Target,
    name: Name = None,
    domain: Domain = None,
    path: PathOption = None,
    all: Annotated[bool, typer.Option("--all", help="Every cookie of the session.")] = False,
) -> None:
    """Delete cookies."""
    filters = {"name": name, "domain": domain, "path": path}
    is_filtered = any(value is not None for value in filters.values())
    if is_filtered == all:
        raise Failed("say which by --name, --domain or --path, or --all", USAGE)
    options = {"action": "clear" if all else "delete", **filters}
    output = _cookies(target, options, "deleting cookies")
    if output is not None:
        say(f"{output.changed} deleted")


def cookies_import(
    target: Target,
    file: Annotated[Path, typer.Argument(help="cookies.txt, or JSON of Playwright; - is stdin.")],
) -> None:
    """Set the cookies of a file: a cookies.txt, or Playwright's cookies or storage state."""
    text = _text_of(file)
    options: dict[str, Any] = {"action": "set"}
    if text.lstrip()[:1] in ("[", "{"):
        options["cookies"] = _cookies_of(file, text)
    else:
        options["text"] = text
    output = _cookies(target, options, "setting the cookies")
    if output is None:
        return
    say(f"{output.changed} set")
    for one in output.refused:
        note(f"the browser does not take {line(one.name)} of {line(one.domain)}")


def messages(
    target: Target,
    action: Annotated[
        str, typer.Argument(help="list, start (keep them from now on), stop or clear.")
    ] = "list",
    origin: Annotated[str | None, typer.Option("--origin", help="Only from this origin.")] = None,
    tab: Annotated[str | None, typer.Option("--tab", help="t2 or active; all if absent.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many (100).")] = None,
    cursor: Annotated[str | None, typer.Option(help="To go on from the page before.")] = None,
) -> None:
    """See what windows and frames send each other with postMessage."""
    from agent_browser.client import requests as calls
    from agent_browser.client import storage

    options = {
        "action": action, "origin": origin, "tab": tab, "limit": limit, "cursor": cursor,
    }  # fmt: skip
    asked = storage.messages(target.session(), options)
    answer = target.send(calls.raw(asked), "asking for the messages")
    if target.json:
        print_json(answer)
        return
    output = asked.parse(answer)
    if action != "list":
        say("messages are kept from now on" if output.recording else "messages are not kept")
        return
    for message in output.messages:
        say(_message_line(message))
    if not output.messages:
        say("no messages" + ("" if output.recording else "; 'agent-browser messages start'"))


def _storage(
    target: Target,
    action: str,
    doing: str,
    area: str,
    origin: str | None,
    frame: str | None,
    tab: str | None,
    **options: Any,
) -> "StorageOutput | None":
    """What came of it; None where it was printed as JSON."""
    from agent_browser.client import requests as calls
    from agent_browser.client import storage

    named = int(frame) if frame is not None and frame.isascii() and frame.isdigit() else frame
    given = {"area": area, "origin": origin, "frame": named, "tab": tab, **options}
    asked = storage.storage(
        target.session(), action, {k: v for k, v in given.items() if v is not None}
    )
    answer = target.send(calls.raw(asked), doing)
    if target.json:
        print_json(answer)
        return None
    return asked.parse(answer)


def _cookies(target: Target, options: dict[str, Any], doing: str) -> "CookiesOutput | None":
    from agent_browser.client import requests as calls
    from agent_browser.client import storage

    asked = storage.cookies(target.session(), options)
    answer = target.send(calls.raw(asked), doing)
    if target.json:
        print_json(answer)
        return None
    return asked.parse(answer)


def _text_of(file: Path) -> str:
    """A file's text, or that of stdin."""
    try:
        if str(file) == "-":
            data = sys.stdin.buffer.read(MAX_FILE + 1)
        else:
            with file.open("rb") as opened:
                data = opened.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            raise Failed(f"{file}: larger than {MAX_FILE} bytes", USAGE)
        return data.decode("utf-8-sig")
    except OSError as exc:
        raise Failed(f"{file}: {exc.strerror}", USAGE) from exc
    except UnicodeDecodeError as exc:
        raise Failed(f"{file}: not a text in UTF-8", USAGE) from exc


def _cookies_of(file: Path, text: str) -> list[Any]:
    try:
        found = json.loads(text)
    except ValueError as exc:
        raise Failed(f"{file} is not JSON: {exc}", USAGE) from exc
    listed = found.get("cookies") if isinstance(found, dict) else found
    if not isinstance(listed, list):
        raise Failed(f"{file}: neither a list of cookies nor an object that has 'cookies'", USAGE)
    return listed


def _entry_line(entry: "Entry") -> str:
    until = f"until {entry.expires:%Y-%m-%dT%H:%M:%SZ}" if entry.expires else ""
    return "\t".join((line(entry.key), line(entry.value), until)).rstrip("\t")


def _message_line(message: "Posted") -> str:
    data = message.data if message.truncated else json.dumps(message.data, ensure_ascii=False)
    way = f"{message.origin} -> {message.target} ({message.source})"
    return f"{message.at:%H:%M:%S.%f}\t{message.tab}\t{line(way)}\t{line(str(data))}"
