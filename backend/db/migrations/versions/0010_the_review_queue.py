"""Let moderators see appeals, reports and cards, and the precision of each rule.

Revision ID: 0010
Revises: 0009
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_RULES = {
    "sqlite": "UPDATE reviews SET rule = coalesce(json_extract(block, '$.rule'), '')",
    "postgresql": "UPDATE reviews SET rule = coalesce(block->>'rule', '')",
}


def _new_columns() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("kind", sa.Text(), nullable=False, server_default="held"),
        sa.Column("rule", sa.Text(), nullable=False, server_default=""),
        sa.Column("picture_index", sa.Integer(), nullable=True),
        sa.Column("words", sa.Text(), nullable=False, server_default=""),
        sa.Column("voices", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.Column("appeal_words", sa.Text(), nullable=True),
        sa.Column("appealed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False, server_default="0"),
    )


def upgrade() -> None:
    """Go one step up."""
    with op.batch_alter_table("reviews") as table:
        for column in _new_columns():
            table.add_column(column)
    with op.batch_alter_table("api_keys") as table:
        table.add_column(
            sa.Column("is_moderator", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    op.execute(_RULES[op.get_bind().dialect.name])
    op.create_index("ix_reviews_rule", "reviews", ["kind", "rule", "decision"])
    op.create_table(
        "complaints",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
        ),
        sa.Column("review_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("picture_index", sa.Integer(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["review_id"], ["reviews.id"], name=op.f("fk_complaints_review_id_reviews")
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_complaints")),
        sa.UniqueConstraint(
            "account_id",
            "job_id",
            "picture_index",
            name=op.f("uq_complaints_account_id_job_id_picture_index"),
        ),
    )
    op.create_index("ix_complaints_account", "complaints", ["account_id", "at"])
    op.create_table(
        "cards",
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("shown_version", sa.Integer(), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subject_id", name=op.f("pk_cards")),
    )
    op.create_table(
        "moderator_channels",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", name=op.f("pk_moderator_channels")),
    )
    op.create_table(
        "notices",
        sa.Column("review_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["review_id"], ["reviews.id"], name=op.f("fk_notices_review_id_reviews")
        ),
        sa.PrimaryKeyConstraint("review_id", name=op.f("pk_notices")),
    )


def downgrade() -> None:
    """Go one step down."""
    for name in ("notices", "moderator_channels", "cards", "complaints"):
        op.drop_table(name)
    op.drop_index("ix_reviews_rule", "reviews")
    with op.batch_alter_table("api_keys") as table:
        table.drop_column("is_moderator")
    with op.batch_alter_table("reviews") as table:
        for column in _new_columns():
            table.drop_column(column.name)
