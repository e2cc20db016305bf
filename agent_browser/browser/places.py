"""Places in the viewport that a caller gives by coordinates."""

from agent_browser.browser.actions import Act
from agent_browser.errors import ActionFailed
from agent_browser.models.pointing import Point


def point(act: Act) -> tuple[float, float] | None:
    """The place of `x` and `y`, None if neither is given. ActionFailed for one of them alone, or
    for a place beside a `ref`.
    """
    x, y, action = act.input.x, act.input.y, act.input.action
    if x is None and y is None:
        return None
    if x is None or y is None:
        raise ActionFailed("missing_input", f"'x' and 'y' required for {action} action")
    if act.input.ref is not None:
        raise ActionFailed("invalid_input", f"{action} takes a 'ref', or 'x' and 'y', not both")
    return x, y


def in_view(act: Act) -> tuple[float, float] | None:
    """The same where it must be in the viewport: nothing beyond it can be pressed."""
    place = point(act)
    if place is not None:
        _check(act, *place)
    return place


def place_of(act: Act, one: Point) -> tuple[float, float]:
    """A point of a path that must be in the viewport."""
    _check(act, one.x, one.y)
    return one.x, one.y


def _check(act: Act, x: float, y: float) -> None:
    size = act.page.viewport_size
    if size is not None and not (0 <= x < size["width"] and 0 <= y < size["height"]):
        raise ActionFailed(
            "off_screen",
            f"({x:g}, {y:g}) is outside the viewport of {size['width']} by {size['height']}",
        )
