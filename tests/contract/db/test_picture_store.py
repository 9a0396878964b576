"""What every `PictureStore` promises."""

from dataclasses import replace

from backend.domain.jobs import Change, Job
from backend.domain.results import GenerationResult, ImageVariant
from tests.builders import a_birth, a_job, an_image, at
from tests.contract.db.conftest import Stores

LARGEST_ID = 2**48 - 1


def pictures_of(*registry_ids: int | None) -> GenerationResult:
    """Return a result whose pictures say this, each in two files."""
    return GenerationResult(
        images=tuple(
            an_image(
                index,
                registry_id=registry_id,
                digests={
                    ImageVariant.ORIGINAL: f"{registry_id or 0:063x}a",
                    ImageVariant.AVIF: f"{registry_id or 0:063x}b",
                },
                fingerprint=f"{index:064x}",
                fingerprint_quality=80 + index,
            )
            for index, registry_id in enumerate(registry_ids)
        )
    )


async def delivered(stores: Stores, result: GenerationResult) -> Job:
    def dispatch(job: Job) -> Change:
        return job.dispatch(now=at(1), until=at(60))

    def start(job: Job) -> Change:
        return job.start(attempt=job.attempt, worker="w1", now=at(2), until=at(62))

    def deliver(job: Job) -> Change:
        return job.deliver(attempt=job.attempt, result=result, now=at(3))

    job = await stores.jobs.add(a_birth(a_job()), fingerprint="f")
    for move in (dispatch, start, deliver):
        changed = await stores.jobs.change(job.id, move)
        assert changed is not None
        job = changed
    return job


async def test_a_delivered_picture_is_found_by_what_its_watermark_says(stores: Stores):
    job = await delivered(stores, pictures_of(7, LARGEST_ID))
    (found,) = await stores.pictures.by_registry_id(LARGEST_ID)
    assert (found.job_id, found.index, found.delivered_at) == (job.id, 1, at(3))
    assert (found.fingerprint, found.fingerprint_quality) == (f"{1:064x}", 81)
    assert await stores.pictures.by_registry_id(8) == []


async def test_two_pictures_that_share_an_id_by_chance_are_both_found(stores: Stores):
    jobs = [await delivered(stores, pictures_of(7)) for _ in range(2)]
    found = await stores.pictures.by_registry_id(7)
    assert [one.job_id for one in found] == [job.id for job in jobs]


async def test_a_picture_is_found_by_the_digest_of_each_of_its_files(stores: Stores):
    job = await delivered(stores, pictures_of(7, 8))
    for last in "ab":
        found = await stores.pictures.by_digest(f"{8:063x}{last}")
        assert found is not None
        assert (found.job_id, found.index) == (job.id, 1)
    assert await stores.pictures.by_digest("c" * 64) is None


async def test_pictures_are_told_in_order_of_delivery(stores: Stores):
    for registry_ids in ((1, 2), (3,)):
        await delivered(stores, pictures_of(*registry_ids))
    first = await stores.pictures.delivered_after(0, 2)
    assert [one.registry_id for one in first] == [1, 2]
    rest = await stores.pictures.delivered_after(first[-1].sequence, 2)
    assert [one.registry_id for one in rest] == [3]
    assert await stores.pictures.delivered_after(rest[-1].sequence, 2) == []


async def test_pictures_of_older_releases_and_those_not_delivered_are_not_registered(
    stores: Stores,
):
    await delivered(stores, pictures_of(None))
    held = a_job(result=None)
    await stores.jobs.add(a_birth(replace(held)), fingerprint="f")
    assert await stores.pictures.delivered_after(0, 10) == []
