"""What was found comes back as it was kept, newest first, and never more than a page at once."""

import pytest

from backend.db.judgement_store import SqlJudgements
from backend.db.sessions import Database
from backend.db.stores import SqlJobStore
from backend.domain.judgements import Found, Judgement, Look, LookKind, PictureJudgement
from backend.domain.requests import Place
from tests.builders import a_birth, a_job, a_request, a_requester

FOUND = Found(
    check="blocklist", outcome="block", category="hate", rule="r", score=0.5, spans=((1, 4),)
)
JUDGEMENT = Judgement(
    policy="house-1",
    version="3.abc",
    rules="r1",
    looks=(
        Look(kind=LookKind.SEEN, found=(FOUND,)),
        Look(kind=LookKind.LEFT_OUT, found=(), is_translation=True, is_harmless=False),
    ),
)
SEEN = PictureJudgement(policy="house-1", version="3.abc", pictures=((FOUND,), ()))


def a_judged_job(guild: str | None = None):
    place = Place(guild_id=guild, channel_id="1") if guild else None
    request = a_request(requester=a_requester(place=place))
    return a_job(request=request, judgement=JUDGEMENT, picture_judgement=SEEN)


async def test_what_was_found_comes_back_with_the_job(database: Database):
    jobs = SqlJobStore(database=database)
    kept = await jobs.add(a_birth(a_judged_job()), fingerprint="f")
    plain = await jobs.add(a_birth(a_job()), fingerprint="f")
    again = await jobs.get(kept.id)
    assert again is not None
    assert (again.judgement, again.picture_judgement) == (JUDGEMENT, SEEN)
    older = await jobs.get(plain.id)
    assert older is not None
    assert (older.judgement, older.picture_judgement) == (None, None)


@pytest.mark.parametrize(
    ("count", "expected"), [(1, [6]), (4, [6, 5, 4, 3]), (99, [*range(6, -1, -1)])]
)
async def test_the_last_are_read_page_by_page(database: Database, count: int, expected: list[int]):
    jobs = SqlJobStore(database=database)
    made = [await jobs.add(a_birth(a_judged_job()), fingerprint="f") for _ in range(7)]
    read = SqlJudgements(database=database, page=3)
    found = [one async for one in read.last(count)]
    assert [one.id for one in found] == [made[number].id for number in expected]
    assert (found[0].judgement, found[0].pictures) == (JUDGEMENT, SEEN)
    assert found[0].spec() == made[6].spec


async def test_a_guilds_own_jobs_are_found(database: Database):
    jobs = SqlJobStore(database=database)
    here, _, there = [
        await jobs.add(a_birth(a_judged_job(guild)), fingerprint="f") for guild in ("1", "2", "1")
    ]
    read = SqlJudgements(database=database)
    assert [one.id async for one in read.last(9, guild_id="1")] == [there.id, here.id]
