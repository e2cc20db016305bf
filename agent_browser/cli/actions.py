"""The short commands that act on the page; each is one `interact`."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from agent_browser.cli.exits import USAGE, Failed
from agent_browser.cli.printing import action_lines, print_json, say
from agent_browser.cli.secrets import SecretOption, typed
from agent_browser.cli.target import Target, client_command

PANEL = "Actions"
Command = Callable[..., None]
Ref = Annotated[str, typer.Argument(metavar="REF", help="@e7 or e7, or a Playwright selector.")]
Delay = Annotated[float | None, typer.Option(help="Milliseconds between keys.")]
Modifier = Annotated[
    list[str] | None,
    typer.Option(help="Alt, Control, Meta or Shift, held meanwhile; may be repeated."),
]
Timeout = Annotated[str | None, typer.Option(help="How long it may take: 5, 500ms.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    plain: tuple[Command, ...] = (
        click, dblclick, hover, check, uncheck, scroll, back, forward, reload, wait,
    )  # fmt: skip
    for command in plain:
        client_command(app, command.__name__, rich_help_panel=PANEL)(command)
    loose = {"ignore_unknown_options": True}  # a text may begin with a dash
    texts: tuple[Command, ...] = (fill, type_text, press, select)
    for command in texts:
        name = command.__name__.removesuffix("_text")
        client_command(app, name, rich_help_panel=PANEL, context_settings=loose)(command)


def done(target: Target, action: str, **options: Any) -> dict[str, Any]:
    """Do one action; Failed with its message where it wasn't done, its answer printed as JSON."""
    from agent_browser.client import requests

    look = "delta" if target.json else "delta_only"
    request = requests.interact(target.session(), action, {"snapshot": look, **options})
    answer = target.send(requests.raw(request), f"waiting for {action}")
    if not answer.get("success"):
        if target.json:
            print_json(answer)
        raise Failed(str(answer.get("message") or f"{action} was not done"))
    return answer


def act(target: Target, action: str, **options: Any) -> None:
    """Do one action and print what came of it; Failed with its message where it wasn't done."""
    answer = done(target, action, **options)
    if target.json:
        print_json(answer)
    else:
        for text in action_lines(answer):
            say(text)


def click(
    target: Target,
    ref: Ref,
    button: Annotated[str | None, typer.Option(help="left, middle or right (left).")] = None,
    count: Annotated[int | None, typer.Option(help="How many clicks in a row.")] = None,
    modifier: Modifier = None,
    timeout: Timeout = None,
) -> None:
    """Click an element; prints the elements that are new."""
    act(
        target,
        "click",
        ref=ref,
        button=button,
        click_count=count,
        modifiers=modifier or None,
        timeout=timeout,
    )


def dblclick(target: Target, ref: Ref, timeout: Timeout = None) -> None:
    """Click an element twice."""
    act(target, "dblclick", ref=ref, timeout=timeout)


def hover(target: Target, ref: Ref, timeout: Timeout = None) -> None:
    """Move the mouse over an element."""
    act(target, "hover", ref=ref, timeout=timeout)


def check(target: Target, ref: Ref, timeout: Timeout = None) -> None:
    """Tick a checkbox or choose a radio button."""
    act(target, "check", ref=ref, timeout=timeout)


def uncheck(target: Target, ref: Ref, timeout: Timeout = None) -> None:
    """Clear a checkbox."""
    act(target, "uncheck", ref=ref, timeout=timeout)


def fill(
    target: Target,
    ref: Ref,
    text: Annotated[str | None, typer.Argument(help="Replaces what the field holds.")] = None,
    secret: SecretOption = None,
    timeout: Timeout = None,
) -> None:
    """Replace a field's text."""
    act(target, "fill", ref=ref, text=typed(text, secret), timeout=timeout)


def type_text(
    target: Target,
    text: Annotated[str | None, typer.Argument(help="Typed key by key.")] = None,
    secret: SecretOption = None,
    ref: Annotated[str | None, typer.Option(help="Into this element, not the focused one.")] = None,
    delay: Delay = None,
    timeout: Timeout = None,
) -> None:
    """Type text into what has the focus."""
    act(target, "type", text=typed(text, secret), ref=ref, delay=delay, timeout=timeout)


def press(
    target: Target,
    keys: Annotated[
        list[str], typer.Argument(metavar="KEY…", help="Enter, Tab, Escape, Control+a, …")
    ],
    ref: Annotated[str | None, typer.Option(help="In this element.")] = None,
    delay: Delay = None,
    timeout: Timeout = None,
) -> None:
    """Press a key or a chord, or several one after the other."""
    text = keys[0] if len(keys) == 1 else keys
    act(target, "press", text=text, ref=ref, delay=delay, timeout=timeout)


def select(
    target: Target,
    ref: Ref,
    options: Annotated[list[str], typer.Argument(help="By label, else value, else index.")],
    timeout: Timeout = None,
) -> None:
    """Choose options of a select."""
    act(target, "select", ref=ref, text=options, timeout=timeout)


def scroll(
    target: Target,
    direction: Annotated[str, typer.Argument(help="up, down, left or right.")] = "down",
    amount: Annotated[int | None, typer.Argument(help="In px (400).")] = None,
    ref: Annotated[str | None, typer.Option(help="Bring this element into view instead.")] = None,
) -> None:
    """Scroll the page, or an element into view."""
    if direction not in ("up", "down", "left", "right"):
        raise Failed(f"{direction!r} is no direction: up, down, left or right", USAGE)
    act(target, "scroll", direction=direction, scroll_amount=amount, ref=ref)


def back(target: Target) -> None:
    """Go back in the history."""
    act(target, "back")


def forward(target: Target) -> None:
    """Go forward in the history."""
    act(target, "forward")


def reload(target: Target) -> None:
    """Load the page again."""
    act(target, "reload")


def wait(
    target: Target,
    what: Annotated[
        str | None, typer.Argument(help="Milliseconds, or a ref or selector to wait for.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="Until the page shows this text.")] = None,
    text_gone: Annotated[str | None, typer.Option(help="Until this text is gone.")] = None,
    url: Annotated[
        str | None, typer.Option("--until-url", help="Until the URL matches this glob.")
    ] = None,
    state: Annotated[
        str | None, typer.Option(help="Of the element: attached, detached, visible, hidden.")
    ] = None,
    load_state: Annotated[
        str | None, typer.Option(help="Until load, domcontentloaded or networkidle.")
    ] = None,
    function: Annotated[str | None, typer.Option(help="Until this JavaScript is true.")] = None,
    response: Annotated[
        str | None, typer.Option(help="Until an answer comes from there: a glob, or a part of it.")
    ] = None,
    download: Annotated[
        bool | None,
        typer.Option(
            "--download/--no-download", help="Until a download has ended; or until none is running."
        ),
    ] = None,
    timeout: Timeout = None,
) -> None:
    """Wait for a time, an element, a text, a URL, an answer, a download, or the page."""
    milliseconds = int(what) if what is not None and what.isdecimal() else None
    act(
        target,
        "wait",
        wait_ms=milliseconds,
        selector=what if milliseconds is None else None,
        text=text,
        text_gone=text_gone,
        url=url,
        state=state,
        load_state=load_state,
        function=function,
        response=response,
        download=download,
        timeout=timeout,
    )
