"""The messages in moderator channels, in SQL."""

from datetime import UTC, datetime

from sqlalchemy import Update, and_, or_, update
from sqlmodel import col, select

from backend.db.moderation_tables import CardRow, ModeratorChannelRow, NoticeRow, ReminderRow
from backend.db.review_store import is_overdue, review_of
from backend.db.sessions import Database
from backend.db.tables import ReviewRow
from backend.domain.reviews import REMINDED_EVERY, Decision, Review, ReviewId, ReviewKind
from backend.service.moderation_ports import NEVER_SHOWN, Card, Reminder


class SqlCardStore:
    """The `CardStore` of SQLite and PostgreSQL."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def channels(self) -> dict[int, int]:
        async with self._database.read() as session:
            rows = await session.exec(select(ModeratorChannelRow))
            return {row.guild_id: row.channel_id for row in rows}

    async def set_channel(self, guild_id: int, channel_id: int | None) -> None:
        async with self._database.write() as session:
            row = await session.get(ModeratorChannelRow, guild_id, with_for_update=True)
            if row is not None and row.channel_id != channel_id:
                await session.exec(_look_again_at(row.channel_id))
            if row is not None and channel_id is None:
                await session.delete(row)
            elif channel_id is not None:
                await session.merge(
                    ModeratorChannelRow(
                        guild_id=guild_id, channel_id=channel_id, updated_at=datetime.now(UTC)
                    )
                )

    async def stale(self, limit: int) -> list[tuple[Review, Card | None]]:
        is_open = col(ReviewRow.decision) == Decision.OPEN.value
        query = (
            select(ReviewRow, CardRow)
            .outerjoin(CardRow, col(CardRow.subject_id) == col(ReviewRow.id))
            .where(
                or_(
                    and_(col(CardRow.subject_id).is_(None), is_open),
                    col(CardRow.shown_version) < col(ReviewRow.version),
                )
            )
            .order_by(col(ReviewRow.opened_at), col(ReviewRow.id))
            .limit(limit)
        )
        async with self._database.read() as session:
            return [
                (review_of(row), None if card is None else _card_of(card))
                for row, card in await session.exec(query)
            ]

    async def claim(self, card: Card) -> Card:
        async with self._database.write() as session:
            row = await session.get(CardRow, card.subject_id, with_for_update=True)
            if row is not None:
                return _card_of(row)
            session.add(
                CardRow(
                    subject_id=card.subject_id,
                    channel_id=card.channel_id,
                    claimed_at=datetime.now(UTC),
                )
            )
            return card

    async def mark_shown(self, card: Card) -> None:
        async with self._database.write() as session:
            row = await session.get(CardRow, card.subject_id, with_for_update=True)
            if row is None or card.shown_version < row.shown_version:
                return
            row.channel_id = card.channel_id
            row.message_id = card.message_id
            row.shown_version = card.shown_version

    async def untold(self, limit: int, *, since: datetime) -> list[Review]:
        is_answered = col(ReviewRow.appealed_at).is_not(None)
        is_news = col(ReviewRow.decided_at) >= since
        query = (
            select(ReviewRow)
            .outerjoin(NoticeRow, col(NoticeRow.review_id) == col(ReviewRow.id))
            .where(
                col(ReviewRow.kind) == ReviewKind.HELD.value,
                col(ReviewRow.decision) != Decision.OPEN.value,
                or_(is_answered, is_news),
                or_(col(NoticeRow.review_id).is_(None), col(NoticeRow.at) < ReviewRow.decided_at),
            )
            .order_by(col(ReviewRow.decided_at), col(ReviewRow.id))
            .limit(limit)
        )
        async with self._database.read() as session:
            return [review_of(row) for row in await session.exec(query)]

    async def mark_told(self, review_id: ReviewId) -> None:
        async with self._database.write() as session:
            review = await session.get_one(ReviewRow, review_id)
            now = datetime.now(UTC)
            # Never before the decision, whichever clock that was made by.
            at = max(now, review.decided_at or now)
            await session.merge(NoticeRow(review_id=review_id, at=at))

    async def to_remind(self, now: datetime, limit: int) -> list[Reminder]:
        query = (
            select(ReviewRow, CardRow, ReminderRow)
            .join(CardRow, col(CardRow.subject_id) == col(ReviewRow.id))
            .outerjoin(ReminderRow, col(ReminderRow.review_id) == col(ReviewRow.id))
            .where(
                is_overdue(now),
                col(CardRow.message_id).is_not(None),
                or_(
                    col(ReminderRow.review_id).is_(None),
                    col(ReminderRow.at) <= now - REMINDED_EVERY,
                ),
            )
            .order_by(col(ReviewRow.opened_at), col(ReviewRow.id))
            .limit(limit)
        )
        async with self._database.read() as session:
            return [
                Reminder(
                    review=review_of(row),
                    card=_card_of(card),
                    count=0 if before is None else before.count,
                )
                for row, card, before in await session.exec(query)
            ]

    async def mark_reminded(self, reminder: Reminder, at: datetime) -> None:
        async with self._database.write() as session:
            await session.merge(
                ReminderRow(review_id=reminder.review.id, at=at, count=reminder.count + 1)
            )


def _look_again_at(channel_id: int) -> Update:
    """Have cards of what is open compared anew: their channel is another, and may be lost."""
    is_open = col(ReviewRow.decision) == Decision.OPEN.value
    return (
        update(CardRow)
        .where(
            col(CardRow.channel_id) == channel_id,
            col(CardRow.message_id).is_not(None),
            col(CardRow.subject_id).in_(select(ReviewRow.id).where(is_open)),
        )
        .values(shown_version=NEVER_SHOWN)
    )


def _card_of(row: CardRow) -> Card:
    return Card(
        subject_id=row.subject_id,
        channel_id=row.channel_id,
        message_id=row.message_id,
        shown_version=row.shown_version,
    )
