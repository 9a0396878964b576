"""What the bot uploads are the bytes that the worker signed: originals, lighter files, grids."""

import pytest

from backend.domain.requests import JobId
from backend.domain.results import GenerationResult, ImageVariant
from safety.provenance.c2pa import C2paState, read
from storage.formats import content_type, sniff
from tests.fakes.discord import EDIT_INTERVAL_S, Town
from tests.fakes.marks import some_credentials
from tests.fakes.released import Released, release_into

ANCHORS = [some_credentials().anchors_pem]


async def released(town: Town, count: int, *, refusals: int) -> tuple[JobId, Released]:
    """Deliver so many pictures as the worker's own release lets them out; some are too large."""
    job_id = await town.ask()
    await town.start(job_id)
    await town.env.advance_time(EDIT_INTERVAL_S)
    if refusals:
        town.env.inject_error("PATCH", "/webhooks/*", status=413, code=40005, times=refusals)
    out = release_into(town.objects, count)
    for image, signed in zip(out.images, out.signed, strict=True):
        town.pictures.objects |= {image.keys[variant]: data for variant, data in signed.items()}
    result = GenerationResult(images=out.images)
    await town.move(
        job_id, lambda job: job.deliver(attempt=job.attempt, result=result, now=town.now())
    )
    return job_id, out


async def attached(town: Town, job_id: JobId) -> bytes:
    (attachment,) = town.message_of(job_id).attachments
    data: bytes = await attachment.read()
    return data


@pytest.mark.parametrize(
    ("count", "refusals", "variant"),
    [
        (1, 0, ImageVariant.ORIGINAL),
        (1, 1, ImageVariant.WEBP),
        (1, 2, ImageVariant.AVIF),
        (4, 0, ImageVariant.GRID),
        (4, 1, ImageVariant.GRID_SMALL),
    ],
)
async def test_what_is_attached_are_the_bytes_that_were_signed(
    town: Town, count: int, refusals: int, variant: ImageVariant
) -> None:
    """Where Discord finds a file too large another goes in its place, which was signed as well."""
    job_id, out = await released(town, count, refusals=refusals)
    data = await attached(town, job_id)
    assert data == out.signed[0][variant]
    assert read(data, content_type(sniff(data)), anchors_pem=ANCHORS).state is C2paState.TRUSTED
