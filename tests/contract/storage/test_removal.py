"""Removal over every store: nothing of a picture is left, and the proof says what was found."""

import hashlib
from dataclasses import replace

import pytest

from storage.errors import InvalidKey
from storage.image_store import ImageStore
from storage.keys import image_key
from storage.object_store import ObjectStore
from storage.purger import PurgeReceipt
from tests.contract.storage.conftest import clock
from tests.contract.storage.test_object_stores import fetch
from tests.fakes.purging import MemoryPurger
from tests.unit.storage.pictures import a_png, keep

GONE = image_key("ab" * 32, "original", "png")


def kept(objects: ObjectStore, *, seed: int = 1):
    return keep(ImageStore(objects=objects), a_png(width=32 + seed))


def test_all_files_of_a_picture_are_gone_and_proven_gone(objects: ObjectStore):
    image, other = kept(objects), kept(objects, seed=2)
    images = ImageStore(objects=objects)
    original = hashlib.sha256(images.read(image.keys["original"])).hexdigest()
    proof = images.remove(image.keys.values(), now=clock())
    assert proof.is_complete
    assert proof.remaining == ()
    assert {each.key for each in proof.keys} == set(image.keys.values())
    assert proof.keys[0].key == image.keys["original"]
    assert proof.keys[0].sha256 == original
    assert set(objects.list_keys("images/")) == set(other.keys.values())


def test_what_is_missing_already_is_proven_gone(objects: ObjectStore):
    proof = ImageStore(objects=objects).remove([GONE], now=clock())
    assert proof.is_complete
    assert (proof.keys[0].sha256, len(proof.keys)) == ("", 1)


def test_a_link_that_was_handed_out_leads_nowhere(linked_objects: ObjectStore):
    image = kept(linked_objects)
    link = linked_objects.link(image.keys["webp"], 600, clock())
    assert fetch(link)[0] == 200
    ImageStore(objects=linked_objects).remove(image.keys.values(), now=clock())
    assert fetch(link)[0] == 404


def test_nothing_is_removed_if_one_key_is_no_pictures(objects: ObjectStore):
    image = kept(objects)
    quarantined = f"quarantine/ab/{'ab' * 32}/original.png"
    objects.put(quarantined, b"held", "image/png")
    with pytest.raises(InvalidKey):
        ImageStore(objects=objects).remove([*image.keys.values(), quarantined], now=clock())
    assert objects.exists(quarantined)
    assert all(objects.exists(key) for key in image.keys.values())


class Sticky:
    """A store that forgets to delete, or goes on listing what it deleted."""

    def __init__(self, inner: ObjectStore, *, deletes: bool) -> None:
        self._inner = inner
        self._deletes = deletes
        self._ghosts: list[str] = []

    def __getattr__(self, name: str):
        return getattr(self._inner, name)

    def delete(self, key: str) -> None:
        self._ghosts.append(key)
        if self._deletes:
            self._inner.delete(key)

    def list_keys(self, prefix: str):
        yield from [key for key in self._ghosts if key.startswith(prefix)]


@pytest.mark.parametrize("deletes", [True, False])
def test_a_store_that_keeps_something_is_given_away_by_the_proof(memory_objects, deletes):
    image = kept(memory_objects)
    images = ImageStore(objects=Sticky(memory_objects, deletes=deletes))
    proof = images.remove(image.keys.values(), now=clock())
    assert not proof.is_complete
    assert set(proof.remaining) == set(image.keys.values())
    assert {each.is_readable for each in proof.keys} == {not deletes}
    assert all(each.is_listed for each in proof.keys)


def test_a_link_that_still_leads_somewhere_is_given_away_by_the_proof(memory_objects):
    image = kept(memory_objects)
    asked: list[str] = []

    def cached(url: str) -> bool:
        asked.append(url)
        return "thumbnail_256" in url

    images = ImageStore(objects=memory_objects, leads_somewhere=cached)
    proof = images.remove(image.keys.values(), now=clock())
    assert proof.remaining == (image.keys["thumbnail_256"],)
    assert len(asked) == len(image.keys)


def test_caches_are_told_once_of_all_keys_and_what_they_say_is_part_of_the_proof(memory_objects):
    image, purger = kept(memory_objects), MemoryPurger()
    images = ImageStore(objects=memory_objects, purger=purger)
    proof = images.remove(image.keys.values(), now=clock())
    assert proof.is_complete
    assert proof.purge is not None
    assert set(purger.purged) == set(image.keys.values())
    purger.is_away = True
    assert not images.remove(image.keys.values(), now=clock()).is_complete


def test_the_hash_of_a_proof_stands_for_all_it_says(memory_objects):
    now = clock()
    proof = ImageStore(objects=memory_objects).remove([GONE], now=now)
    assert proof.sha256 == replace(proof).sha256
    receipt = PurgeReceipt(purger="x", is_accepted=True, attempts=1, at=now)
    others = [
        replace(proof, purge=receipt),
        replace(proof, keys=(replace(proof.keys[0], is_listed=True),)),
        replace(proof, keys=()),
    ]
    assert len({proof.sha256, *(each.sha256 for each in others)}) == 4
