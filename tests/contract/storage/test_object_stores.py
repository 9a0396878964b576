"""What every object store does, on the real thing: memory, a folder, an S3 server."""

import re
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from storage.errors import InvalidKey, ObjectNotFound
from storage.image_store import ImageStore
from storage.object_store import ObjectStore
from storage.thumbnails import SIDES_PX
from tests.contract.storage.conftest import clock
from tests.unit.storage.pictures import a_png, keep

KEY = "images/ab/abc/original.png"
OTHER = "images/cd/cde/original.png"
BAD_KEYS = [
    "",
    "/images/a",
    "images/../a",
    "..",
    "images//a",
    "images/a/",
    "a\\b",
    "images/.a",
    "ä",
]


def fetch(url: str) -> tuple[int, bytes, str]:
    """GET a URL; nothing is followed, nothing raised."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own servers
            return answer.status, answer.read(), answer.headers["Content-Type"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), ""


def test_an_object_comes_back_as_it_was_put(objects: ObjectStore) -> None:
    data = bytes(range(256)) * 5000
    objects.put(KEY, data, "image/png")
    assert objects.get(KEY) == data
    assert objects.exists(KEY)


def test_an_empty_object_is_an_object(objects: ObjectStore) -> None:
    objects.put(KEY, b"", "image/png")
    assert objects.get(KEY) == b""
    assert objects.exists(KEY)


def test_putting_the_same_twice_changes_nothing(objects: ObjectStore) -> None:
    for _ in range(2):
        objects.put(KEY, b"one", "image/png")
    assert objects.get(KEY) == b"one"
    assert list(objects.list_keys("")) == [KEY]


def test_a_second_put_replaces_the_first(objects: ObjectStore) -> None:
    objects.put(KEY, b"the first, longer one", "image/png")
    objects.put(KEY, b"second", "image/png")
    assert objects.get(KEY) == b"second"


def test_what_is_not_there_is_not_found(objects: ObjectStore) -> None:
    assert not objects.exists(KEY)
    with pytest.raises(ObjectNotFound) as caught:
        objects.get(KEY)
    assert caught.value.key == KEY


def test_a_deleted_object_is_gone_and_may_be_deleted_again(objects: ObjectStore) -> None:
    objects.put(KEY, b"data", "image/png")
    objects.put(OTHER, b"data", "image/png")
    for _ in range(2):
        objects.delete(KEY)
        assert not objects.exists(KEY)
    assert objects.exists(OTHER)


def test_keys_are_listed_by_prefix(objects: ObjectStore) -> None:
    for key in (KEY, OTHER, "quarantine/ab/abc/original.png"):
        objects.put(key, b"data", "image/png")
    assert set(objects.list_keys("images/")) == {KEY, OTHER}
    assert list(objects.list_keys("images/ab/a")) == [KEY]
    assert list(objects.list_keys("elsewhere/")) == []


def test_a_part_of_a_key_is_no_object(objects: ObjectStore) -> None:
    objects.put(KEY, b"data", "image/png")
    assert not objects.exists("images/ab")
    with pytest.raises(ObjectNotFound):
        objects.get("images/ab")
    objects.delete("images/ab")
    assert objects.exists(KEY)


@pytest.mark.parametrize("key", [*BAD_KEYS, "a" * 513, "images/a\n", "images/a?b", "images/%2e%2e"])
def test_malformed_keys_are_refused_everywhere(objects: ObjectStore, key: str) -> None:
    with pytest.raises(InvalidKey):
        objects.put(key, b"data", "image/png")
    for method in (objects.get, objects.exists, objects.delete):
        with pytest.raises(InvalidKey):
            method(key)
    with pytest.raises(InvalidKey):
        objects.link(key, 3600, clock())


def test_what_is_in_quarantine_is_never_linked(objects: ObjectStore) -> None:
    with pytest.raises(InvalidKey):
        objects.link("quarantine/ab/abc/original.png", 3600, clock())


def test_many_threads_may_put_one_key_and_readers_see_a_whole_object(objects: ObjectStore) -> None:
    objects.put(KEY, b"0" * 50_000, "image/png")

    def put_and_get(number: int) -> bytes:
        objects.put(KEY, str(number).encode() * 50_000, "image/png")
        return objects.get(KEY)

    with ThreadPoolExecutor(4) as threads:
        seen = list(threads.map(put_and_get, range(10)))
    assert all(len(data) == 50_000 and len(set(data)) == 1 for data in seen)


def test_links_of_the_same_minute_are_the_same(objects: ObjectStore) -> None:
    minute = clock().replace(second=0, microsecond=0)
    links = {objects.link(KEY, 3600, minute + timedelta(seconds=second)) for second in (1, 30, 59)}
    assert len(links) == 1


def test_a_link_leads_to_the_object(linked_objects: ObjectStore) -> None:
    linked_objects.put(KEY, b"picture", "image/png")
    assert fetch(linked_objects.link(KEY, 3600, clock())) == (200, b"picture", "image/png")


def test_a_link_to_a_missing_object_leads_to_not_found(linked_objects: ObjectStore) -> None:
    status, _, _ = fetch(linked_objects.link(KEY, 3600, clock()))
    assert status == 404


def test_an_expired_link_is_refused(linked_objects: ObjectStore) -> None:
    linked_objects.put(KEY, b"picture", "image/png")
    status, body, _ = fetch(linked_objects.link(KEY, 60, clock() - timedelta(minutes=5)))
    assert status == 403
    assert b"picture" not in body


def another(match: re.Match[str]) -> str:
    """Return a character other than the matched one."""
    return "0" if match[0] != "0" else "1"


@pytest.mark.parametrize(
    ("part", "replacement"),
    [
        pytest.param(KEY, OTHER, id="another key"),
        pytest.param(r"(?<=exp=)\d|(?<=Expires=)\d", "9", id="a later end"),
        pytest.param(r"(?<=sig=).|(?<=Signature=).", another, id="another signature"),
        pytest.param(r"(?<=kid=).|(?<=Credential=).", another, id="another signing key"),
        pytest.param(r"\?.*", "", id="no signature at all"),
    ],
)
def test_an_altered_link_is_refused(
    linked_objects: ObjectStore, part: str, replacement: str | Callable[[re.Match[str]], str]
) -> None:
    for key in (KEY, OTHER):
        linked_objects.put(key, b"picture", "image/png")
    link = linked_objects.link(KEY, 3600, clock())
    altered = re.sub(part, replacement, link)
    assert altered != link
    status, body, _ = fetch(altered)
    assert status == 403
    assert b"picture" not in body


def test_a_picture_is_kept_with_all_its_copies(objects: ObjectStore) -> None:
    images = ImageStore(objects=objects)
    kept = keep(images, a_png(width=700, height=350))
    assert set(objects.list_keys("")) == set(kept.keys.values())
    assert images.read(kept.keys["original"]) == a_png(width=700, height=350)
    assert len(kept.keys) == 2 + len(SIDES_PX)
    assert keep(images, a_png(width=700, height=350)) == kept
