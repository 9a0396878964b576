"""Keep guilds' policies, where jobs come from, and what was found in prompts and pictures.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")
OF_JOBS = ("judgement", "picture_judgement")


def upgrade() -> None:
    """Go one step up."""
    op.create_table(
        "guild_policies",
        sa.Column("guild_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "version", name=op.f("pk_guild_policies")),
    )
    _forbid_changes()
    op.add_column("jobs", sa.Column("guild_id", sa.Text(), nullable=True))
    op.create_index("ix_jobs_guild", "jobs", ["guild_id", "sequence"])
    for name in OF_JOBS:
        op.add_column("jobs", sa.Column(name, DOCUMENT, nullable=True))


def downgrade() -> None:
    """Go one step down."""
    for name in OF_JOBS:
        op.drop_column("jobs", name)
    op.drop_index("ix_jobs_guild", "jobs")
    op.drop_column("jobs", "guild_id")
    op.drop_table("guild_policies")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION guild_policies_are_append_only()")


def _forbid_changes() -> None:
    """Let the database itself refuse to rewrite what once held."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION guild_policies_are_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'policies are append-only'; END $$"
        )
        op.execute(
            "CREATE TRIGGER guild_policies_append_only BEFORE UPDATE OR DELETE ON guild_policies "
            "FOR EACH ROW EXECUTE FUNCTION guild_policies_are_append_only()"
        )
        return
    for action in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER guild_policies_no_{action.lower()} BEFORE {action} ON guild_policies "
            "BEGIN SELECT RAISE(ABORT, 'policies are append-only'); END"
        )
