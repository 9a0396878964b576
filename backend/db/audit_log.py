"""Puts decisions on record in the transaction that takes them: the audit log's chain in SQL.

Entries wait with their session and are chained by the last statements before its commit. The row
of the chain's tip is locked only then, and after every other row: two transactions can thus not
wait for each other, and writers stand in line for no longer than a commit takes.
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, cast

from sqlalchemy.exc import DBAPIError, NoResultFound
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.db.audit_tables import AuditEntryRow, AuditTipRow
from backend.domain.errors import Unavailable
from safety.moderation.audit import AuditEntry, chain

_WAITING: Final = "audit_entries"


def append(session: AsyncSession, entry: AuditEntry) -> None:
    """Put a decision on record with this transaction: both are committed, or neither is.

    An entry without a time gets that of its commit.
    """
    session.info.setdefault(_WAITING, []).append(entry)


async def write_waiting(session: AsyncSession) -> None:
    """Chain what was appended; the caller commits at once.

    Raises:
        Unavailable: the log cannot be written, so nothing may be decided.

    """
    waiting = cast("list[AuditEntry]", session.info.pop(_WAITING, []))
    if not waiting:
        return
    # What is wrong with the caller's own rows should not be blamed on the log.
    await session.flush()
    try:
        await _chain(session, waiting)
    except (DBAPIError, NoResultFound) as error:
        raise Unavailable from error


async def _chain(session: AsyncSession, entries: list[AuditEntry]) -> None:
    tip = (await session.exec(select(AuditTipRow).with_for_update())).one()
    for waiting in entries:
        at = waiting.at or datetime.now(UTC)
        entry = _timed(waiting, at)
        tip.entries += 1
        tip.hash = chain(tip.hash, entry)
        session.add(
            AuditEntryRow(
                number=tip.entries,
                at=at,
                action=entry.action,
                actor=entry.actor,
                subject=entry.subject,
                outcome=entry.outcome,
                detail=dict(entry.detail),
                hash=tip.hash,
            )
        )
    await session.flush()


def _timed(entry: AuditEntry, at: datetime) -> AuditEntry:
    return entry if entry.at is not None else replace(entry, at=at)
