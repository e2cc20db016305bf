"""The audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TEXTS = (
    "owner", "key", "name", "client", "address", "method", "route", "action", "session_id",
    "subject", "code", "request_id",
)  # fmt: skip
_ALWAYS = ("method", "route", "action", "request_id")


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "audit",
        sa.Column("id", number, primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Text, nullable=name not in _ALWAYS) for name in _TEXTS),
        sa.Column("status", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    for columns in (("owner", "id"), ("session_id", "id"), ("action", "id"), ("at",)):
        op.create_index(f"ix_audit_{'_'.join(columns)}", "audit", list(columns))
