"""The register of operations: those that run, and what is kept of those that ended."""

import base64
import binascii
from collections import OrderedDict
from datetime import datetime
from typing import Any

from agent_browser.errors import InvalidRequest, OperationNotFound
from agent_browser.models.running import (
    Operation,
    OperationBrief,
    OperationList,
    OperationStatus,
    StepError,
    StepResult,
)
from agent_browser.papers import Papers
from agent_browser.running.progress import Progress
from agent_browser.service import Caller

BRIEF = "operation"
STEPS = "operation_steps"
"""Kinds of paper: the list is read without what the steps gave."""
MOST_IN_MEMORY = 67_108_864
"""Bytes of outputs that are in memory alone; the oldest go first."""
NOT_WRITTEN = "not written to disk, as the session wants it"


class Register:
    """Who has which operation. Another owner's is not found."""

    def __init__(self, papers: Papers) -> None:
        self._papers = papers
        self._running: dict[str, Progress] = {}
        self._kept: dict[str, tuple[str, OperationBrief]] = {}
        """Owners and briefs, running ones too."""
        self._unwritten: OrderedDict[str, tuple[int, list[StepResult]]] = OrderedDict()
        """Steps of ended ones whose outputs are in memory alone, and how many bytes they are."""

    @property
    def running(self) -> list[Progress]:
        """Those that run now."""
        return list(self._running.values())

    @property
    def ended(self) -> list[OperationBrief]:
        """Those that don't, the first that was begun first."""
        briefs = [brief for _, brief in self._kept.values() if brief.id not in self._running]
        return sorted(briefs, key=_key)

    async def load(self) -> list[OperationBrief]:
        """Read what earlier servers left; those that they had not ended."""
        for paper in await self._papers.all(BRIEF):
            brief = OperationBrief.model_validate(paper["brief"])
            self._kept[brief.id] = (paper["owner"], brief)
        return [brief for _, brief in self._kept.values() if brief.status == "running"]

    def add(self, progress: Progress) -> None:
        """It runs now."""
        self._running[progress.brief.id] = progress
        self._kept[progress.brief.id] = (progress.owner, progress.brief)
        self.write(progress.brief)

    def write(self, brief: OperationBrief) -> None:
        """Keep its brief as it is now."""
        owner, _ = self._kept[brief.id]
        progress = self._running.get(brief.id)
        if progress is not None and progress.is_private:
            brief = brief.model_copy(update={"error": _wordless(brief.error)})
        paper = {"owner": owner, "brief": brief.model_dump(mode="json")}
        self._papers.put(BRIEF, brief.id, owner, paper, session_id=brief.session_id)

    def write_steps(self, progress: Progress) -> None:
        """Keep the steps that are done; of a private one without what they gave."""
        told = progress.steps
        if progress.is_private:
            told = [_unsaid(step) for step in told]
        steps = [step.model_dump(mode="json") for step in told]
        brief = progress.brief
        self._papers.put(
            STEPS, brief.id, progress.owner, {"steps": steps}, session_id=brief.session_id
        )

    def end(self, progress: Progress) -> None:
        """It ended: what it came to is kept."""
        self.write(progress.brief)
        self.write_steps(progress)
        del self._running[progress.brief.id]
        if progress.is_private:
            self._unwritten[progress.brief.id] = (progress.weight, progress.steps)
            self._keep_bound()

    def forget(self, operation_id: str) -> None:
        """Keep nothing of one that has ended."""
        self._kept.pop(operation_id, None)
        self._unwritten.pop(operation_id, None)
        self._papers.drop(BRIEF, operation_id)
        self._papers.drop(STEPS, operation_id)

    def find(self, owner: str | None, operation_id: str) -> tuple[OperationBrief, Progress | None]:
        """One of the owner's, or None: of whoever's; its progress while it runs.
        OperationNotFound."""
        holder, brief = self._kept.get(operation_id, ("", None))
        if brief is None or owner not in (None, holder):
            raise OperationNotFound(operation_id)
        return brief, self._running.get(operation_id)

    def reached(self, caller: Caller, operation_id: str) -> tuple[OperationBrief, Progress | None]:
        """One that the caller may reach by its id. OperationNotFound."""
        found = self.find(caller.scope, operation_id)
        caller.reaches(self._kept[operation_id][0])
        return found

    def of_session(self, owner: str | None, session_id: str) -> list[OperationBrief]:
        """The owner's in that session; None: everybody's."""
        return [
            brief
            for holder, brief in self._kept.values()
            if owner in (None, holder) and brief.session_id == session_id
        ]

    async def erased(self) -> list[OperationBrief]:
        """Those that have ended and are in the database no more: they went with their sessions."""
        ended = self.ended
        written = {paper["brief"]["id"] for paper in await self._papers.all(BRIEF)}
        return [brief for brief in ended if brief.id not in written]

    async def steps(self, operation_id: str) -> list[StepResult]:
        """What is kept of an ended one's steps."""
        if operation_id in self._unwritten:
            return self._unwritten[operation_id][1]
        paper = await self._papers.get(STEPS, operation_id)
        return [StepResult.model_validate(step) for step in (paper or {"steps": []})["steps"]]

    async def whole(self, brief: OperationBrief) -> Operation:
        """An ended one with its steps."""
        fields: dict[str, Any] = dict(brief)
        return Operation(**fields, steps=await self.steps(brief.id))

    def _keep_bound(self) -> None:
        size = sum(size for size, _ in self._unwritten.values())
        while size > MOST_IN_MEMORY:
            size -= self._unwritten.popitem(last=False)[1][0]

    def page(
        self,
        owner: str,
        *,
        status: OperationStatus | None,
        session_id: str | None,
        limit: int,
        cursor: str | None,
    ) -> OperationList:
        """The owner's, newest first. InvalidRequest for a cursor that it did not give."""
        before = None if cursor is None else _read_cursor(cursor)
        found = sorted(
            (
                brief
                for holder, brief in self._kept.values()
                if holder == owner
                and status in (None, brief.status)
                and session_id in (None, brief.session_id)
                and (before is None or _key(brief) < before)
            ),
            key=_key,
            reverse=True,
        )
        following = _write_cursor(found[limit - 1]) if len(found) > limit else None
        return OperationList(items=found[:limit], next_cursor=following)


def _unsaid(step: StepResult) -> StepResult:
    """A step without what its page or its function said."""
    note = None if step.output is None else NOT_WRITTEN
    said = {"output": None, "error": _wordless(step.error), "note": note}
    return step.model_copy(update=said)


def _wordless(error: StepError | None) -> StepError | None:
    return None if error is None else error.model_copy(update={"detail": ""})


def _key(brief: OperationBrief) -> tuple[datetime, str]:
    return brief.created_at, brief.id


def _write_cursor(brief: OperationBrief) -> str:
    text = f"{brief.created_at.isoformat()} {brief.id}"
    return base64.urlsafe_b64encode(text.encode()).decode()


def _read_cursor(text: str) -> tuple[datetime, str]:
    try:
        when, _, operation_id = base64.urlsafe_b64decode(text.encode()).decode().partition(" ")
        at = datetime.fromisoformat(when)
        if at.tzinfo is None or not operation_id:
            raise ValueError
    except (binascii.Error, ValueError) as exc:
        message = "not a cursor of this list"
        raise InvalidRequest(
            f"cursor: {message}", [{"field": "cursor", "message": message}]
        ) from exc
    return at, operation_id
