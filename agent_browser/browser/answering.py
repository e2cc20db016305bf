"""The action that answers a dialog."""

from agent_browser.browser.actions import Act, register
from agent_browser.errors import ActionFailed


@register("dialog")
async def dialog(act: Act) -> None:
    """Accept or dismiss the dialog that waits; a text is for a prompt, and accepts it."""
    accept, text = act.input.accept, act.text
    if isinstance(text, list):
        raise ActionFailed("invalid_input", "'text' is one text for dialog action")
    if accept is None and text is None:
        raise ActionFailed("missing_input", "'accept' required for dialog action")
    if accept is False and text is not None:
        raise ActionFailed("invalid_input", "'text' is for a dialog that is accepted")
    waiting = act.tab.dialogs.waiting
    if text is not None and waiting is not None and waiting.type != "prompt":
        raise ActionFailed("invalid_input", f"a {waiting.type} dialog takes no 'text'")
    await act.tab.dialogs.answer(accept=accept is not False, text=text)
