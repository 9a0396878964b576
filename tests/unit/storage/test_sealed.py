"""What is sealed is out of reach of everything that shows, ages or removes pictures."""

import os
from collections.abc import Callable
from datetime import timedelta

import pytest

from storage.errors import InvalidKey, ObjectNotFound
from storage.image_store import ImageStore
from storage.lifecycle import Lifecycle, bucket_rules, sweep
from storage.object_stores.local import LocalObjectStore
from storage.object_stores.memory import MemoryObjectStore
from storage.sealed import SealedObjects
from storage.signing import sign
from tests.builders import NOW

OLD = timedelta(days=9999)


@pytest.fixture
def objects() -> MemoryObjectStore:
    return MemoryObjectStore()


@pytest.fixture
def key(objects: MemoryObjectStore) -> str:
    sealed = SealedObjects(objects=objects)
    key = sealed.key_of("gen_1-1", 0)
    sealed.keep(key, b"sealed")
    return key


@pytest.mark.parametrize(
    "reach",
    [
        lambda images, key: images.read(key),
        lambda images, key: images.link(key, 60, NOW),
        lambda images, key: images.remove([key], now=NOW),
        lambda images, key: images.drop_upload(key),
    ],
)
def test_no_way_of_the_image_store_leads_to_it(
    objects: MemoryObjectStore, key: str, reach: Callable[[ImageStore, str], object]
):
    with pytest.raises(InvalidKey):
        reach(ImageStore(objects=objects), key)
    assert objects.get(key) == b"sealed"


def test_a_removal_that_names_it_beside_a_picture_removes_neither(
    objects: MemoryObjectStore, key: str
):
    picture = f"images/ab/{'ab' * 32}/webp.webp"
    objects.put(picture, b"picture", "image/webp")
    with pytest.raises(InvalidKey):
        ImageStore(objects=objects).remove([picture, key], now=NOW)
    assert (objects.get(picture), objects.get(key)) == (b"picture", b"sealed")


def test_no_link_to_it_can_be_signed(key: str):
    with pytest.raises(InvalidKey):
        sign(key, NOW, kid="k", secret=b"1" * 32)


def test_it_never_ages(tmp_path):
    store = LocalObjectStore(
        root=tmp_path / "hot",
        warm_root=tmp_path / "warm",
        cold_root=tmp_path / "cold",
        public_url="http://here",
        signing_keys={"k": b"1" * 32},
    )
    sealed = SealedObjects(objects=store)
    key = sealed.key_of("gen_1-1", 0)
    sealed.keep(key, b"sealed")
    then = (NOW - OLD).timestamp()
    os.utime(tmp_path / "hot" / key, (then, then))
    assert sweep(store, Lifecycle(), now=NOW) == {}
    assert sealed.read(key) == b"sealed"
    assert (tmp_path / "hot" / key).is_file()


def test_no_rule_of_a_bucket_is_about_it(key: str):
    for rule in bucket_rules(Lifecycle(), cold_class="GLACIER_IR")["Rules"]:
        assert rule["Filter"].keys() == {"Prefix"}
        assert not key.startswith(rule["Filter"]["Prefix"])


@pytest.mark.parametrize("key", ["images/ab/x/webp.webp", "uploads/upl_1.png", "quarantine/a.png"])
def test_nothing_else_is_read_kept_or_removed_as_if_it_were_sealed(
    objects: MemoryObjectStore, key: str
):
    objects.put(key, b"x", "image/png")
    sealed = SealedObjects(objects=objects)
    for reach in (sealed.read, sealed.forget, lambda key: sealed.keep(key, b"y")):
        with pytest.raises(InvalidKey):
            reach(key)
    assert objects.get(key) == b"x"


def test_what_is_forgotten_is_gone(objects: MemoryObjectStore, key: str):
    sealed = SealedObjects(objects=objects)
    sealed.forget(key)
    sealed.forget(key)
    with pytest.raises(ObjectNotFound):
        sealed.read(key)
