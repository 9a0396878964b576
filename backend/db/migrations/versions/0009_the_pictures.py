"""Keep by what delivered pictures are known again.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one step up."""
    op.create_table(
        "pictures",
        sa.Column(
            "sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("registry_id", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("image_index", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("fingerprint_quality", sa.Integer(), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_pictures_job_id_jobs")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_pictures")),
        sa.UniqueConstraint("job_id", "image_index", name=op.f("uq_pictures_job_id_image_index")),
    )
    op.create_index(op.f("ix_pictures_registry_id"), "pictures", ["registry_id"])
    op.create_table(
        "picture_files",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("image_index", sa.Integer(), nullable=False),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_picture_files_job_id_jobs")
        ),
        sa.PrimaryKeyConstraint(
            "job_id", "image_index", "variant", name=op.f("pk_picture_files")
        ),
    )
    op.create_index(op.f("ix_picture_files_sha256"), "picture_files", ["sha256"])


def downgrade() -> None:
    """Go one step down."""
    op.drop_table("picture_files")
    op.drop_table("pictures")
