"""Pictures that many look at: kept within bounds, never served once they are removed."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest

from backend.domain.errors import ImageNotFound, LinkRefused
from backend.gateway import popular
from backend.gateway.image_door import LocalImageDoor
from backend.gateway.popular import WANTED_FROM, Kept, PopularPictures
from storage.errors import StorageUnavailable
from storage.object_stores.memory import MemoryObjectStore
from storage.signing import sign
from tests.builders import NOW


class Withheld:
    """Says what is withheld."""

    def __init__(self) -> None:
        self.keys: set[str] = set()

    async def holds(self, key: str) -> bool:
        return key in self.keys


KEYS = {"k1": b"1" * 32}
KEY = f"images/ab/{'ab' * 32}/thumbnail_256.webp"
LARGER = f"images/ab/{'ab' * 32}/webp.webp"
OF_ANOTHER = f"images/cd/{'cd' * 32}/webp.webp"


def a_picture(size: int = 10) -> Kept:
    return Kept(data=b"x" * size, content_type="image/webp")


def want(pictures: PopularPictures, key: str, times: int) -> Kept | None:
    return [pictures.want(key) for _ in range(times)][-1]


def test_what_is_wanted_often_is_kept_and_what_is_not_is_not():
    pictures = PopularPictures()
    want(pictures, "a", WANTED_FROM - 1)
    pictures.offer("a", a_picture())
    assert pictures.want("a") is None
    pictures.offer("a", a_picture())
    assert pictures.want("a") == a_picture()


def test_the_most_wanted_have_the_room():
    pictures = PopularPictures(room_bytes=25)
    for key, times in (("a", 9), ("b", 5), ("c", 7), ("d", 3)):
        want(pictures, key, times)
        pictures.offer(key, a_picture())
    assert [key for key in "abcd" if pictures.want(key)] == ["a", "c"]


def test_large_pictures_are_never_kept():
    pictures = PopularPictures()
    want(pictures, "a", 9)
    pictures.offer("a", a_picture(popular.LARGEST_BYTES + 1))
    assert pictures.want("a") is None


def test_what_is_noted_has_an_end_and_favourites_fade(monkeypatch):
    monkeypatch.setattr(popular, "_NOTED_MAX", 50)
    pictures = PopularPictures(room_bytes=10)
    want(pictures, "old", 20)
    pictures.offer("old", a_picture())
    for number in range(500):
        pictures.want(f"once {number}")
    assert len(pictures._wanted) <= 51
    want(pictures, "new", 10)
    pictures.offer("new", a_picture())
    assert pictures.want("new")
    assert pictures.want("old") is None


class Counting(MemoryObjectStore):
    """A store that notes what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    def get(self, key: str) -> bytes:
        self.read.append(key)
        return super().get(key)


@pytest.fixture
def objects() -> Counting:
    store = Counting()
    store.put(KEY, b"picture", "image/webp")
    return store


async def look(door: LocalImageDoor, key: str = KEY) -> bytes:
    query = dict(
        pair.split("=")
        for pair in sign(key, NOW + timedelta(hours=1), kid="k1", secret=KEYS["k1"]).split("&")
    )
    data, _ = await door.open(key, query)
    return data


async def look_until_popular(door: LocalImageDoor) -> None:
    for _ in range(WANTED_FROM):
        await look(door)
    await asyncio.gather(*door._fetching)


async def test_a_popular_picture_is_read_a_few_times_and_looked_at_many(objects: Counting):
    door = LocalImageDoor(
        objects=objects, signing_keys=KEYS, withheld=Withheld(), clock=lambda: NOW
    )
    assert {await look(door) for _ in range(20)} == {b"picture"}
    assert objects.read == [KEY] * WANTED_FROM


async def test_a_popular_picture_that_is_removed_is_gone_at_once(objects: Counting):
    door = LocalImageDoor(
        objects=objects, signing_keys=KEYS, withheld=Withheld(), clock=lambda: NOW
    )
    for _ in range(9):
        await look(door)
    objects.delete(KEY)
    with pytest.raises(ImageNotFound):
        await look(door)


async def test_a_popular_picture_that_is_withheld_is_refused_at_once(objects: Counting):
    withheld = Withheld()
    door = LocalImageDoor(objects=objects, signing_keys=KEYS, withheld=withheld, clock=lambda: NOW)
    for _ in range(9):
        await look(door)
    withheld.keys.add(KEY)
    with pytest.raises(LinkRefused):
        await look(door)
    withheld.keys.clear()
    assert await look(door) == b"picture"


@pytest.fixture
def door(objects: Counting) -> LocalImageDoor:
    objects.put(LARGER, b"larger", "image/webp")
    objects.put(OF_ANOTHER, b"another", "image/webp")
    return LocalImageDoor(
        objects=objects, signing_keys=KEYS, withheld=Withheld(), clock=lambda: NOW
    )


async def test_the_other_files_of_a_popular_picture_are_fetched_before_anybody_asks(
    objects: Counting, door: LocalImageDoor
):
    await look_until_popular(door)
    assert objects.read == [KEY] * WANTED_FROM + [LARGER]
    assert await look(door, LARGER) == b"larger"
    assert LARGER not in objects.read[WANTED_FROM + 1 :]


async def test_what_was_fetched_ahead_is_gone_with_its_picture(
    objects: Counting, door: LocalImageDoor
):
    await look_until_popular(door)
    objects.delete(LARGER)
    with pytest.raises(ImageNotFound):
        await look(door, LARGER)


async def test_a_store_that_breaks_meanwhile_spoils_no_look(
    objects: Counting, door: LocalImageDoor, monkeypatch: pytest.MonkeyPatch
):
    def refuse(_prefix: str) -> Iterator[str]:
        raise StorageUnavailable("gone")

    monkeypatch.setattr(objects, "list_keys", refuse)
    await look_until_popular(door)
    assert await look(door) == b"picture"
    assert await look(door, LARGER) == b"larger"


async def test_what_is_fetched_ahead_displaces_nothing_that_is_wanted_more():
    pictures = PopularPictures(room_bytes=25)
    for key in ("a", "b"):
        want(pictures, key, 9)
        pictures.offer(key, a_picture())
    pictures.expect("c", a_picture())
    assert [key for key in "abc" if pictures.want(key)] == ["a", "b"]
