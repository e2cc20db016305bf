"""What a session asked for of what is kept of it, and for how long; names are looked up."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("privacy", sa.Text))
    for name in ("log_retention", "page_text_retention"):
        op.add_column("sessions", sa.Column(name, sa.Float))
    for name in ("log_retention", "page_text_retention", "name"):
        given = sa.text(f"{name} IS NOT NULL")
        op.create_index(
            f"ix_sessions_{name}", "sessions", [name], sqlite_where=given, postgresql_where=given
        )
