"""One step, done by plain Playwright and by a session of ours."""

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Locator, Page

from tests.end_to_end.remote import Session


@dataclass(frozen=True)
class Step:
    """One thing to do. Playwright finds its target by `selector`, ours by text or name."""

    action: str
    selector: str = ""
    name: str = ""
    text: Any = None


def do(page: Page, step: Step) -> None:
    """The step in plain Playwright."""
    target: Locator = page.locator(step.selector or "body").first
    match step.action:
        case "press":
            page.keyboard.press(step.text)
        case "type":
            page.keyboard.type(step.text)
        case "select":
            target.select_option(label=step.text)
        case "fill":
            target.fill(step.text)
        case "right_click":
            target.click(button="right")
        case "drag":
            target.drag_to(page.locator(step.text))
        case "back":
            page.go_back()
        case "forward":
            page.go_forward()
        case _:
            getattr(target, step.action)()


def do_ours(session: Session, step: Step) -> None:
    """The step in a session of ours, by ref."""
    ref = session.ref(step.name) if step.name else None
    if step.action == "drag":
        other = {"#bin": "Drop here", "#goal": "Goal"}[step.text]
        session.act("drag", ref, target_ref=session.ref(other))
    elif step.text is None:
        session.act(step.action, ref)
    else:
        session.act(step.action, ref, text=step.text)
