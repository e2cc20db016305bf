"""Rows of the tables, made of what the rooms above have in hand, and back."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import RowMapping

from agent_browser.models.actions import Action
from agent_browser.models.audit import AuditEntry
from agent_browser.models.records import PageText, Record
from agent_browser.models.sessions import Privacy, Timeouts
from agent_browser.store.pending import Paper
from agent_browser.store.tables import actions, plain, sessions
from agent_browser.store.words import indexed, indexed_url

MOST_TEXT = 200_000
"""Characters of a page that can be found."""
MOST_HEAD = 2_000
"""Characters of a title, and of an address."""
MOST_LOGGED = 4_000
"""Characters of a log entry that can be found."""

_OF_RECORD = [
    column.name
    for column in sessions.columns
    if column.name in Record.__dataclass_fields__
    and column.name not in ("tags", "timeouts", "privacy")
]
RECORD_COLUMNS = [sessions.c[name] for name in (*_OF_RECORD, "tags", "timeouts", "privacy")]
ACTION_COLUMNS = [actions.c[name] for name in Action.model_fields]


def owner_mark(owner: str) -> str:
    """A word that stands for an owner in the search, and that nobody types."""
    return hashlib.sha256(owner.encode("utf-8", "replace")).hexdigest()[:16]


def record_row(record: Record) -> dict[str, Any]:
    """The row of a session's record."""
    row = {name: getattr(record, name) for name in _OF_RECORD}
    row["tags"] = list(record.tags)
    row["timeouts"] = record.timeouts.model_dump()
    asked = record.privacy.model_fields_set
    row["privacy"] = record.privacy.model_dump(exclude_none=True) if asked else None
    row["log_retention"] = record.privacy.log_retention
    row["page_text_retention"] = record.privacy.page_text_retention
    row["owner_mark"] = owner_mark(record.owner)
    row["name_words"] = indexed(record.name or "", MOST_HEAD)
    row["tag_words"] = indexed(" ".join(record.tags), MOST_HEAD)
    row["place_words"] = _head(record.title, record.url)
    return row


def record_of(row: RowMapping) -> Record:
    """The record of a row."""
    facts = {name: row[name] for name in _OF_RECORD}
    timeouts = Timeouts.model_validate(row["timeouts"])
    privacy = Privacy.model_validate(row["privacy"] or {})
    return Record(**facts, tags=tuple(row["tags"]), timeouts=timeouts, privacy=privacy)


def as_written(record: Record) -> Record:
    """What the database would give back of it."""
    row = {name: getattr(record, name) for name in _OF_RECORD}
    texts: dict[str, Any] = {n: plain(text) for n, text in row.items() if isinstance(text, str)}
    tags = tuple(plain(tag) for tag in record.tags)
    metadata = json.loads(plain(json.dumps(record.metadata, ensure_ascii=False)))
    return replace(record, **texts, tags=tags, metadata=metadata)


def action_row(action: Action, mark: str) -> dict[str, Any]:
    """The row of a log entry; its id is the database's to give."""
    row = {name: getattr(action, name) for name in Action.model_fields if name != "id"}
    said = [action.function, action.action, action.code, action.message, action.url]
    said += _texts(action.input)
    return row | {
        "owner_mark": mark,
        "words": indexed(" ".join(text for text in said if text), MOST_LOGGED),
    }


def action_of(row: RowMapping) -> Action:
    """The log entry of a row."""
    return Action.model_construct(**row)


def page_row(page: PageText, mark: str) -> dict[str, Any]:
    """The row of a page's text."""
    return {
        "owner_mark": mark,
        "session_id": page.session_id,
        "place": hashlib.sha256(page.url.encode("utf-8", "replace")).hexdigest(),
        "at": page.at,
        "head_words": _head(page.title, page.url),
        "words": indexed(page.text, MOST_TEXT),
    }


def paper_row(paper: Paper) -> dict[str, Any]:
    """The row of a paper."""
    return vars(paper).copy()


def paper_of(row: RowMapping) -> Paper:
    """The paper of a row."""
    return Paper(**{name: row[name] for name in Paper.__dataclass_fields__})


def audit_row(entry: AuditEntry) -> dict[str, Any]:
    """The row of an entry of the audit log; its id is the database's to give."""
    row = vars(entry).copy()
    del row["id"]
    return row


def _head(title: str, url: str) -> str:
    return f"{indexed(title, MOST_HEAD)} {indexed_url(url, MOST_HEAD)}".strip()


def _texts(value: object) -> Iterator[str]:
    """All texts in a JSON value; names of fields are none."""
    if isinstance(value, str):
        yield plain(value)
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)
