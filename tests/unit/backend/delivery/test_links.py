"""Stored pictures, over an object store in memory."""

import io

import pytest
from PIL import Image

from backend.delivery.links import StoredPictures
from backend.domain.errors import ImageNotFound
from storage.image_store import ImageStore
from storage.object_stores import MemoryStoreSettings, open_object_store
from tests.builders import NOW
from tests.unit.storage.pictures import keep


@pytest.fixture
def images() -> ImageStore:
    return ImageStore(objects=open_object_store(MemoryStoreSettings()))


def a_png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(file, "PNG")
    return file.getvalue()


async def test_a_kept_picture_is_read_back(images: ImageStore) -> None:
    kept = keep(images, a_png())
    pictures = StoredPictures(images=images, clock=lambda: NOW)
    assert await pictures.read(kept.keys["original"]) == a_png()
    assert pictures.link(kept.keys["original"], ttl_s=60)


@pytest.mark.parametrize("key", ["../secret", f"images/00/{'0' * 64}/original.png"])
async def test_a_picture_that_is_not_there_is_said_so(images: ImageStore, key: str) -> None:
    with pytest.raises(ImageNotFound):
        await StoredPictures(images=images, clock=lambda: NOW).read(key)
