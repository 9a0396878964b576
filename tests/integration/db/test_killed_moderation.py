"""A process is killed at every single step of what a moderator does: nothing is lost or doubled.

A start of the house afterwards, and the moderator who presses again where nothing was answered,
end it.
"""

import asyncio
import hashlib
import io
import itertools
import json
import shutil
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from backend.contracts import RenderProgress, cancel_key
from backend.db.audit_store import SqlAuditLog
from backend.db.migrate import upgrade
from backend.db.stores import SqlRemovalStore, SqlReviewStore
from backend.domain.errors import ReviewNotFound
from backend.domain.jobs import Block, Job, JobState
from backend.domain.removals import PlaceKind, Removal
from backend.domain.requests import AccountId, JobId
from backend.domain.results import GenerationResult, ImageRef, ImageVariant
from backend.domain.reviews import Decision
from backend.settings import Settings
from safety.fingerprint import fingerprint
from safety.moderation.audit import AuditEntry
from storage.keys import image_key
from tests.builders import a_birth, a_job, a_request, a_requester, an_image, at
from tests.integration.db.struck import (
    MODERATOR,
    Deed,
    House,
    ban,
    kill_before,
    open_house,
    overturn,
    remove,
)
from tests.unit.safety.pictures import made_picture

STEPS_MAX = 100
ALICE = AccountId("discord:alice")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    upgrade(Settings(home=home).database)
    return home


class Killed:
    """A home as it was, and what a killed process has made of copies of it."""

    def __init__(self, home: Path, redis_url: str) -> None:
        self._home = home
        self._redis_url = redis_url

    async def everywhere(self, deed: Deed) -> AsyncGenerator[House, None]:
        """Open the house again after each kill, and after the first deed that came to its end."""
        for step in itertools.count(1):
            assert step < STEPS_MAX
            copy = self._home.with_name(f"killed-{step}")
            shutil.copytree(self._home, copy)
            async with open_house(copy, self._redis_url) as house:
                await house.redis.flushall()
                has_died = await asyncio.to_thread(kill_before, step, deed, copy, self._redis_url)
                yield house
                assert (await house.seal.verify()).ok
            shutil.rmtree(copy)
            if not has_died:
                break


async def add(house: House, **fields: object) -> JobId:
    job = a_job(**fields)
    await house.jobs.add(a_birth(job), fingerprint=job.id)
    return job.id


async def begin(house: House, job_id: JobId) -> None:
    until = at(3600)
    await house.jobs.change(job_id, lambda job: job.dispatch(now=at(1), until=until))
    await house.jobs.change(
        job_id, lambda job: job.start(attempt=1, worker="w", now=at(2), until=until)
    )


async def deliver(house: House, *images: ImageRef) -> JobId:
    job_id = await add(house)
    await begin(house, job_id)
    result = GenerationResult(images=images)
    await house.jobs.change(job_id, lambda job: job.deliver(attempt=1, result=result, now=at(3)))
    return job_id


def stored(home: Path, index: int, number: int) -> ImageRef:
    """Keep a picture under the home, and return what a job says of it."""
    picture = made_picture(number, size=(64, 64))
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    variants = (ImageVariant.ORIGINAL, ImageVariant.THUMBNAIL_256)
    keys = {variant: image_key(digest, variant, "png") for variant in variants}
    for key in keys.values():
        path = Settings(home=home).objects_folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(buffer.getvalue())
    found = fingerprint(picture)
    return an_image(
        index,
        sha256=digest,
        keys=keys,
        digests=dict.fromkeys(keys, digest),
        fingerprint=found.hex,
        fingerprint_quality=found.quality,
        registry_id=number * 10 + index,
    )


async def on_record(house: House) -> list[AuditEntry]:
    async with SqlAuditLog(database=house.database).reading() as reading:
        return [chained.entry async for chained in reading.entries(after=0)]


async def told(house: House, job_id: JobId) -> Counter[str]:
    """Count what is on the stream of events about a job, the same one only once."""
    entries = await house.redis.xrange("impasto:events")
    events = {fields[b"event"] for _, fields in entries}
    documents = [json.loads(event) for event in events]
    return Counter(one["kind"] for one in documents if one["job_id"] == job_id)


async def delete_message(house: House, name: str) -> Removal:
    """Do the bot's part of the one removal that there is."""
    removals = house.moderation.removals
    ((removal, message),) = await removals.messages_left()
    assert message.name == name
    await removals.message_gone(removal, message, proof="deleted")
    return await removals.get(removal.id, MODERATOR)


async def is_on_record_once(house: House, removal: Removal) -> None:
    entries = await on_record(house)
    confirmed = [entry.detail for entry in entries if entry.action == "picture.removed"]
    assert sorted((one["kind"], one["place"]) for one in confirmed) == sorted(
        (place.kind.value, place.name) for place in removal.places
    )
    actions = Counter(entry.action for entry in entries)
    assert actions["picture.removal_begun"] == actions["review.removed"] == 1


def named(removal: Removal, kind: PlaceKind) -> list[str]:
    """Name the places of a kind, all of which are confirmed."""
    assert removal.is_finished
    return sorted(place.name for place in removal.places if place.kind is kind)


def files_of(home: Path) -> set[str]:
    folder = Settings(home=home).objects_folder
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)) for path in found}


async def job_of(house: House, job_id: JobId) -> Job:
    job = await house.jobs.get(job_id)
    assert job is not None
    return job


async def test_a_removal_ends_once_wherever_it_was_killed(home: Path, redis_url: str) -> None:
    async with open_house(home, redis_url) as house:
        gone, kept = stored(home, 0, 7), stored(home, 1, 8)
        job_id = await deliver(house, gone, kept)
        copy_id = await deliver(house, replace(gone, index=2, registry_id=99))
        moderation = house.moderation
        review = await moderation.appeals.report(job_id, 0, a_requester("bob"))
        await moderation.removals.note_message(job_id, 7, 8, shown=[0])
        await house.outbox.publish_pending()
    killed = Killed(home, redis_url)
    begun: Counter[bool] = Counter()
    async with aclosing(killed.everywhere(partial(remove, review.id))) as houses:
        async for house in houses:
            begun[bool(await SqlRemovalStore(database=house.database).of_picture(job_id, 0))] += 1
            await house.reconciler.tick()
            if (await house.moderation.reviews.card(review.id, MODERATOR)).review.is_open:
                await remove(review.id, house)
            removal = await delete_message(house, "7/8")
            assert await house.moderation.removals.drive() == 0
            assert named(removal, PlaceKind.OBJECT) == sorted(gone.keys.values())
            assert named(removal, PlaceKind.GALLERY) == [f"{job_id}/0", f"{copy_id}/2"]
            blocked = f"blocked/{gone.fingerprint}/{removal.id}"
            assert files_of(house.home) == {*kept.keys.values(), blocked}
            assert [image.index for image in _images(await job_of(house, job_id))] == [1]
            assert _images(await job_of(house, copy_id)) == ()
            await is_on_record_once(house, removal)
            (closed,) = await SqlReviewStore(database=house.database).of_job(job_id)
            assert closed.decision is Decision.REMOVED
    # It was killed before the intent was committed, and after.
    assert begun[False] > 0
    assert begun[True] > 10


async def test_an_overturned_appeal_runs_once_wherever_it_was_killed(
    home: Path, redis_url: str
) -> None:
    async with open_house(home, redis_url) as house:
        job_id = await add(house)
        later = await add(house, created_at=at(5))
        await begin(house, job_id)
        block = Block(stage="image", outcome="review", category="sexual", rule="nsfw")
        await house.jobs.change(job_id, lambda job: job.hold(block=block, now=at(6), attempt=1))
        alice = a_requester()
        review = await house.moderation.appeals.appeal(job_id, alice, words="it is a fox")
        await house.outbox.publish_pending()
        before = await job_of(house, job_id)
    killed = Killed(home, redis_url)
    answers: Counter[str] = Counter()
    async with aclosing(killed.everywhere(partial(overturn, review.id))) as houses:
        async for house in houses:
            found = (await house.moderation.reviews.card(review.id, MODERATOR)).review
            job = await job_of(house, job_id)
            # The decision and what comes of it are one.
            assert found.is_open == (job.state is JobState.BLOCKED)
            answers[found.decision] += 1
            if found.is_open:
                await overturn(review.id, house)
            with pytest.raises(ReviewNotFound):
                await overturn(review.id, house)
            await house.reconciler.tick()

            job = await job_of(house, job_id)
            assert (job.state, job.clearances) == (JobState.QUEUED, ("sexual",))
            assert job.created_at == before.created_at < (await job_of(house, later)).created_at
            assert await house.jobs.unpublished(9) == []
            assert (await told(house, job_id))["released"] == 1
            actions = Counter(entry.action for entry in await on_record(house))
            assert actions["review.released"] == actions["review.appealed"] == 1
    assert min(answers[Decision.OPEN], answers[Decision.RELEASED]) > 0


async def test_a_ban_ends_everything_wherever_it_was_killed(home: Path, redis_url: str) -> None:
    async with open_house(home, redis_url) as house:
        drawn, waiting = await add(house), await add(house)
        theirs = await add(house, request=a_request(requester=a_requester("bob")))
        await begin(house, drawn)
        await house.outbox.publish_pending()
    killed = Killed(home, redis_url)
    bans: Counter[bool] = Counter()
    async with aclosing(killed.everywhere(partial(ban, ALICE))) as houses:
        async for house in houses:
            is_banned = (await house.moderation.standings.standing_of(ALICE)).is_barred
            bans[is_banned] += 1
            states = {(await job_of(house, one)).state for one in (drawn, waiting)}
            if is_banned:
                assert states == {JobState.CANCELLED}
            else:
                assert states == {JobState.QUEUED, JobState.RENDERING}
                await ban(ALICE, house)
            await house.reconciler.tick()
            # Its worker, which may not have been asked to stop, takes a step.
            await house.reports.apply(
                RenderProgress(job_id=drawn, attempt=1, worker="w", step=2, steps=9)
            )
            assert await house.redis.exists(cancel_key(drawn)) == 1

            assert {(await job_of(house, one)).state for one in (drawn, waiting)} == {
                JobState.CANCELLED
            }
            assert (await job_of(house, theirs)).state is JobState.QUEUED
            assert await house.jobs.unpublished(9) == []
            for one in (drawn, waiting):
                assert (await told(house, one))["cancelled"] == 1
            banned = [one for one in await on_record(house) if one.action == "account.banned"]
            assert [one.detail["ended_jobs"] for one in banned] == ["2"]
    assert min(bans.values()) > 0
    assert len(bans) == 2


def _images(job: Job) -> tuple[ImageRef, ...]:
    assert job.result is not None
    return job.result.images
