"""Removals in SQL: places, confirmations, and the requests of people without an account."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.db.audit_log import append
from backend.db.codecs import RESULT, decode, encode
from backend.db.moderation_tables import (
    CardRow,
    PictureMessageRow,
    RemovalPlaceRow,
    RemovalRequestRow,
    RemovalRow,
)
from backend.db.picture_tables import PictureFileRow
from backend.db.sessions import Database
from backend.db.tables import JobRow, ReviewRow
from backend.domain.removals import (
    PlaceKind,
    Removal,
    RemovalId,
    RemovalPlace,
    RemovalRequest,
    RequestId,
)
from backend.domain.requests import AccountId, JobId
from backend.domain.reviews import Decision
from backend.service import on_record


class SqlRemovalStore:
    """The `RemovalStore` of SQLite and PostgreSQL."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def begin(self, removal: Removal) -> Removal:
        async with self._database.write() as session:
            # Whoever removes the same picture at the same moment waits here.
            query = select(JobRow.id).where(col(JobRow.id).in_(_jobs_of(removal)))
            await session.exec(query.order_by(col(JobRow.sequence)).with_for_update())
            known = select(RemovalRow.id).where(
                RemovalRow.job_id == removal.job_id,
                RemovalRow.picture_index == removal.picture_index,
            )
            first = (await session.exec(known)).first()
            if first is None:
                session.add(
                    RemovalRow(
                        id=removal.id,
                        job_id=removal.job_id,
                        picture_index=removal.picture_index,
                        by=removal.by,
                        reason=removal.reason,
                        at=removal.at,
                    )
                )
                await session.flush()
                # What was posted since the places were listed; from now on it is noted with them.
                posted = await _messages_of(session, _jobs_of(removal))
                removal = removal.with_messages(posted)
                session.add_all(_place_row(removal.id, place) for place in removal.places)
                append(session, on_record.removal_begun(removal))
                return removal
        return await self.get(RemovalId(first)) or removal

    async def get(self, removal_id: RemovalId) -> Removal | None:
        async with self._database.read() as session:
            row = await session.get(RemovalRow, removal_id)
            if row is None:
                return None
            query = (
                select(RemovalPlaceRow)
                .where(RemovalPlaceRow.removal_id == removal_id)
                .order_by(col(RemovalPlaceRow.kind), col(RemovalPlaceRow.name))
            )
            return _removal_of(row, list(await session.exec(query)))

    async def of_picture(self, job_id: JobId, index: int) -> Removal | None:
        query = select(RemovalRow.id).where(
            RemovalRow.job_id == job_id, RemovalRow.picture_index == index
        )
        async with self._database.read() as session:
            removal_id = (await session.exec(query)).one_or_none()
        return None if removal_id is None else await self.get(RemovalId(removal_id))

    async def unfinished(
        self, limit: int, kinds: Collection[PlaceKind], *, but_in: Collection[int] = ()
    ) -> list[Removal]:
        query = (
            select(RemovalRow.id)
            .join(RemovalPlaceRow, col(RemovalPlaceRow.removal_id) == col(RemovalRow.id))
            .where(col(RemovalPlaceRow.confirmed_at).is_(None))
            .where(col(RemovalPlaceRow.kind).in_(kinds))
            .where(*(~col(RemovalPlaceRow.name).startswith(f"{one}/") for one in but_in))
            .group_by(col(RemovalRow.id), col(RemovalRow.at))
            .order_by(col(RemovalRow.at), col(RemovalRow.id))
            .limit(limit)
        )
        async with self._database.read() as session:
            ids = list(await session.exec(query))
        found = [await self.get(RemovalId(removal_id)) for removal_id in ids]
        return [removal for removal in found if removal is not None]

    async def confirm(
        self, removal_id: RemovalId, place: RemovalPlace, *, at: datetime, proof: str
    ) -> None:
        async with self._database.write() as session:
            key = (removal_id, place.kind.value, place.name)
            row = await session.get(RemovalPlaceRow, key, with_for_update=True)
            if row is None or row.confirmed_at is not None:
                return
            row.confirmed_at, row.proof = at, proof
            append(session, on_record.removal_confirmed(removal_id, place, proof, at=at))
            removal = await session.get_one(RemovalRow, removal_id)
            shown = update(ReviewRow).where(
                col(ReviewRow.job_id) == removal.job_id,
                col(ReviewRow.picture_index) == removal.picture_index,
                col(ReviewRow.decision) == Decision.REMOVED.value,
            )
            await session.exec(shown.values(version=ReviewRow.version + 1))

    async def copies_of(self, digests: Sequence[str]) -> list[tuple[JobId, int]]:
        query = (
            select(PictureFileRow.job_id, PictureFileRow.image_index)
            .where(col(PictureFileRow.sha256).in_(digests))
            .distinct()
        )
        async with self._database.read() as session:
            return [(JobId(job_id), index) for job_id, index in await session.exec(query)]

    async def take_from_gallery(self, job_id: JobId, index: int, *, at: datetime) -> None:
        async with self._database.write() as session:
            query = select(JobRow).where(col(JobRow.id) == job_id).with_for_update()
            row = (await session.exec(query)).one_or_none()
            result = None if row is None else decode(RESULT, row.result)
            if row is None or result is None:
                return
            left = result.without(index)
            if left == result:
                return
            # No transition: a delivered job stays delivered, with fewer pictures.
            row.result = encode(RESULT, left)
            row.version += 1
            row.updated_at = at

    async def note_message(
        self, job_id: JobId, channel_id: int, message_id: int, *, shown: Collection[int]
    ) -> None:
        async with self._database.write() as session:
            # Whoever begins to remove one of these pictures at this moment waits, or is waited for.
            await session.exec(select(JobRow.id).where(JobRow.id == job_id).with_for_update())
            await session.merge(
                PictureMessageRow(job_id=job_id, channel_id=channel_id, message_id=message_id)
            )
            removed = select(RemovalPlaceRow.removal_id).where(
                RemovalPlaceRow.kind == PlaceKind.GALLERY.value,
                col(RemovalPlaceRow.name).in_([f"{job_id}/{index}" for index in shown]),
            )
            message = RemovalPlace(kind=PlaceKind.MESSAGE, name=f"{channel_id}/{message_id}")
            for removal_id in set(await session.exec(removed)):
                key = (removal_id, message.kind.value, message.name)
                if await session.get(RemovalPlaceRow, key) is None:
                    session.add(_place_row(RemovalId(removal_id), message))

    async def messages_of(self, job_id: JobId) -> list[tuple[int, int]]:
        async with self._database.read() as session:
            return await _messages_of(session, [job_id])

    async def add_request(self, request: RemovalRequest) -> None:
        async with self._database.write() as session:
            session.add(
                RemovalRequestRow(
                    id=request.id,
                    token_digest=request.token_digest,
                    words=request.words,
                    contact=request.contact,
                    sha256=request.sha256,
                    fingerprint=request.fingerprint,
                    at=request.at,
                    review_ids=list(request.review_ids),
                )
            )
            append(session, on_record.removal_requested(request))

    async def request_by(self, token_digest: str) -> RemovalRequest | None:
        query = select(RemovalRequestRow).where(RemovalRequestRow.token_digest == token_digest)
        async with self._database.read() as session:
            row = (await session.exec(query)).one_or_none()
            return None if row is None else _request_of(row)

    async def unseen_requests(self, *, since: datetime) -> list[RemovalRequest]:
        query = (
            select(RemovalRequestRow)
            .outerjoin(CardRow, col(CardRow.subject_id) == col(RemovalRequestRow.id))
            .where(col(RemovalRequestRow.at) >= since, col(CardRow.message_id).is_(None))
            .order_by(col(RemovalRequestRow.at), col(RemovalRequestRow.id))
        )
        async with self._database.read() as session:
            rows = list(await session.exec(query))
        # How an empty document compares differs from database to database.
        return [_request_of(row) for row in rows if not row.review_ids]

    async def requests(self, *, since: datetime, limit: int) -> list[RemovalRequest]:
        query = (
            select(RemovalRequestRow)
            .where(col(RemovalRequestRow.at) >= since)
            .order_by(col(RemovalRequestRow.at).desc(), col(RemovalRequestRow.id))
            .limit(limit)
        )
        async with self._database.read() as session:
            return [_request_of(row) for row in await session.exec(query)]


def _place_row(removal_id: RemovalId, place: RemovalPlace) -> RemovalPlaceRow:
    return RemovalPlaceRow(removal_id=removal_id, kind=place.kind.value, name=place.name)


def _jobs_of(removal: Removal) -> list[str]:
    """Return the jobs in which the picture or a copy of it is."""
    listed = (place.name for place in removal.places if place.kind is PlaceKind.GALLERY)
    return sorted({removal.job_id, *(name.rpartition("/")[0] for name in listed)})


async def _messages_of(session: AsyncSession, job_ids: Sequence[str]) -> list[tuple[int, int]]:
    query = select(PictureMessageRow).where(col(PictureMessageRow.job_id).in_(job_ids))
    return [(row.channel_id, row.message_id) for row in await session.exec(query)]


def _removal_of(row: RemovalRow, places: Sequence[RemovalPlaceRow]) -> Removal:
    return Removal(
        id=RemovalId(row.id),
        job_id=JobId(row.job_id),
        picture_index=row.picture_index,
        by=AccountId(row.by),
        reason=row.reason,
        at=row.at,
        places=tuple(
            RemovalPlace(
                kind=PlaceKind(place.kind),
                name=place.name,
                confirmed_at=place.confirmed_at,
                proof=place.proof,
            )
            for place in places
        ),
    )


def _request_of(row: RemovalRequestRow) -> RemovalRequest:
    return RemovalRequest(
        id=RequestId(row.id),
        token_digest=row.token_digest,
        words=row.words,
        contact=row.contact,
        sha256=row.sha256,
        fingerprint=row.fingerprint,
        at=row.at,
        review_ids=tuple(row.review_ids),
    )
