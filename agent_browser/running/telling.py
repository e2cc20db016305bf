"""What of an operation a caller is told: not what came of a step whose right it lacks. Pure."""

from collections.abc import AsyncIterator
from typing import TypeVar

from agent_browser.models.rights import Right
from agent_browser.models.running import (
    Operation,
    OperationBrief,
    RunLine,
    StepError,
    StepResult,
)

Rights = frozenset[Right]
B = TypeVar("B", bound=OperationBrief)
_BY_FUNCTION: dict[str, Right] = {
    "execute": "execute",
    **dict.fromkeys(("storage", "cookies", "messages", "trace"), "state"),
}
"""Of steps that were kept before they said what they need."""


async def told_lines(
    lines: AsyncIterator[tuple[int, RunLine]], rights: Rights
) -> AsyncIterator[tuple[int, RunLine]]:
    """Each line of a run, with its number, as a caller with these rights may read it."""
    async for number, line in lines:
        if isinstance(line, StepResult):
            yield number, told_step(line, rights)
        else:
            yield number, told_brief(line, rights)


def told_step(step: StepResult, rights: Rights) -> StepResult:
    """Without its output and its error's words, where they lack its right; the note says so."""
    needs = step.right or _BY_FUNCTION.get(step.function)
    if needs is None or needs in rights:
        return step
    error = None if step.error is None else _wordless(step.error)
    note = f"withheld: it needs the right {needs}"
    return step.model_copy(update={"output": None, "error": error, "note": note})


def told_brief(brief: B, rights: Rights) -> B:
    """Without the words of the error that it failed with, where that needs a right they lack."""
    error = brief.error
    if error is None or error.right is None or error.right in rights:
        return brief
    return brief.model_copy(update={"error": _wordless(error)})


def told_operation(operation: Operation, rights: Rights) -> Operation:
    """All of it so."""
    steps = [told_step(step, rights) for step in operation.steps]
    return told_brief(operation.model_copy(update={"steps": steps}), rights)


def _wordless(error: StepError) -> StepError:
    return error.model_copy(update={"detail": ""})
