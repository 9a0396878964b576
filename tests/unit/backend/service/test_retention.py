"""How long pictures are kept: by guild, never while they are preserved, and gone for good."""

from dataclasses import replace
from datetime import timedelta

import pytest

from backend.db.picture_store import SqlPictureStore
from backend.db.sessions import Database
from backend.db.stores import SqlAuditLog, SqlJobStore, SqlReviewStore
from backend.delivery.removals import StoredFiles
from backend.domain.errors import Unavailable
from backend.domain.requests import AccountId, JobId, Place
from backend.domain.reviews import Decision
from backend.service.moderation_ports import Complaint
from backend.service.retention import EXPIRED, Retention, RetentionRules
from storage.errors import StorageUnavailable
from storage.image_store import ImageStore
from storage.object_stores.memory import MemoryObjectStore
from tests.builders import NOW, a_birth, a_job, a_request, a_requester, a_result, an_image
from tests.fakes.purging import MemoryPurger


class Archive:
    """Delivered pictures over a real database and a real image store; `days` moves the clock."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.days = 0.0
        self.frozen: set[str] = set()
        self.objects = MemoryObjectStore()
        self.purger = MemoryPurger()
        self.jobs = SqlJobStore(database=self.database)
        self.audit = SqlAuditLog(database=self.database)
        self.reviews = SqlReviewStore(database=self.database)

    def now(self):
        return NOW + timedelta(days=self.days)

    async def is_frozen(self, account_id: str) -> bool:
        return account_id in self.frozen

    def retention(self, days: int | None = 30, **guilds: int | None) -> Retention:
        images = ImageStore(objects=self.objects, purger=self.purger)
        return Retention(
            pictures=SqlPictureStore(database=self.database),
            jobs=self.jobs,
            files=StoredFiles(objects=self.objects, images=images, clock=self.now),
            audit=self.audit,
            reviews=self.reviews,
            is_frozen=self.is_frozen,
            rules=RetentionRules(days=days, guild_days=guilds),
            clock=self.now,
        )

    async def deliver(self, *, guild: str | None = None, who: str = "alice") -> str:
        """Deliver a job of one picture now, and return the key of its original."""
        place = guild and Place(guild_id=guild, channel_id="1", is_age_restricted=False)
        asker = replace(a_requester(who), place=place or None)
        job = a_job(request=a_request(requester=asker), created_at=self.now())
        await self.jobs.add(a_birth(job), fingerprint="f")
        keys = {v: f"images/ab/{job.id}/{v}.png" for v in an_image().keys}
        for key in keys.values():
            self.objects.put(key, job.id.encode(), "image/png")
        number = int(job.id.rpartition("_")[2])
        image = an_image(keys=keys, registry_id=number)
        later = self.now() + timedelta(minutes=5)
        await self.jobs.change(job.id, lambda j: j.dispatch(now=self.now(), until=later))
        result = replace(a_result(0), images=(image,))
        await self.jobs.change(
            job.id, lambda j: j.deliver(attempt=1, result=result, now=self.now())
        )
        return f"images/ab/{job.id}/original.png"

    async def expired(self) -> list[dict[str, str]]:
        async with self.audit.reading() as log:
            entries = [chained.entry async for chained in log.entries()]
        return [dict(entry.detail) for entry in entries if entry.action == EXPIRED]


@pytest.fixture
async def archive(sqlite_url: str):
    archive = Archive(sqlite_url)
    yield archive
    await archive.database.close()


async def test_a_picture_goes_when_its_time_is_over_and_not_before(archive: Archive):
    key = await archive.deliver()
    retention = archive.retention(30)
    archive.days = 29.9
    assert await retention.expire() == 0
    assert archive.objects.exists(key)
    archive.days = 30
    assert await retention.expire() == 1
    assert list(archive.objects.list_keys("")) == []
    (told,) = await archive.expired()
    assert (told["account"], told["days"], len(told["proof"])) == ("discord:alice", "30", 64)


async def test_nothing_is_removed_twice(archive: Archive):
    await archive.deliver()
    archive.days = 31
    assert await archive.retention(30).expire() == 1
    assert await archive.retention(30).expire() == 0
    assert len(await archive.expired()) == 1


async def test_without_rules_pictures_are_kept_for_ever(archive: Archive):
    await archive.deliver()
    archive.days = 9999
    assert await archive.retention(None).expire() == 0


async def test_a_guild_keeps_its_pictures_as_long_as_it_says(archive: Archive):
    short = await archive.deliver(guild="short")
    kept = await archive.deliver(guild="kept")
    other = await archive.deliver()
    archive.days = 10
    assert await archive.retention(30, short=7, kept=None).expire() == 1
    assert [archive.objects.exists(key) for key in (short, kept, other)] == [False, True, True]
    archive.days = 40
    assert await archive.retention(30, short=7, kept=None).expire() == 1
    assert [archive.objects.exists(key) for key in (short, kept, other)] == [False, True, False]


async def test_what_is_preserved_stays_until_it_is_no_more(archive: Archive):
    key = await archive.deliver(who="mallory")
    archive.frozen.add("discord:mallory")
    archive.days = 99
    retention = archive.retention(30)
    assert await retention.expire() == 0
    assert archive.objects.exists(key)
    archive.frozen.clear()
    assert await retention.expire() == 1


async def test_what_was_reported_stays_until_somebody_has_decided(archive: Archive):
    key = await archive.deliver()
    job_id = JobId(key.split("/")[2])
    complaint = Complaint(
        account_id=AccountId("discord:bob"), job_id=job_id, picture_index=0, words="mine", at=NOW
    )
    review = await archive.reviews.complain(complaint, most_since=(2, NOW))
    archive.days = 99
    retention = archive.retention(30)
    assert await retention.expire() == 0
    assert archive.objects.exists(key)
    await archive.reviews.decide(
        review.id,
        lambda one: one.decided(Decision.DISMISSED, by=AccountId("discord:mod"), now=archive.now()),
        None,
    )
    assert await retention.expire() == 1
    assert not archive.objects.exists(key)


async def test_what_was_passed_over_is_looked_at_again(archive: Archive):
    long = await archive.deliver(guild="long")
    await archive.deliver()
    retention = archive.retention(30, long=60)
    archive.days = 40
    assert await retention.expire() == 1
    archive.days = 70
    assert await retention.expire() == 1
    assert not archive.objects.exists(long)


async def test_a_removal_that_is_not_complete_is_not_on_record_and_is_tried_again(
    archive: Archive,
):
    await archive.deliver()
    archive.days, archive.purger.is_away = 31, True
    retention = archive.retention(30)
    assert await retention.expire() == 0
    assert await archive.expired() == []
    archive.purger.is_away = False
    assert await retention.expire() == 1


async def test_a_store_that_does_not_answer_ends_the_sweep_and_nothing_is_on_record(
    archive: Archive, monkeypatch
):
    await archive.deliver()
    archive.days = 31

    def refuse(_key: str) -> None:
        raise StorageUnavailable("gone")

    monkeypatch.setattr(archive.objects, "delete", refuse)
    with pytest.raises(Unavailable):
        await archive.retention(30).expire()
    assert await archive.expired() == []
