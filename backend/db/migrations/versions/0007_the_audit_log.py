"""Keep an audit log: chained entries, the chain's tip, and signed heads.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

GENESIS = "0" * 64


def _sequence() -> sa.BigInteger:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Go one step up."""
    op.create_table(
        "audit_entries",
        sa.Column("number", _sequence(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column(
            "detail", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_entries")),
    )
    op.create_index("ix_audit_entries_kind", "audit_entries", ["action", "subject", "number"])
    tip = op.create_table(
        "audit_tip",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_tip")),
    )
    op.create_table(
        "audit_heads",
        sa.Column("sequence", _sequence(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_audit_heads")),
    )
    op.create_index("ix_audit_heads_entries", "audit_heads", ["entries", "sequence"])
    op.bulk_insert(tip, [{"id": 1, "entries": 0, "hash": GENESIS}])
    if op.get_bind().dialect.name == "postgresql":
        _forbid_changes_on_postgres()
    else:
        _forbid_changes_on_sqlite()


def downgrade() -> None:
    """Go one step down."""
    op.drop_table("audit_heads")
    op.drop_table("audit_tip")
    op.drop_table("audit_entries")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_is_append_only()")
        op.execute("DROP FUNCTION audit_tip_only_grows()")


def _forbid_changes_on_postgres() -> None:
    op.execute(
        "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$"
    )
    op.execute(
        "CREATE FUNCTION audit_tip_only_grows() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF NEW.id = OLD.id AND NEW.entries > OLD.entries THEN RETURN NEW; END IF; "
        "RAISE EXCEPTION 'the audit log only grows'; END $$"
    )
    for table in ("audit_entries", "audit_heads"):
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()"
        )
    for table in ("audit_entries", "audit_heads", "audit_tip"):
        op.execute(
            f"CREATE TRIGGER {table}_not_emptied BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()"
        )
    op.execute(
        "CREATE TRIGGER audit_tip_stays BEFORE DELETE ON audit_tip "
        "FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()"
    )
    op.execute(
        "CREATE TRIGGER audit_tip_grows BEFORE UPDATE ON audit_tip "
        "FOR EACH ROW EXECUTE FUNCTION audit_tip_only_grows()"
    )


def _forbid_changes_on_sqlite() -> None:
    refuse = "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
    for table in ("audit_entries", "audit_heads"):
        for action in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} {refuse}"
            )
    op.execute(f"CREATE TRIGGER audit_tip_no_delete BEFORE DELETE ON audit_tip {refuse}")
    op.execute(
        "CREATE TRIGGER audit_tip_only_grows BEFORE UPDATE ON audit_tip "
        "WHEN NEW.id <> OLD.id OR NEW.entries <= OLD.entries "
        "BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END"
    )
