"""How pictures age: one policy, as a bucket's rules and over a local store's folders."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import botocore.session
import pytest
from botocore.validate import ParamValidator

from storage.errors import ObjectNotFound, StorageUnavailable
from storage.lifecycle import Lifecycle, bucket_rules, sweep
from storage.object_store import StorageTier
from storage.object_stores import local
from storage.object_stores.local import LocalObjectStore

NOW = datetime(2026, 6, 1, tzinfo=UTC)
KEY = f"images/ab/{'ab' * 32}/webp.webp"
OTHER = f"images/cd/{'cd' * 32}/webp.webp"
HOT, WARM, COLD = StorageTier


@pytest.fixture
def store(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(
        root=tmp_path / "hot",
        warm_root=tmp_path / "warm",
        cold_root=tmp_path / "cold",
        public_url="http://here",
        signing_keys={"k": b"1" * 32},
    )


def let_rest(folder: Path, *, days: float, key: str = KEY, read_days: float | None = None) -> None:
    """Make a file as old as if it had been stored, and maybe read, so many days ago."""
    stored = (NOW - timedelta(days=days)).timestamp()
    read = stored if read_days is None else (NOW - timedelta(days=read_days)).timestamp()
    os.utime(folder / key, (read, stored))


def where(store: LocalObjectStore, key: str = KEY) -> list[StorageTier]:
    return [resting.tier for resting in store.resting("images/") if resting.key == key]


@pytest.mark.parametrize(
    ("days", "tier"), [(0, HOT), (29.9, HOT), (30, WARM), (364, WARM), (365, COLD), (9999, COLD)]
)
def test_a_picture_is_hot_for_a_month_and_warm_for_a_year(days, tier):
    assert Lifecycle().tier_of(timedelta(days=days)) is tier


@pytest.mark.parametrize(("hot", "warm"), [(0, 5), (5, 5), (9, 5)])
def test_a_picture_cannot_be_cold_before_it_is_warm(hot, warm):
    with pytest.raises(ValueError, match="warm"):
        Lifecycle(hot_days=hot, warm_days=warm)


def test_what_rests_moves_down_and_is_read_as_ever(store, tmp_path):
    store.put(KEY, b"picture", "image/webp")
    store.put(OTHER, b"other", "image/webp")
    let_rest(tmp_path / "hot", days=40)
    let_rest(tmp_path / "hot", days=400, key=OTHER)
    assert sweep(store, Lifecycle(), now=NOW) == {WARM: 1, COLD: 1}
    assert (where(store), where(store, OTHER)) == ([WARM], [COLD])
    assert not any(path.is_file() and path.name[0] != "." for path in (tmp_path / "hot").rglob("*"))
    assert (store.get(KEY), store.get(OTHER)) == (b"picture", b"other")
    assert store.exists(KEY)
    assert sorted(store.list_keys("images/")) == [KEY, OTHER]
    assert sorted(store.list_keys(KEY)) == [KEY]


def test_a_move_keeps_when_a_picture_was_stored(store, tmp_path):
    store.put(KEY, b"picture", "image/webp")
    let_rest(tmp_path / "hot", days=40)
    sweep(store, Lifecycle(), now=NOW)
    assert sweep(store, Lifecycle(), now=NOW) == {}
    assert sweep(store, Lifecycle(), now=NOW + timedelta(days=340)) == {COLD: 1}


def test_what_was_looked_at_lately_stays_hot_or_comes_back(store, tmp_path):
    store.put(KEY, b"picture", "image/webp")
    let_rest(tmp_path / "hot", days=400, read_days=2)
    assert sweep(store, Lifecycle(), now=NOW) == {}
    let_rest(tmp_path / "hot", days=400)
    sweep(store, Lifecycle(), now=NOW)
    assert where(store) == [COLD]
    store.get(KEY)
    assert sweep(store, Lifecycle(), now=datetime.now(UTC)) == {HOT: 1}
    assert store.get(KEY) == b"picture"


def test_a_cold_picture_that_is_removed_is_gone_from_everywhere(store, tmp_path):
    store.put(KEY, b"picture", "image/webp")
    store.move(KEY, COLD)
    store.delete(KEY)
    with pytest.raises(ObjectNotFound):
        store.get(KEY)
    assert not store.exists(KEY)
    assert list(store.list_keys("")) == []


def test_what_is_put_again_is_hot_and_there_once(store):
    store.put(KEY, b"picture", "image/webp")
    store.move(KEY, WARM)
    store.put(KEY, b"picture", "image/webp")
    assert where(store) == [HOT]


def test_uploads_and_what_is_sealed_never_move(store, tmp_path):
    for key in ("uploads/upl_1.png", f"quarantine/ab/{'ab' * 32}/original.png"):
        store.put(key, b"x", "image/png")
        let_rest(tmp_path / "hot", days=999, key=key)
    assert sweep(store, Lifecycle(), now=NOW) == {}


def test_a_store_without_other_folders_keeps_everything_where_it_is(tmp_path):
    store = LocalObjectStore(
        root=tmp_path / "hot", public_url="http://here", signing_keys={"k": b"1" * 32}
    )
    store.put(KEY, b"picture", "image/webp")
    let_rest(tmp_path / "hot", days=400)
    sweep(store, Lifecycle(), now=NOW)
    assert store.get(KEY) == b"picture"


def test_moving_what_is_gone_is_fine_and_brings_nothing_back(store):
    store.move(KEY, COLD)
    assert not store.exists(KEY)


def test_a_picture_deleted_while_it_moves_does_not_come_back(store, tmp_path, monkeypatch):

    store.put(KEY, b"picture", "image/webp")
    write = local._write

    def write_and_lose(path: Path, data: bytes) -> None:
        write(path, data)
        (tmp_path / "hot" / KEY).unlink()

    monkeypatch.setattr(local, "_write", write_and_lose)
    store.move(KEY, COLD)
    assert not store.exists(KEY)


def test_readers_find_a_picture_all_the_while_it_moves(store):
    store.put(KEY, b"picture", "image/webp")
    ended = Event()

    def move() -> None:
        for tier in (WARM, COLD, HOT) * 20:
            store.move(KEY, tier)
        ended.set()

    mover = Thread(target=move)
    mover.start()
    while not ended.is_set():
        assert store.get(KEY) == b"picture"
    mover.join()


def test_a_folder_that_cannot_be_used_is_told_and_the_picture_stays(store, tmp_path):
    store.put(KEY, b"picture", "image/webp")
    (tmp_path / "cold").write_text("a file, not a folder")
    with pytest.raises(StorageUnavailable):
        store.move(KEY, COLD)
    assert where(store) == [HOT]


def transitions(lifecycle: Lifecycle, cold_class: str = "GLACIER_IR") -> Iterator[tuple[int, str]]:
    (rule,) = bucket_rules(lifecycle, cold_class=cold_class)["Rules"]
    for step in rule["Transitions"]:
        yield step["Days"], step["StorageClass"]


def test_a_buckets_rules_say_the_same():
    assert list(transitions(Lifecycle())) == [(30, "STANDARD_IA"), (365, "GLACIER_IR")]
    assert list(transitions(Lifecycle(hot_days=60, warm_days=90), "GLACIER")) == [
        (60, "STANDARD_IA"),
        (90, "GLACIER"),
    ]


def test_a_buckets_rules_touch_pictures_alone_and_delete_none():
    (rule,) = bucket_rules(Lifecycle(), cold_class="GLACIER_IR")["Rules"]
    assert rule["Filter"] == {"Prefix": "images/"}
    assert "Expiration" not in rule


@pytest.mark.parametrize("cold_class", ["GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"])
def test_a_buckets_rules_are_what_the_sdk_knows(cold_class):
    model = botocore.session.get_session().get_service_model("s3")
    shape = model.operation_model("PutBucketLifecycleConfiguration").input_shape
    document = bucket_rules(Lifecycle(), cold_class=cold_class)
    given = {"Bucket": "b", "LifecycleConfiguration": document}
    assert not ParamValidator().validate(given, shape).has_errors()
    transition = model.shape_for("TransitionStorageClass")
    assert {step["StorageClass"] for step in document["Rules"][0]["Transitions"]} <= set(
        transition.enum
    )
