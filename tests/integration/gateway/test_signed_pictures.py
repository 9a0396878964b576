"""Every file of a picture, from the worker's signature through a store and the gateway to a disk.

The bytes are the same in the end, and the reference reader trusts them; one bit less does not.
"""

import hashlib
import urllib.request
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from yarl import URL

from backend.domain.results import ImageVariant
from safety.provenance.c2pa import C2paState, read
from storage.formats import content_type_of
from storage.object_stores import S3StoreSettings, open_object_store
from tests.contract.storage.conftest import s3_settings, seaweed  # noqa: F401 - fixtures
from tests.fakes.marks import some_credentials
from tests.fakes.released import Released, release_into
from tests.integration.gateway.workshop import PUBLIC_URL, Workshop, open_workshop

ANCHORS = [some_credentials().anchors_pem]
# What stands in a manifest in plain: the claim, the hash of the file, who made it, by what.
MANIFEST_WORDS = (b"trainedAlgorithmicMedia", b"c2pa.hash.", b"Impasto", b"soft-binding")
BESIDE_MANIFEST = 64
PLACES = 12


@pytest.fixture(params=["local", "s3"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Workshop]:
    """A gateway over a local folder, and over a real S3 server."""
    objects = None
    if request.param == "s3":
        settings: S3StoreSettings = request.getfixturevalue("s3_settings")
        objects = open_object_store(settings)
    async with open_workshop(objects_folder=tmp_path / "objects", objects=objects) as opened:
        # An S3 server goes by its own clock.
        opened.clock.now = datetime.now(UTC)
        yield opened


async def download(house: Workshop, job_id: str, index: int, variant: ImageVariant) -> bytes:
    """Ask for a picture as its owner does, and follow the signed link without any key."""
    answer = await house.client.get(
        f"/v1/images/{job_id}/{index}?variant={variant}",
        headers=house.alice,
        allow_redirects=False,
    )
    assert answer.status == 302, await answer.text()
    link = answer.headers["Location"]
    if link.startswith(PUBLIC_URL):
        served = await house.client.get(URL(link).relative())
        assert served.status == 200
        return await served.read()
    with urllib.request.urlopen(link, timeout=10) as served:  # noqa: ASYNC210, S310 - our own server
        data: bytes = served.read()
        return data


async def delivered(house: Workshop, count: int) -> tuple[str, Released]:
    released = release_into(house.objects, count)
    job_id = await house.create()
    await house.deliver(job_id, images=released.images)
    return job_id, released


async def test_every_file_of_a_picture_arrives_as_it_was_signed(house: Workshop) -> None:
    job_id, released = await delivered(house, 2)
    seen: set[ImageVariant] = set()
    for image, signed in zip(released.images, released.signed, strict=True):
        assert set(image.keys) == set(signed)
        for variant, data in signed.items():
            arrived = await download(house, job_id, image.index, variant)
            assert hashlib.sha256(arrived).hexdigest() == hashlib.sha256(data).hexdigest()
            assert hashlib.sha256(arrived).hexdigest() == image.digests[variant]
            # What bot and command line read without a link.
            assert await house.services.generations.read_image(image, variant) == data
            reading = read(arrived, content_type_of(image.keys[variant]), anchors_pem=ANCHORS)
            assert (reading.state, reading.problems) == (C2paState.TRUSTED, ()), variant
            seen.add(variant)
    assert seen == set(ImageVariant)


async def test_a_flipped_bit_of_what_arrived_is_detected_wherever_it_lies(house: Workshop) -> None:
    job_id, released = await delivered(house, 1)
    (image,) = released.images
    for variant, key in image.keys.items():
        arrived = await download(house, job_id, 0, variant)
        for place in [*places_in_manifest(arrived), *places_in_picture(arrived)]:
            altered = bytearray(arrived)
            altered[place] ^= 1
            state = read(bytes(altered), content_type_of(key), anchors_pem=ANCHORS).state
            assert state is C2paState.INVALID, (variant, place, len(arrived))


def places_in_manifest(data: bytes) -> list[int]:
    """Return where the words of its manifest begin."""
    return [data.index(word, manifest_of(data).start) for word in MANIFEST_WORDS]


def places_in_picture(data: bytes) -> Iterator[int]:
    """Yield places spread over the rest of the file, but for its first bytes: what it is."""
    manifest = manifest_of(data)
    begin = min(manifest.start, BESIDE_MANIFEST)
    around = range(manifest.start - BESIDE_MANIFEST, manifest.stop + BESIDE_MANIFEST)
    rest = [place for place in range(begin, len(data)) if place not in around]
    return (rest[len(rest) * number // PLACES] for number in range(PLACES))


def manifest_of(data: bytes) -> range:
    """Return where the manifest lies: a box that says how long it is before it says "jumb"."""
    begin = data.index(b"jumb") - 4
    return range(begin, begin + int.from_bytes(data[begin : begin + 4]))
