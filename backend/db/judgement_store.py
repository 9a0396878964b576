"""Reads back what checks found in jobs, newest first and a page at a time."""

from collections.abc import AsyncIterator
from typing import Any, Final

from sqlalchemy import select as sa_select
from sqlmodel import col

from backend.db.codecs import JUDGEMENT, PICTURE_JUDGEMENT, SPEC, decode
from backend.db.sessions import Database
from backend.db.tables import JobRow
from backend.prompt.replay import Judged
from safety.grades import NO_PLACE, Circumstances

PAGE: Final = 200


class SqlJudgements:
    """The jobs as policies are tried on them; reads only, and never more than a page at once."""

    def __init__(self, *, database: Database, page: int = PAGE) -> None:
        self._database = database
        self._page = page

    async def last(self, count: int, *, guild_id: str | None = None) -> AsyncIterator[Judged]:
        """Yield the newest jobs, of one guild if it is named, newest first."""
        before: int | None = None
        while count > 0:
            rows = await self._read(min(count, self._page), guild_id, before)
            for row in rows:
                yield _judged(*row)
            if len(rows) < min(count, self._page):
                return
            count -= len(rows)
            before = rows[-1][0]

    async def _read(
        self, count: int, guild_id: str | None, before: int | None
    ) -> list[tuple[Any, ...]]:
        query = (
            sa_select(
                col(JobRow.sequence),
                col(JobRow.id),
                col(JobRow.guild_id),
                col(JobRow.request),
                col(JobRow.spec),
                col(JobRow.judgement),
                col(JobRow.picture_judgement),
            )
            .order_by(col(JobRow.sequence).desc())
            .limit(count)
        )
        if guild_id is not None:
            query = query.where(col(JobRow.guild_id) == guild_id)
        if before is not None:
            query = query.where(col(JobRow.sequence) < before)
        async with self._database.read() as session:
            # The library has types for no more than four columns.
            rows = await session.exec(query)  # type: ignore[call-overload]
            return [tuple(row) for row in rows]


def _judged(
    _sequence: int,
    job_id: str,
    guild_id: str | None,
    request: dict[str, Any],
    spec: dict[str, Any],
    judgement: dict[str, Any] | None,
    pictures: dict[str, Any] | None,
) -> Judged:
    circumstances, is_place_known = _circumstances(request["requester"])
    return Judged(
        id=job_id,
        guild_id=guild_id,
        circumstances=circumstances,
        is_place_known=is_place_known,
        # Words are looked at only where nothing else tells what was found in them.
        spec=lambda: SPEC.validate_python(spec, strict=False),
        judgement=decode(JUDGEMENT, judgement),
        pictures=decode(PICTURE_JUDGEMENT, pictures),
    )


def _circumstances(requester: dict[str, Any]) -> tuple[Circumstances, bool]:
    """Return where a job was asked for, and whether all of that is stored.

    Old releases wrote down no place, and less old ones a place without the asker's roles.
    """
    place = requester.get("place")
    if place is None:
        return NO_PLACE, "place" in requester
    there = Circumstances(
        is_restricted=place.get("is_age_restricted", False),
        roles=frozenset(place.get("roles", ())),
    )
    return there, {"is_age_restricted", "roles"} <= place.keys()
