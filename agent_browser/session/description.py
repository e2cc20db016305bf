"""Sessions as they are remembered, and as callers see them."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from agent_browser.errors import SessionEnded, SessionExpired
from agent_browser.models import sessions as wire
from agent_browser.models.base import rfc3339
from agent_browser.models.checkpoints import Loss
from agent_browser.models.records import Record
from agent_browser.session.lifecycle import effective
from agent_browser.session.privacy import Keeps
from agent_browser.session.session import Session
from agent_browser.session.stage import WIRE

MOST_LOSSES = 100
"""Of a session that are told."""
LONGEST_URL = 2_048
LONGEST_TITLE = 500
"""Of a record, in characters: a page may have a title of megabytes, or be one `data:` URL."""


def record_of(session: Session) -> Record:
    """What is remembered of it, as of now."""
    clock, now = session.clock.monotonic(), session.clock.now()
    life, labels, page = session.lifetime, session.labels, session.page
    live = session.ended_at is None and session.hibernated_at is None
    over = session.ended_at or session.hibernated_at
    used = now + timedelta(seconds=life.used - clock)
    warns, expires = life.warns(clock) - clock, life.expires(clock) - clock
    return Record(
        id=session.id,
        owner=session.owner,
        state=WIRE[session.stage],
        created_at=session.created_at,
        # A call that was broken off is over when the session is.
        last_activity_at=used if session.ended_at is None else min(used, session.ended_at),
        timeouts=life.asked,
        name=labels.name,
        pinned=labels.pinned,
        tags=labels.tags,
        metadata=dict(labels.metadata),
        warns_at=now + timedelta(seconds=warns) if live and warns < math.inf else None,
        expires_at=now + timedelta(seconds=expires) if live else None,
        hibernated_at=session.hibernated_at,
        ended_at=session.ended_at,
        end_reason=session.end_reason,
        forgets_at=None if over is None else forgets_at(over, life.timeouts, pinned=labels.pinned),
        renewal_count=life.renewals,
        url=page.url[:LONGEST_URL],
        title=page.title[:LONGEST_TITLE],
        profile=session.profile,
        privacy=session.privacy,
    )


def forgets_at(ended_at: datetime, timeouts: wire.Timeouts, *, pinned: bool) -> datetime | None:
    """When the retention of a session that ended or was hibernated then is over; None for a pinned
    one.
    """
    return None if pinned else ended_at + timedelta(seconds=timeouts.retention)


def describe(session: Session) -> wire.Session:
    """What callers see of a session that is in memory."""
    if session.ended_at is not None or session.hibernated_at is not None:
        return described(record_of(session), keeps=session.keeps)
    phase = session.lifetime.phase(session.clock.monotonic())
    told = described(record_of(session), phase, keeps=session.keeps)
    told.url, told.title = session.page.url, session.page.title
    told.tabs = list(session.page.tabs)
    told.recording = session.recording
    told.frozen = session.lifetime.is_frozen
    told.dialog = session.dialog
    return told


def described(
    record: Record, phase: wire.SessionPhase = "ended", *, keeps: Keeps | None = None
) -> wire.Session:
    """What callers see of a session as its record has it."""
    sleeps = record.state == "hibernated"
    return wire.Session(
        id=record.id,
        name=record.name,
        pinned=record.pinned,
        tags=list(record.tags),
        metadata=dict(record.metadata),
        state=record.state,
        phase="active" if sleeps else phase,
        created_at=record.created_at,
        last_activity_at=record.last_activity_at,
        expires_at=record.forgets_at if sleeps else record.expires_at,
        hibernated_at=record.hibernated_at,
        ended_at=record.ended_at,
        end_reason=record.end_reason,
        renewal_count=record.renewal_count,
        timeouts=effective(record.timeouts),
        profile=record.profile,
        url=record.url,
        title=record.title,
        keeps=None if keeps is None else keeps.shown(),
        owner=record.owner,
    )


def as_ended(record: Record, at: datetime, reason: wire.EndReason) -> Record:
    """A session that was only on record, or is by now, as it ended then."""
    return replace(
        record,
        state="ended",
        hibernated_at=None,
        ended_at=at,
        end_reason=reason,
        warns_at=None,
        expires_at=None,
        forgets_at=forgets_at(at, record.timeouts, pinned=record.pinned),
    )


def as_hibernated(record: Record, at: datetime) -> Record:
    """A session that is only on record by now, as it has slept since then."""
    return replace(
        record,
        state="hibernated",
        hibernated_at=at,
        warns_at=None,
        expires_at=None,
        forgets_at=forgets_at(at, record.timeouts, pinned=record.pinned),
    )


def told_asleep(record: Record, reason: str, losses: Sequence[Loss] = ()) -> dict[str, Any]:
    """What is told of a session that has fallen asleep."""
    expires = None if record.forgets_at is None else rfc3339(record.forgets_at)
    return {"reason": reason, "expires_at": expires, "lost": told_losses(losses)}


def told_losses(losses: Sequence[Loss]) -> list[dict[str, Any]]:
    """What was lost, as events have it."""
    told = [loss.model_dump() for loss in losses[:MOST_LOSSES]]
    if len(losses) > MOST_LOSSES:
        why = f"and {len(losses) - MOST_LOSSES} more"
        told.append({"what": losses[MOST_LOSSES].what, "where": "", "why": why})
    return told


def refusal(record: Record) -> SessionEnded | SessionExpired:
    """What a call to a session that has ended is told."""
    ended_at = record.ended_at or record.last_activity_at
    reason = record.end_reason or "closed"
    if record.state == "expired":
        return SessionExpired(record.id, record.expired_at or ended_at, ended_at, reason)
    return SessionEnded(record.id, ended_at, reason)
