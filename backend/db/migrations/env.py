"""Run by Alembic: migrate inside the transaction that `backend.db.migrate` has opened."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

# Their tables are part of the metadata.
from backend.db import (  # noqa: F401
    audit_tables,
    child_safety_store,
    moderation_tables,
    picture_tables,
)
from backend.db.columns import Document, UtcMoment, Words
from backend.db.tables import Row


def render_item(
    kind: str,
    item: Any,  # noqa: ANN401 - as Alembic calls it
    _autogen_context: AutogenContext,
) -> str | Literal[False]:
    """Write our column types as plain ones, so that old steps do not depend on today's code."""
    if kind != "type":
        return False
    match item:
        case UtcMoment():
            return "sa.DateTime(timezone=True)"
        case Words():
            return "sa.Text()"
        case Document():
            return 'sa.JSON().with_variant(postgresql.JSONB(), "postgresql")'
        case _:
            return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Row.metadata,
    render_item=render_item,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
