"""What only a folder can get wrong: links out of it, a full disk, half-written files."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from storage.errors import InvalidKey, ObjectNotFound, StorageFull, StorageUnavailable
from storage.object_stores import (
    LocalStoreSettings,
    MemoryStoreSettings,
    S3StoreSettings,
    open_object_store,
)
from storage.object_stores.local import LocalObjectStore
from tests.builders import NOW

KEY = "images/ab/abc/original.png"
KEYS = {"old": b"o" * 32, "new": b"n" * 32}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "objects"


@pytest.fixture
def objects(root: Path) -> LocalObjectStore:
    return LocalObjectStore(root=root, public_url="https://pictures.test/", signing_keys=KEYS)


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_opening_a_store_touches_nothing(objects: LocalObjectStore, root: Path) -> None:
    assert list(objects.list_keys("")) == []
    assert not root.exists()


def test_a_link_has_the_promised_shape_and_the_newest_key(objects: LocalObjectStore) -> None:
    link = objects.link(KEY, 3600, NOW)
    end = int(NOW.timestamp()) + 3600
    assert link.startswith(f"https://pictures.test/images/{KEY}?exp={end}&kid=new&sig=")


def test_a_symbolic_link_out_of_the_store_is_not_followed(
    objects: LocalObjectStore, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "a.png").write_bytes(b"secret")
    (root / "images").mkdir(parents=True)
    (root / "images" / "out").symlink_to(tmp_path / "secret")
    with pytest.raises(InvalidKey):
        objects.get("images/out/a.png")
    with pytest.raises(InvalidKey):
        objects.put("images/out/b.png", b"data", "image/png")
    assert not (tmp_path / "secret" / "b.png").exists()


def test_the_store_itself_may_lie_behind_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "objects").symlink_to(tmp_path / "disk")
    objects = LocalObjectStore(root=tmp_path / "objects", public_url="", signing_keys=KEYS)
    objects.put(KEY, b"data", "image/png")
    assert objects.get(KEY) == b"data"


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, StorageFull),
        (errno.EDQUOT, StorageFull),
        (errno.EIO, StorageUnavailable),
    ],
)
@pytest.mark.parametrize("call", ["os.fsync", "pathlib.Path.replace", "pathlib.Path.mkdir"])
def test_a_disk_that_fails_leaves_the_old_object_and_nothing_else(
    objects: LocalObjectStore,
    root: Path,
    mocker: MockerFixture,
    number: int,
    expected: type[Exception],
    call: str,
) -> None:
    objects.put(KEY, b"old", "image/png")
    mocker.patch(call, side_effect=OSError(number, os.strerror(number)))
    with pytest.raises(expected) as caught:
        objects.put(KEY, b"new", "image/png")
    mocker.stopall()
    assert isinstance(caught.value.__cause__, OSError)
    assert objects.get(KEY) == b"old"
    assert files(root) == [root / KEY]


def test_a_half_written_object_is_never_listed(objects: LocalObjectStore, root: Path) -> None:
    objects.put(KEY, b"data", "image/png")
    (root / KEY).with_name(".0123456789abcdef").write_bytes(b"ha")
    assert list(objects.list_keys("images/")) == [KEY]


def test_an_object_cannot_lie_below_another(objects: LocalObjectStore) -> None:
    objects.put("images/a", b"data", "image/png")
    with pytest.raises(StorageUnavailable):
        objects.put("images/a/b", b"data", "image/png")
    with pytest.raises(ObjectNotFound):
        objects.get("images/a/b")


def unreadable(number: int) -> Callable[..., bytes]:
    def fail(*_: object) -> bytes:
        raise OSError(number, os.strerror(number))

    return fail


def test_a_disk_that_cannot_be_read_is_a_store_we_cannot_use(
    objects: LocalObjectStore, mocker: MockerFixture
) -> None:
    objects.put(KEY, b"data", "image/png")
    mocker.patch("pathlib.Path.read_bytes", unreadable(errno.EIO))
    with pytest.raises(StorageUnavailable):
        objects.get(KEY)


def test_a_store_without_a_signing_key_is_not_opened(root: Path) -> None:
    with pytest.raises(StorageUnavailable):
        open_object_store(LocalStoreSettings(root=root, public_url="", signing_keys={}))


def test_memory_can_be_full_too() -> None:
    objects = open_object_store(MemoryStoreSettings(capacity_bytes=10))
    objects.put("a", b"12345678", "image/png")
    with pytest.raises(StorageFull):
        objects.put("b", b"123", "image/png")
    assert not objects.exists("b")
    objects.put("a", b"1234567890", "image/png")


def test_settings_do_not_show_their_secrets(root: Path) -> None:
    local = LocalStoreSettings(root=root, public_url="", signing_keys={"k": b"hidden-secret"})
    s3 = S3StoreSettings(bucket="b", secret_access_key="hidden-secret")  # noqa: S106 - fake
    assert "hidden-secret" not in f"{local!r} {s3!r}"
