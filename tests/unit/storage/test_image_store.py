"""Keeping pictures."""

import hashlib

import pytest

from storage.errors import InvalidImage, InvalidKey, ObjectNotFound, StorageFull
from storage.formats import ImageFormat, encode_avif, encode_webp, size_of, sniff
from storage.image_store import ImageStore
from storage.object_stores.memory import MemoryObjectStore
from tests.builders import NOW
from tests.unit.storage.pictures import a_picture, a_png, keep


class Recorder(MemoryObjectStore):
    """Memory that records what was put, in order; the put number `fails_at` finds no room."""

    def __init__(self, *, fails_at: int | None = None) -> None:
        super().__init__()
        self.puts: list[tuple[str, str]] = []
        self.fails_at = fails_at

    def put(self, key: str, data: bytes, content_type: str) -> None:
        if len(self.puts) == self.fails_at:
            raise StorageFull("full")
        super().put(key, data, content_type)
        self.puts.append((key, content_type))


@pytest.fixture
def objects() -> Recorder:
    return Recorder()


@pytest.fixture
def images(objects: Recorder) -> ImageStore:
    return ImageStore(objects=objects)


def test_a_picture_is_kept_under_its_content_hash(images: ImageStore) -> None:
    data = a_png(width=640, height=400)
    sha256 = hashlib.sha256(data).hexdigest()
    kept = keep(images, data)
    folder = f"images/{sha256[:2]}/{sha256}"
    assert (kept.sha256, kept.size_bytes, kept.width, kept.height) == (sha256, len(data), 640, 400)
    assert kept.keys == {
        "original": f"{folder}/original.png",
        "webp": f"{folder}/webp.webp",
        "thumbnail_256": f"{folder}/thumbnail_256.webp",
        "thumbnail_512": f"{folder}/thumbnail_512.webp",
    }


def test_the_original_is_kept_byte_for_byte_and_its_copies_are_webp(images: ImageStore) -> None:
    data = a_png(width=640, height=400)
    kept = keep(images, data)
    assert images.read(kept.keys["original"]) == data
    sizes = {}
    for variant in ("webp", "thumbnail_512", "thumbnail_256"):
        copy = images.read(kept.keys[variant])
        assert sniff(copy) is ImageFormat.WEBP
        sizes[variant] = size_of(copy)
    assert sizes == {"webp": (640, 400), "thumbnail_512": (512, 320), "thumbnail_256": (256, 160)}


def test_the_original_is_written_last(images: ImageStore, objects: Recorder) -> None:
    kept = keep(images, a_png())
    assert objects.puts[-1] == (kept.keys["original"], "image/png")
    assert {media_type for _, media_type in objects.puts[:-1]} == {"image/webp"}
    assert len(objects.puts) == 4


def test_keeping_a_picture_again_writes_nothing(images: ImageStore, objects: Recorder) -> None:
    first = keep(images, a_png())
    assert keep(images, a_png()) == first
    assert len(objects.puts) == 4


@pytest.mark.parametrize("fails_at", [0, 1, 2, 3])
def test_what_found_no_room_is_kept_whole_the_next_time(fails_at: int) -> None:
    objects = Recorder(fails_at=fails_at)
    images = ImageStore(objects=objects)
    with pytest.raises(StorageFull):
        keep(images, a_png())
    assert not any(key.endswith("original.png") for key in objects.list_keys(""))
    objects.fails_at = None
    kept = keep(images, a_png())
    assert set(objects.list_keys("")) == set(kept.keys.values())


@pytest.mark.parametrize("data", [b"", b"not a picture", encode_webp(a_picture())])
def test_an_original_is_a_png(images: ImageStore, objects: Recorder, data: bytes) -> None:
    with pytest.raises(InvalidImage):
        images.keep({"original": data}, name="0" * 64)
    assert objects.puts == []


def test_a_file_that_is_no_picture_is_not_kept(images: ImageStore, objects: Recorder) -> None:
    with pytest.raises(InvalidImage):
        images.keep({"original": a_png(), "webp": b"<html>"}, name="0" * 64)
    assert objects.puts == []


def test_what_lies_there_already_stays_and_is_what_is_told_of(images: ImageStore) -> None:
    """A picture that was drawn twice has two signatures; the first is the one that is served."""
    name = "a" * 64
    first = images.keep({"original": a_png(width=64), "webp": encode_webp(a_picture())}, name=name)
    again = {"original": a_png(width=32), "webp": encode_webp(a_picture(width=32))}
    assert images.keep(again, name=name).digests == first.digests
    assert images.read(first.keys["original"]) == a_png(width=64)


def test_a_file_of_a_newer_kind_is_added_to_a_picture_that_was_kept_before(
    images: ImageStore,
) -> None:
    name = "a" * 64
    images.keep({"original": a_png()}, name=name)
    kept = images.keep({"original": a_png(), "avif": encode_avif(a_picture())}, name=name)
    assert images.read(kept.keys["avif"]) == encode_avif(a_picture())
    assert kept.keys["avif"].endswith("/avif.avif")


def test_only_pictures_are_read_and_linked(images: ImageStore, objects: Recorder) -> None:
    key = "quarantine/ab/abc/original.png"
    objects.put(key, b"held back", "image/png")
    with pytest.raises(InvalidKey):
        images.read(key)
    with pytest.raises(InvalidKey):
        images.link(key, 3600, NOW)


def test_a_missing_picture_is_not_found(images: ImageStore) -> None:
    with pytest.raises(ObjectNotFound):
        images.read("images/ab/abc/original.png")


def test_a_link_names_its_picture(images: ImageStore) -> None:
    key = keep(images, a_png()).keys["webp"]
    assert key in images.link(key, ttl_s=3600, now=NOW)
