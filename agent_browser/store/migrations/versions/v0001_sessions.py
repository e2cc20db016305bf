"""Sessions, their tags, logs and page texts, papers; and how they are searched."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_SESSION = "sessions.id"

# Table, its search in SQLite, the columns searched with PostgreSQL's weights, and the lengths of
# beginnings that are kept ready: of one and two letters they are too many.
_SEARCHES = (
    (
        "sessions",
        "session_search",
        "number",
        {"name_words": "A", "tag_words": "B", "place_words": "C"},
        "2 3",
    ),
    ("page_texts", "page_search", "id", {"head_words": "A", "words": "D"}, "3 4"),
    ("actions", "action_search", "id", {"words": "D"}, "3"),
)

# What SQLite's planner is to think of the indexes: rows, and rows alike by their first columns.
# Nobody is to wait for an ANALYZE; without, it takes an owner for somebody with ten sessions.
_SIZES = {
    ("sessions", "ix_sessions_id"): "100000 1",
    ("sessions", "ix_sessions_owner_pinned_last_activity_at_id"): "100000 50000 25000 2 1",
    ("sessions", "ix_sessions_owner_state_pinned_last_activity_at_id"): (
        "100000 50000 10000 5000 2 1"
    ),
    ("sessions", "ix_sessions_pinned_last_activity_at_id"): "100000 50000 2 1",
    ("sessions", "ix_sessions_state_last_activity_at"): "100000 20000 2",
    ("sessions", "ix_sessions_forgets_at"): "100000 2",
    ("tags", "sqlite_autoindex_tags_1"): "200000 50 1",
    ("tags", "ix_tags_session_id"): "200000 2",
    ("actions", "ix_actions_session_id_id"): "1000000 20 1",
    ("actions", "ix_actions_at"): "1000000 2",
    ("page_texts", "ix_page_texts_session_id_place"): "500000 5 1",
    ("page_texts", "ix_page_texts_at"): "500000 2",
}


def upgrade() -> None:
    _make_sessions()
    _make_of_sessions()
    _make_papers()
    if op.get_bind().dialect.name == "sqlite":
        _tell_sizes()
    for table, search, key, columns, beginnings in _SEARCHES:
        if op.get_bind().dialect.name == "sqlite":
            _search_sqlite(table, search, key, list(columns), beginnings)
        else:
            _search_postgresql(table, columns)


def _make_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("owner_mark", sa.String(16), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("pinned", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("last_activity_at", sa.BigInteger, nullable=False),
        sa.Column("warns_at", sa.BigInteger),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("end_reason", sa.String(32)),
        sa.Column("forgets_at", sa.BigInteger),
        sa.Column("expired_at", sa.BigInteger),
        sa.Column("renewal_count", sa.Integer, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("profile", sa.Text),
        sa.Column("tags", sa.Text, nullable=False),
        sa.Column("metadata", sa.Text, nullable=False),
        sa.Column("timeouts", sa.Text, nullable=False),
        sa.Column("logged", sa.Integer, nullable=False, server_default="0"),
        sa.Column("dropped", sa.Integer, nullable=False, server_default="0"),
        sa.Column("name_words", sa.Text, nullable=False),
        sa.Column("tag_words", sa.Text, nullable=False),
        sa.Column("place_words", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_sessions"),
        sqlite_autoincrement=True,
    )
    _index("sessions", "id", unique=True)
    _index("sessions", "owner", "pinned", "last_activity_at", "id")
    _index("sessions", "owner", "state", "pinned", "last_activity_at", "id")
    _index("sessions", "pinned", "last_activity_at", "id")
    _index("sessions", "state", "last_activity_at")
    _index("sessions", "forgets_at")


def _make_of_sessions() -> None:
    op.create_table(
        "tags",
        sa.Column("tag", sa.Text, nullable=False),
        sa.Column("session_id", sa.String(64), nullable=False),
        _of_session("tags"),
        sa.PrimaryKeyConstraint("tag", "session_id", name="pk_tags"),
    )
    _index("tags", "session_id")
    op.create_table(
        "actions",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("owner_mark", sa.String(16), nullable=False),
        sa.Column("session_id", sa.String(64), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("function", sa.Text, nullable=False),
        sa.Column("action", sa.Text),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("code", sa.Text),
        sa.Column("message", sa.Text),
        sa.Column("milliseconds", sa.Float, nullable=False),
        sa.Column("url_before", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("client", sa.Text),
        sa.Column("thumbnail", sa.Text),
        sa.Column("input", sa.Text),
        sa.Column("words", sa.Text, nullable=False),
        _of_session("actions"),
        sa.PrimaryKeyConstraint("id", name="pk_actions"),
        sqlite_autoincrement=True,
    )
    _index("actions", "session_id", "id")
    _index("actions", "at")
    op.create_table(
        "page_texts",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("owner_mark", sa.String(16), nullable=False),
        sa.Column("session_id", sa.String(64), nullable=False),
        sa.Column("place", sa.String(64), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("head_words", sa.Text, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        _of_session("page_texts"),
        sa.PrimaryKeyConstraint("id", name="pk_page_texts"),
        sqlite_autoincrement=True,
    )
    _index("page_texts", "session_id", "place", unique=True)
    _index("page_texts", "at")


def _make_papers() -> None:
    op.create_table(
        "papers",
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("session_id", sa.String(64)),
        sa.Column("parent", sa.String(64)),
        sa.Column("status", sa.String(32)),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", name="pk_papers"),
    )
    _index("papers", "kind", "owner", "created_at", "id")
    _index("papers", "kind", "parent", "created_at", "id")
    _index("papers", "session_id")
    _index("papers", "kind", "status")


def _of_session(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_session_id"
    return sa.ForeignKeyConstraint(["session_id"], [_SESSION], name=name, ondelete="CASCADE")


def _index(table: str, *columns: str, unique: bool = False) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns), unique=unique)


def _tell_sizes() -> None:
    op.execute("ANALYZE")
    op.execute("DELETE FROM sqlite_stat1")
    told = sa.table("sqlite_stat1", sa.column("tbl"), sa.column("idx"), sa.column("stat"))
    rows = [{"tbl": table, "idx": index, "stat": stat} for (table, index), stat in _SIZES.items()]
    op.bulk_insert(told, rows)
    op.execute("ANALYZE sqlite_schema")


def _search_sqlite(table: str, search: str, key: str, columns: list[str], beginnings: str) -> None:
    names = ", ".join(["owner_mark", *columns])
    new = ", ".join(f"new.{name}" for name in ["owner_mark", *columns])
    old = ", ".join(f"old.{name}" for name in ["owner_mark", *columns])
    changed = " OR ".join(f"old.{name} IS NOT new.{name}" for name in columns)
    add = f"INSERT INTO {search}(rowid, {names}) VALUES (new.{key}, {new});"
    remove = f"INSERT INTO {search}({search}, rowid, {names}) VALUES ('delete', old.{key}, {old});"
    op.execute(
        f"CREATE VIRTUAL TABLE {search} USING fts5({names}, content='{table}', "
        f"content_rowid='{key}', tokenize='ascii', prefix='{beginnings}')"
    )
    op.execute(f"CREATE TRIGGER {search}_added AFTER INSERT ON {table} BEGIN {add} END")
    op.execute(f"CREATE TRIGGER {search}_removed AFTER DELETE ON {table} BEGIN {remove} END")
    op.execute(
        f"CREATE TRIGGER {search}_changed AFTER UPDATE OF {', '.join(columns)} ON {table} "
        f"WHEN {changed} BEGIN {remove} {add} END"
    )


def _search_postgresql(table: str, columns: dict[str, str]) -> None:
    made = " || ".join(
        f"setweight(to_tsvector('simple', {name}), '{weight}')" for name, weight in columns.items()
    )
    op.execute(
        f"ALTER TABLE {table} ADD COLUMN search tsvector GENERATED ALWAYS AS ({made}) STORED"
    )
    op.execute(f"CREATE INDEX ix_{table}_search ON {table} USING gin (search)")
