"""Digests of weights: by content, and each large file read once."""

import hashlib
import os
from pathlib import Path

import pytest

from gpu_worker.compose.digests import FileDigests

LARGE = 1 << 20
LONG_AGO_NS = 1_700_000_000_000_000_000


def a_file(path: Path, content: bytes, *, at_ns: int = LONG_AGO_NS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, ns=(at_ns, at_ns))
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "home" / "digests.json"


def test_a_file_is_known_by_its_content(tmp_path: Path, cache: Path):
    path = a_file(tmp_path / "a.safetensors", b"weights")
    assert FileDigests(cache=cache).of_file(path) == hashlib.sha256(b"weights").hexdigest()


def test_a_large_file_is_not_read_again_by_the_next_worker(tmp_path: Path, cache: Path):
    path = a_file(tmp_path / "a.safetensors", b"a" * LARGE)
    first = FileDigests(cache=cache).of_file(path)
    # Other bytes of the same size and time: only who reads the file again can tell.
    a_file(path, b"b" * LARGE)
    assert FileDigests(cache=cache).of_file(path) == first


@pytest.mark.parametrize(
    ("content", "at_ns"), [(b"b" * LARGE, LONG_AGO_NS + 1), (b"b" * (LARGE + 1), LONG_AGO_NS)]
)
def test_a_file_of_another_time_or_size_is_read_again(
    tmp_path: Path, cache: Path, content: bytes, at_ns: int
):
    path = a_file(tmp_path / "a.safetensors", b"a" * LARGE)
    FileDigests(cache=cache).of_file(path)
    a_file(path, content, at_ns=at_ns)
    digests = FileDigests(cache=cache)
    assert digests.of_file(path) == hashlib.sha256(content).hexdigest()


def test_what_was_touched_just_now_is_not_kept(tmp_path: Path, cache: Path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"a" * LARGE)
    FileDigests(cache=cache).of_file(path)
    assert not cache.exists()


def test_two_workers_keep_theirs_in_one_file(tmp_path: Path, cache: Path):
    one, other = FileDigests(cache=cache), FileDigests(cache=cache)
    one.of_file(a_file(tmp_path / "a.safetensors", b"a" * LARGE))
    other.of_file(a_file(tmp_path / "b.safetensors", b"b" * LARGE))
    kept = cache.read_text()
    assert "a.safetensors" in kept
    assert "b.safetensors" in kept


@pytest.mark.parametrize("kept", ["", "[]", '{"x": 3}', '{"x": ["a", 1, "b"]}'])
def test_a_cache_that_cannot_be_understood_is_written_anew(tmp_path: Path, cache: Path, kept: str):
    a_file(cache, kept.encode())
    path = a_file(tmp_path / "a.safetensors", b"a" * LARGE)
    digest = FileDigests(cache=cache).of_file(path)
    assert digest in cache.read_text()


def test_a_cache_that_cannot_be_written_stops_nobody(tmp_path: Path):
    path = a_file(tmp_path / "a.safetensors", b"a" * LARGE)
    # A folder's place is taken by a file.
    blocked = a_file(tmp_path / "home", b"") / "digests.json"
    assert FileDigests(cache=blocked).of_file(path) == hashlib.sha256(b"a" * LARGE).hexdigest()


def test_a_model_is_known_by_its_weights_and_settings_and_where_they_lie(
    tmp_path: Path, cache: Path
):
    def digest(**files: bytes) -> str:
        folder = tmp_path / f"model-{len(list(tmp_path.iterdir()))}"
        for name, content in files.items():
            a_file(folder / name.replace("__", "/").replace("_", "."), content)
        return FileDigests(cache=cache).of_folder(folder)

    plain = digest(unet__a_safetensors=b"w", unet__config_json=b"{}")
    assert plain == digest(unet__a_safetensors=b"w", unet__config_json=b"{}", README_md=b"hello")
    others = {
        digest(unet__a_safetensors=b"W", unet__config_json=b"{}"),
        digest(unet__a_safetensors=b"w", unet__config_json=b"[]"),
        digest(vae__a_safetensors=b"w", unet__config_json=b"{}"),
        digest(unet__a_safetensors=b"w"),
    }
    assert len(others | {plain}) == 5
