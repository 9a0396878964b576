"""Note which pictures are withheld while their account is frozen.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one step up."""
    op.create_table(
        "withheld_pictures",
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("folder", "account_id", name=op.f("pk_withheld_pictures")),
    )
    op.create_index(
        op.f("ix_withheld_pictures_account_id"), "withheld_pictures", ["account_id"]
    )


def downgrade() -> None:
    """Go one step down."""
    op.drop_table("withheld_pictures")
