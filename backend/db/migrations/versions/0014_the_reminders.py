"""Note when moderators were reminded of what they should have answered.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

from backend.db.columns import UtcMoment

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one step up."""
    op.create_table(
        "reminders",
        sa.Column("review_id", sa.Text(), nullable=False),
        sa.Column("at", UtcMoment(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["review_id"], ["reviews.id"], name=op.f("fk_reminders_review_id_reviews")
        ),
        sa.PrimaryKeyConstraint("review_id", name=op.f("pk_reminders")),
    )


def downgrade() -> None:
    """Go one step down."""
    op.drop_table("reminders")
