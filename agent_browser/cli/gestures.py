"""The commands of mouse, finger and keys: by coordinates, along a path, held and let go."""

from collections.abc import Callable
from typing import Annotated

import typer

from agent_browser.cli.actions import PANEL, Modifier, Ref, Timeout, act
from agent_browser.cli.exits import USAGE, Failed
from agent_browser.cli.secrets import SecretOption, typed
from agent_browser.cli.target import Target, client_command

LOOSE = {"ignore_unknown_options": True}
"""A coordinate or an amount may begin with a dash."""
X = Annotated[float, typer.Argument(help="CSS px from the left of the viewport.")]
Y = Annotated[float, typer.Argument(help="CSS px from its top.")]
Button = Annotated[str | None, typer.Option(help="left, middle or right (left).")]
Points = Annotated[
    list[str], typer.Argument(metavar="X,Y…", help="The points of the path, two at least.")
]


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    plain: tuple[Callable[..., None], ...] = (right_click, tap, focus, clear, drag)
    for command in plain:
        name = command.__name__.replace("_", "-")
        client_command(app, name, rich_help_panel=PANEL)(command)
    client_command(app, "swipe", rich_help_panel=PANEL, context_settings=LOOSE)(swipe)
    client_command(app, "insert", rich_help_panel=PANEL, context_settings=LOOSE)(insert)
    mouse = typer.Typer(help="The mouse by coordinates: move, click, down, up, wheel, drag.")
    moves: tuple[tuple[str, Callable[..., None]], ...] = (
        ("move", move), ("click", click), ("down", down), ("up", up), ("wheel", wheel),
        ("drag", drag_along),
    )  # fmt: skip
    for word, command in moves:
        client_command(mouse, word, context_settings=LOOSE)(command)
    app.add_typer(mouse, name="mouse", rich_help_panel=PANEL)
    key = typer.Typer(help="Keys that stay down: down, up.")
    client_command(key, "down")(key_down)
    client_command(key, "up")(key_up)
    app.add_typer(key, name="key", rich_help_panel=PANEL)


def points(texts: list[str]) -> list[list[float]]:
    """The points of a path. Failed for what is none."""
    try:
        path = [[float(part) for part in text.split(",")] for text in texts]
    except ValueError:
        path = []
    if len(path) < 2 or any(len(point) != 2 for point in path):
        raise Failed("a path is two points or more, each X,Y in CSS px: 10,20 300,20", USAGE)
    return path


def right_click(
    target: Target, ref: Ref, modifier: Modifier = None, timeout: Timeout = None
) -> None:
    """Click an element with the right button."""
    act(target, "right_click", ref=ref, modifiers=modifier or None, timeout=timeout)


def tap(
    target: Target,
    ref: Annotated[
        str,
        typer.Argument(
            metavar="REF", help="@e7 or e7, a Playwright selector, or a place: X,Y in CSS px."
        ),
    ],
    timeout: Timeout = None,
) -> None:
    """Touch an element, or a place, with a finger."""
    try:
        x, y = (float(part) for part in ref.split(","))
    except ValueError:
        act(target, "tap", ref=ref, timeout=timeout)
    else:
        act(target, "tap", x=x, y=y, timeout=timeout)


def focus(target: Target, ref: Ref, timeout: Timeout = None) -> None:
    """Give an element the focus."""
    act(target, "focus", ref=ref, timeout=timeout)


def clear(target: Target, ref: Ref, timeout: Timeout = None) -> None:
    """Empty a field."""
    act(target, "clear", ref=ref, timeout=timeout)


def drag(
    target: Target,
    ref: Ref,
    onto: Annotated[str, typer.Argument(help="The element that it is dropped on.")],
    timeout: Timeout = None,
) -> None:
    """Drag one element onto another."""
    act(target, "drag", ref=ref, target_ref=onto, timeout=timeout)


def swipe(target: Target, path: Points) -> None:
    """Move a finger along a path."""
    act(target, "swipe", path=points(path))


def insert(
    target: Target,
    text: Annotated[str | None, typer.Argument(help="Put in at once, as if pasted.")] = None,
    secret: SecretOption = None,
    ref: Annotated[str | None, typer.Option(help="Into this element, not the focused one.")] = None,
) -> None:
    """Put text in without pressing keys."""
    act(target, "insert_text", text=typed(text, secret), ref=ref)


def move(target: Target, x: X, y: Y) -> None:
    """Move the mouse to a place."""
    act(target, "move", x=x, y=y)


def click(
    target: Target,
    x: X,
    y: Y,
    button: Button = None,
    count: Annotated[int | None, typer.Option(help="How many clicks in a row.")] = None,
    modifier: Modifier = None,
) -> None:
    """Click a place, whatever is there."""
    act(
        target, "click", x=x, y=y, button=button, click_count=count, modifiers=modifier or None
    )  # fmt: skip


def down(target: Target, button: Button = None) -> None:
    """Press a button where the mouse is, and keep it down."""
    act(target, "down", button=button)


def up(target: Target, button: Button = None) -> None:
    """Let a button go."""
    act(target, "up", button=button)


def wheel(
    target: Target,
    y: Annotated[float, typer.Argument(help="px down; up if negative.")],
    x: Annotated[float, typer.Argument(help="px to the right.")] = 0,
    ref: Annotated[str | None, typer.Option(help="Over this element.")] = None,
) -> None:
    """Turn the wheel where the mouse is."""
    act(target, "wheel", x=x, y=y, ref=ref)


def drag_along(target: Target, path: Points, button: Button = None) -> None:
    """Drag with the mouse along a path."""
    act(target, "drag", path=points(path), button=button)


def key_down(
    target: Target, key: Annotated[str, typer.Argument(help="Shift, a, ArrowUp, …")]
) -> None:
    """Press a key and keep it down, over commands."""
    act(target, "key_down", text=key)


def key_up(
    target: Target, key: Annotated[str, typer.Argument(help="Shift, a, ArrowUp, …")]
) -> None:
    """Let a key go."""
    act(target, "key_up", text=key)
