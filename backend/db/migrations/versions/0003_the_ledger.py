"""Keep books: predicted costs, an append-only ledger, and an index for those who wait.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

IS_WAITING = sa.text("state = 'queued'")


def upgrade() -> None:
    """Go one step up."""
    op.add_column(
        "jobs", sa.Column("predicted_s", sa.Float(), nullable=False, server_default="0")
    )
    op.create_index(
        "ix_jobs_waiting",
        "jobs",
        ["account_id", "tier"],
        sqlite_where=IS_WAITING,
        postgresql_where=IS_WAITING,
    )
    op.create_table(
        "ledger",
        sa.Column(
            "sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("stay", sa.Integer(), nullable=False),
        sa.Column("gpu_ms", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_ledger_job_id_jobs")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_ledger")),
        sa.UniqueConstraint("job_id", "kind", "stay", name=op.f("uq_ledger_job_id_kind_stay")),
    )
    op.create_index("ix_ledger_account", "ledger", ["account_id", "kind", "gpu_ms"])
    _forbid_changes()


def downgrade() -> None:
    """Go one step down."""
    op.drop_table("ledger")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION ledger_is_append_only()")
    op.drop_index("ix_jobs_waiting", "jobs")
    op.drop_column("jobs", "predicted_s")


def _forbid_changes() -> None:
    """Let the database itself refuse to rewrite the books."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$"
        )
        op.execute(
            "CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE ON ledger "
            "FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only()"
        )
        return
    for action in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER ledger_no_{action.lower()} BEFORE {action} ON ledger "
            "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        )
