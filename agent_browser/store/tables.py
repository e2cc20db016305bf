"""The tables. Their search entries are kept by the database itself: by triggers in SQLite, by
generated columns in PostgreSQL; both stand in the migrations.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """A wall time in UTC as microseconds since 1970: exact, and sorted alike everywhere."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + value * _MICROSECOND


def microseconds(at: datetime) -> int:
    """Since 1970."""
    return (at - _EPOCH) // _MICROSECOND


class Plain(TypeDecorator[str]):
    """Text as every database takes it: no NUL, nothing that is no character."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else plain(value)


class Json(TypeDecorator[Any]):
    """A JSON value as text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        return plain(json.dumps(value, ensure_ascii=False, separators=(",", ":")))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


def plain(text: str) -> str:
    """Without NUL and lone surrogates, which a page may well have in its title."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")


def _where_given(column: str) -> Index:
    """An index of the few rows that have it."""
    given = text(f"{column} IS NOT NULL")
    return Index(None, column, sqlite_where=given, postgresql_where=given)


_Number = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

sessions = Table(
    "sessions",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("owner_mark", String(16), nullable=False),
    Column("id", String(64), nullable=False),
    Column("owner", Plain, nullable=False),
    Column("state", String(16), nullable=False),
    Column("pinned", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_activity_at", Instant, nullable=False),
    Column("warns_at", Instant),
    Column("expires_at", Instant),
    Column("hibernated_at", Instant),
    Column("ended_at", Instant),
    Column("end_reason", String(32)),
    Column("forgets_at", Instant),
    Column("expired_at", Instant),
    Column("renewal_count", Integer, nullable=False),
    Column("name", Plain),
    Column("url", Plain, nullable=False),
    Column("title", Plain, nullable=False),
    Column("profile", Plain),
    Column("tags", Json, nullable=False),
    Column("metadata", Json, nullable=False),
    Column("timeouts", Json, nullable=False),
    # What of it was asked for, and of that what shedding looks for.
    Column("privacy", Json),
    Column("log_retention", Float),
    Column("page_text_retention", Float),
    # Of the log: entries ever written, and those of them that are not kept.
    Column("logged", Integer, nullable=False, server_default="0"),
    Column("dropped", Integer, nullable=False, server_default="0"),
    Column("name_words", Text, nullable=False),
    Column("tag_words", Text, nullable=False),
    Column("place_words", Text, nullable=False),
    Index(None, "id", unique=True),
    Index(None, "owner", "pinned", "last_activity_at", "id"),
    Index(None, "owner", "state", "pinned", "last_activity_at", "id"),
    Index(None, "pinned", "last_activity_at", "id"),
    Index(None, "state", "last_activity_at"),
    Index(None, "forgets_at"),
    _where_given("name"),
    _where_given("log_retention"),
    _where_given("page_text_retention"),
    sqlite_autoincrement=True,
)

tags = Table(
    "tags",
    metadata,
    Column("tag", Plain, primary_key=True),
    Column("session_id", ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
    Index(None, "session_id"),
)

actions = Table(
    "actions",
    metadata,
    Column("id", _Number, primary_key=True, autoincrement=True),
    Column("owner_mark", String(16), nullable=False),
    Column("session_id", ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("function", Plain, nullable=False),
    Column("action", Plain),
    Column("outcome", String(16), nullable=False),
    Column("code", Plain),
    Column("message", Plain),
    Column("milliseconds", Float, nullable=False),
    Column("url_before", Plain, nullable=False),
    Column("url", Plain, nullable=False),
    Column("client", Plain),
    Column("thumbnail", Plain),
    Column("input", Json),
    Column("words", Text, nullable=False),
    Index(None, "session_id", "id"),
    Index(None, "at"),
    sqlite_autoincrement=True,
)

page_texts = Table(
    "page_texts",
    metadata,
    Column("id", _Number, primary_key=True, autoincrement=True),
    Column("owner_mark", String(16), nullable=False),
    Column("session_id", ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    # A digest of the address: addresses are longer than an index takes.
    Column("place", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Column("head_words", Text, nullable=False),
    Column("words", Text, nullable=False),
    Index(None, "session_id", "place", unique=True),
    Index(None, "at"),
    sqlite_autoincrement=True,
)

papers = Table(
    "papers",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("owner", Plain, nullable=False),
    Column("session_id", String(64)),
    Column("parent", String(64)),
    Column("status", String(32)),
    Column("data", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index(None, "kind", "owner", "created_at", "id"),
    Index(None, "kind", "parent", "created_at", "id"),
    Index(None, "session_id"),
    Index(None, "kind", "status"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", _Number, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("owner", Plain),
    Column("key", Plain),
    Column("name", Plain),
    Column("client", Plain),
    Column("address", Plain),
    Column("method", Plain, nullable=False),
    Column("route", Plain, nullable=False),
    Column("action", Plain, nullable=False),
    # No foreign key: an entry outlives its session.
    Column("session_id", Plain),
    Column("subject", Plain),
    Column("code", Plain),
    Column("request_id", Plain, nullable=False),
    Column("status", Integer, nullable=False),
    Index("ix_audit_owner_id", "owner", "id"),
    Index("ix_audit_session_id_id", "session_id", "id"),
    Index("ix_audit_action_id", "action", "id"),
    Index("ix_audit_at", "at"),
    sqlite_autoincrement=True,
)

SEARCHES = {"sessions": "session_search", "page_texts": "page_search", "actions": "action_search"}
"""The search entries of each table in SQLite."""
