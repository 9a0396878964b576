"""Remove pictures everywhere, with a confirmation for each place.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Go one step up."""
    op.create_table(
        "picture_messages",
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("channel_id", "message_id", name=op.f("pk_picture_messages")),
    )
    op.create_index("ix_picture_messages_job_id", "picture_messages", ["job_id"])
    op.create_table(
        "removals",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("picture_index", sa.Integer(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_removals_job_id_jobs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_removals")),
        sa.UniqueConstraint("job_id", "picture_index", name=op.f("uq_removals_job_id_picture_index")),
    )
    op.create_table(
        "removal_places",
        sa.Column("removal_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("confirmed_at", _MOMENT, nullable=True),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["removal_id"], ["removals.id"], name=op.f("fk_removal_places_removal_id_removals")
        ),
        sa.PrimaryKeyConstraint("removal_id", "kind", "name", name=op.f("pk_removal_places")),
    )
    op.create_index(
        "ix_removal_places_unconfirmed", "removal_places", ["confirmed_at", "removal_id"]
    )
    op.create_table(
        "removal_requests",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("token_digest", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column(
            "review_ids",
            sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_removal_requests")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_removal_requests_token_digest")),
    )
    op.create_index("ix_removal_requests_at", "removal_requests", ["at"])


def downgrade() -> None:
    """Go one step down."""
    for name in ("removal_requests", "removal_places", "removals", "picture_messages"):
        op.drop_table(name)
