"""What leaves is marked and signed, file by file, or does not leave."""

import hashlib
from datetime import timedelta
from io import BytesIO

import pytest
from PIL import Image

from backend.contracts import ImageVariant
from gpu_worker.release.marking import Marker
from gpu_worker.release.papers import papers_of, registry_id_of
from gpu_worker.release.pipeline import Held, ReleasePipeline, StoredImage
from gpu_worker.release.screening import Screening
from gpu_worker.state import OutOfMemory
from gpu_worker.vitals import ProvenanceReading
from safety.errors import CredentialsInvalid
from safety.fingerprint import Fingerprint, fingerprint
from safety.policy import DEFAULT_POLICY
from safety.provenance.c2pa import C2paState, Ingredient, read
from safety.provenance.certificates import Credentials
from safety.verdict import CHECK_FAILED
from storage.formats import content_type_of, decode
from storage.image_store import ImageStore
from storage.object_stores.memory import MemoryObjectStore
from tests.fakes.marks import (
    FailingMark,
    FailingSigner,
    RememberedMark,
    a_marker,
    a_signer,
    signed_png,
    some_credentials,
    some_papers,
)
from tests.fakes.released import NothingFound
from tests.unit.gpu_worker.conftest import a_render_job
from tests.unit.safety.pictures import made_picture

ANCHORS = [some_credentials().anchors_pem]
SIZE = (96, 64)
SINGLE = {"original", "webp", "jpeg", "avif", "thumbnail_256", "thumbnail_512"}


class PutNotes(MemoryObjectStore):
    """A store that notes what is put, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.puts: list[tuple[str, bytes]] = []

    def put(self, key: str, data: bytes, content_type: str) -> None:
        self.puts.append((key, data))
        super().put(key, data, content_type)


@pytest.fixture
def objects() -> PutNotes:
    return PutNotes()


def release(
    objects: MemoryObjectStore, count: int = 1, *, marker: Marker | None = None, **papers: object
) -> tuple[StoredImage, ...]:
    pipeline = ReleasePipeline(
        screening=Screening(checks=[NothingFound()], policy=DEFAULT_POLICY),
        check_timeout_s=30.0,
        images=ImageStore(objects=objects),
        marker=marker or a_marker(),
    )
    pictures = [made_picture(number, size=SIZE) for number in range(count)]
    return pipeline.release(pictures, clearances=frozenset(), papers=some_papers(count, **papers))


def test_every_file_of_every_picture_is_signed_and_stored_as_it_was_signed(objects: PutNotes):
    stored = release(objects, 3)
    files = {key: data for one in stored for key, data in _files(objects, one).items()}
    assert {key for key, _ in objects.puts} == set(files)
    # Nothing was put twice, and nothing was changed on the way.
    assert dict(objects.puts) == files
    assert len(objects.puts) == len(files)
    for key, data in files.items():
        reading = read(data, content_type_of(key), anchors_pem=ANCHORS)
        assert (reading.state, reading.problems) == (C2paState.TRUSTED, ()), key


def _files(objects: MemoryObjectStore, stored: StoredImage) -> dict[str, bytes]:
    return {key: objects.get(key) for key in stored.kept.keys.values()}


def test_digests_are_of_the_bytes_that_lie_in_the_store(objects: PutNotes):
    (stored,) = release(objects)
    assert set(stored.kept.digests) == SINGLE
    for variant, digest in stored.kept.digests.items():
        data = objects.get(stored.kept.keys[variant])
        assert hashlib.sha256(data).hexdigest() == digest
    assert stored.kept.sha256 == stored.kept.digests["original"]


def test_the_first_of_several_brings_their_grid_which_names_them_all(objects: PutNotes):
    first, second, _ = release(objects, 3)
    assert set(first.kept.keys) == SINGLE | {"grid", "grid_small"}
    assert set(second.kept.keys) == SINGLE
    grid = objects.get(first.kept.keys[ImageVariant.GRID])
    with Image.open(BytesIO(grid)) as opened:
        assert opened.size == (2 * SIZE[0] + 4, 2 * SIZE[1] + 4)
    named = read(grid, "image/webp", anchors_pem=ANCHORS).soft_bindings
    assert [value for _, value in named] == [f"{number:012x}" for number in (1, 2, 3)]


def test_all_files_show_the_marked_pixels(objects: PutNotes):
    class Darker(RememberedMark):
        def embed(self, pixels: Image.Image, payload: int) -> Image.Image:
            return pixels.point(lambda level: level // 2)

    (stored,) = release(objects, marker=a_marker(watermark=Darker()))
    expected = made_picture(0, size=SIZE).point(lambda level: level // 2)
    assert decode(objects.get(stored.kept.keys["original"])).tobytes() == expected.tobytes()
    assert stored.fingerprint == fingerprint(expected)
    for variant in ("webp", "jpeg", "avif"):
        shown = decode(objects.get(stored.kept.keys[variant]))
        assert _near(fingerprint(shown), fingerprint(expected))


def _near(one: Fingerprint, other: Fingerprint) -> bool:
    return one.distance(other) <= 31


def test_drawn_again_a_picture_lies_where_it_lay_and_nothing_is_written(objects: PutNotes):
    (first,), written = release(objects), len(objects.puts)
    (second,) = release(objects)
    assert second.kept == first.kept
    assert len(objects.puts) == written


@pytest.mark.parametrize(
    ("marker", "rule"),
    [
        (a_marker(watermark=FailingMark()), "watermark_failed"),
        (a_marker(signer=FailingSigner(OSError("the device is gone"))), "not_signed"),
        (a_marker(signer=a_signer(after=timedelta(days=20 * 365))), "credentials_expired"),
        (a_marker(signer=a_signer(after=timedelta(days=-30))), "credentials_not_yet"),
    ],
    ids=["watermark", "signer", "expired", "not yet"],
)
def test_what_cannot_be_marked_is_held_and_nothing_is_stored(
    objects: PutNotes, marker: Marker, rule: str
):
    with pytest.raises(Held) as caught:
        release(objects, 2, marker=marker)
    assert (caught.value.finding.category, caught.value.finding.rule) == (CHECK_FAILED, rule)
    assert objects.puts == []


@pytest.mark.parametrize(
    "marker",
    [
        a_marker(watermark=FailingMark(MemoryError())),
        a_marker(signer=FailingSigner(MemoryError())),
    ],
    ids=["watermark", "signer"],
)
def test_want_of_memory_is_not_taken_for_a_broken_mark(objects: PutNotes, marker: Marker):
    with pytest.raises(OutOfMemory) as caught:
        release(objects, marker=marker)
    assert caught.value.is_retryable
    assert objects.puts == []


@pytest.mark.parametrize("reason", ["missing", "broken", "wrong_key"])
def test_without_a_usable_key_nothing_leaves_and_the_worker_says_so(objects: PutNotes, reason: str):
    def none() -> Credentials:
        raise CredentialsInvalid(reason, "no key")

    marker = a_marker(signer=a_signer(credentials=none))
    assert marker.reading() == ProvenanceReading(trouble=f"credentials_{reason}")
    with pytest.raises(Held) as caught:
        release(objects, marker=marker)
    assert caught.value.finding.rule == f"credentials_{reason}"
    assert objects.puts == []
    well = a_marker().reading()
    assert (well.trouble, well.is_stamping) == ("", None)
    assert well.certificate_ends_at == some_credentials().expires_at.timestamp()


def test_a_preview_is_signed_too_or_is_not_shown():
    pipeline = ReleasePipeline(
        screening=Screening(checks=[NothingFound()], policy=DEFAULT_POLICY),
        check_timeout_s=30.0,
        images=ImageStore(objects=MemoryObjectStore()),
        marker=a_marker(),
    )
    shown = pipeline.release_preview(
        [made_picture(1, size=SIZE)], clearances=frozenset(), papers=some_papers(0)
    )
    reading = read(shown.webp, "image/webp", anchors_pem=ANCHORS)
    assert (reading.state, reading.soft_bindings) == (C2paState.TRUSTED, ())


def test_a_picture_drawn_over_ours_says_so_in_every_file(objects: PutNotes):
    parent = signed_png(made_picture(9, size=SIZE))
    (stored,) = release(objects, ingredient=Ingredient(data=parent, media_type="image/png"))
    for key, data in _files(objects, stored).items():
        reading = read(data, content_type_of(key), anchors_pem=ANCHORS)
        assert reading.source_type == "compositeWithTrainedAlgorithmicMedia"


def test_no_file_tells_a_prompt_or_a_job(objects: PutNotes):
    job = a_render_job(prompt="a secret fox", negative_prompt="hush")
    papers = papers_of(job, None, count=1, ingredient=None)
    (stored,) = release(objects, registry_ids=papers.registry_ids)
    for data in _files(objects, stored).values():
        for word in (b"secret", b"hush", job.job_id.encode()):
            assert word not in data


def test_registry_ids_have_48_bits_stay_the_same_and_are_spread():
    ids = {registry_id_of(f"gen_{job}", index) for job in range(500) for index in range(4)}
    assert len(ids) == 2000
    assert max(ids) < 2**48
    assert max(ids) > 2**47
    assert registry_id_of("gen_1", 0) == registry_id_of("gen_1", 0)
