"""The dispatcher grants what nobody answered in time where the settings say so, and only there."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from backend.bootstrap.images import OpenStore
from backend.bootstrap.moderation import make_removals
from backend.bootstrap.provenance import make_likenesses
from backend.bootstrap.unanswered import requests_settled
from backend.db.sessions import Database
from backend.db.stores import SqlJobStore, SqlReviewStore
from backend.domain.requests import AccountId
from backend.domain.reviews import Decision
from backend.service.moderation_ports import Complaint
from backend.settings import Settings
from storage.image_store import ImageStore
from storage.object_stores.memory import MemoryObjectStore
from tests.builders import NOW, a_birth, a_job, a_result, an_image
from tests.fakes.events import MemoryPreviews

PATIENCE_S = 20


def three_days_later() -> datetime:
    return NOW + timedelta(days=3)


@pytest.mark.parametrize(("setting", "is_removed"), [("remove", True), ("wait", False)])
async def test_a_request_past_its_moment(
    sqlite_url: str,
    tmp_path: Path,
    setting: str,
    is_removed: bool,  # noqa: FBT001 - a table
) -> None:
    database = Database(sqlite_url)
    jobs, reviews = SqlJobStore(database=database), SqlReviewStore(database=database)
    objects = MemoryObjectStore()
    image = an_image(0, registry_id=1)
    for key in image.keys.values():
        objects.put(key, b"picture", "image/png")
    until = NOW + timedelta(minutes=1)
    job = await jobs.add(a_birth(a_job()), fingerprint="f")
    await jobs.change(job.id, lambda one: one.dispatch(now=NOW, until=until))
    result = replace(a_result(0), images=(image,))
    await jobs.change(job.id, lambda one: one.deliver(attempt=1, result=result, now=NOW))
    asked = Complaint(
        account_id=AccountId("public:req_1"),
        job_id=job.id,
        picture_index=0,
        words="mine",
        at=NOW,
        is_request=True,
    )
    review = await reviews.complain(asked, most_since=(9, NOW))
    settings = Settings(home=tmp_path, removal_unanswered=setting)
    removals = make_removals(
        settings,
        database,
        stored=OpenStore(objects, ImageStore(objects=objects)),
        clock=three_days_later,
        likenesses=make_likenesses(database),
        previews=MemoryPreviews(),
    )
    async with requests_settled(database, settings, removals, clock=three_days_later, every_s=0.01):
        decided = await reviews.get(review.id)
        async with asyncio.timeout(PATIENCE_S):
            while is_removed and decided is not None and decided.is_open:
                await asyncio.sleep(0.01)
                decided = await reviews.get(review.id)
    assert decided is not None
    assert (decided.decision is Decision.REMOVED) == is_removed
    assert bool(list(objects.list_keys("images/"))) != is_removed
    await database.close()
