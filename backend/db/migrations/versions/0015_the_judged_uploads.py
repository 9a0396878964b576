"""Keep with an upload what was found in it, so that another place's policy can judge it.

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one step up."""
    op.add_column("uploads", sa.Column("judgement", DOCUMENT, nullable=True))


def downgrade() -> None:
    """Go one step down."""
    with op.batch_alter_table("uploads") as table:
        table.drop_column("judgement")
