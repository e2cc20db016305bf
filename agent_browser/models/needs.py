"""Which rights the input of a function needs, beside that to drive. Pure."""

from agent_browser.models.base import Input
from agent_browser.models.cookies import CookiesInput
from agent_browser.models.functions import ExecuteInput, InteractInput
from agent_browser.models.messages import MessagesInput
from agent_browser.models.recording import RecordInput, TraceInput
from agent_browser.models.rights import Right
from agent_browser.models.routing import RouteInput
from agent_browser.models.storage import StorageInput

_WITH_STATE = (StorageInput, CookiesInput, MessagesInput, TraceInput)


def right_of(input: Input) -> Right:
    """`execute` for what has JavaScript of the caller's run in a page, be it as an answer that a
    rule gives in a site's name; `state` for what reads or puts cookies and storage, as a trace has
    them; else `drive`.
    """
    if isinstance(input, ExecuteInput) or (
        isinstance(input, InteractInput) and input.function is not None
    ):
        return "execute"
    if isinstance(input, RouteInput) and _gives_answers(input):
        return "execute"
    return "state" if isinstance(input, _WITH_STATE) else "drive"


def withheld(input: Input) -> Right | None:
    """What it needs to read what came of it, beside `watch`: more than to drive needed for it."""
    right = right_of(input)
    return None if right == "drive" else right


def needed_for_files(input: Input) -> Right:
    """What it needs to read the files that come of it, beside `watch`. A trace holds what logs in;
    pictures of a video are as the video.
    """
    return "recordings" if isinstance(input, RecordInput) else withheld(input) or "watch"


def _gives_answers(input: RouteInput) -> bool:
    """A page, or a script of a page, may be what a rule answers, or where it leads."""
    return any(rule.action in ("fulfil", "redirect") for rule in input.rules or ())
