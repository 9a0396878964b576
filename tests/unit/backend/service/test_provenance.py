"""Where a picture is from: real files, a real manifest, the registry in memory."""

import hashlib
import io
import struct
import zlib
from collections.abc import Callable

import pytest
from PIL import Image, ImageOps

from backend.domain.errors import PictureInvalid, PictureTooLarge, TooManyChecks
from backend.domain.jobs import Change, Job
from backend.domain.provenance import Manifest, Mark, Origin, Provenance, Trace
from backend.domain.results import GenerationResult, ImageVariant
from backend.limits.memory_limiter import MemoryLimiter
from backend.service.likenesses import Likenesses
from backend.service.provenance import CHECK_BYTES_MAX, ProvenanceChecks
from backend.service.provenance_telling import as_document, sentences
from safety.fingerprint import fingerprint
from safety.provenance.certificates import Credentials, make_own
from tests.builders import NOW, a_birth, a_job, an_image, at
from tests.fakes.marks import RememberedMark, a_signer, signed_png
from tests.fakes.pictures import MemoryPictureStore
from tests.fakes.provenance import make_provenance
from tests.fakes.stores import Memory, MemoryJobStore
from tests.unit.safety.pictures import made_picture


def a_scene(number: int = 90) -> Image.Image:
    return made_picture(number)


def jpeg_of(pixels: Image.Image) -> bytes:
    buffer = io.BytesIO()
    pixels.save(buffer, "JPEG", quality=60)
    return buffer.getvalue()


def png_of(pixels: Image.Image) -> bytes:
    buffer = io.BytesIO()
    pixels.save(buffer, "PNG")
    return buffer.getvalue()


class House:
    """An installation that has delivered a few pictures."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.mark = RememberedMark()
        self.checks = make_provenance(self.memory, self.mark)
        self._jobs = MemoryJobStore(memory=self.memory)

    async def deliver(self, *scenes: Image.Image, registry_id: int = 7) -> tuple[Job, list[bytes]]:
        """Deliver a job's pictures; the watermark is in their pixels."""
        files = [
            signed_png(self.mark.embed(scene, registry_id + place), registry_id=registry_id + place)
            for place, scene in enumerate(scenes)
        ]
        images = tuple(
            an_image(
                place,
                registry_id=registry_id + place,
                digests={ImageVariant.ORIGINAL: hashlib.sha256(data).hexdigest()},
                fingerprint=fingerprint(scene).hex,
                fingerprint_quality=fingerprint(scene).quality,
            )
            for place, (scene, data) in enumerate(zip(scenes, files, strict=True))
        )
        job = await self._jobs.add(a_birth(a_job()), fingerprint="f")
        moves: list[Callable[[Job], Change]] = [
            lambda row: row.dispatch(now=at(1), until=at(60)),
            lambda row: row.start(attempt=row.attempt, worker="w", now=at(2), until=at(60)),
            lambda row: row.deliver(
                attempt=row.attempt, result=GenerationResult(images=images), now=at(3)
            ),
        ]
        for move in moves:
            changed = await self._jobs.change(job.id, move)
            assert changed is not None
            job = changed
        return job, files


@pytest.fixture
def house() -> House:
    return House()


async def test_a_delivered_file_has_all_its_traces(house: House) -> None:
    job, (_, second) = await house.deliver(a_scene(), a_scene(60))
    found = await house.checks.check(second)
    assert found.origin is Origin.OURS
    assert found.traces == tuple(trace for trace in Trace if trace is not Trace.SIGNATURE)
    assert found.picture is not None
    assert (found.job_id, found.picture.index) == (job.id, 1)
    assert found.likeness is not None
    assert found.likeness.distance == 0


async def test_encoding_anew_leaves_watermark_and_fingerprint(house: House) -> None:
    scene = a_scene()
    job, _ = await house.deliver(scene)
    buffer = io.BytesIO()
    scene.save(buffer, "PNG", compress_level=1)
    found = await house.checks.check(buffer.getvalue())
    assert found.manifest.state == "absent"
    assert found.traces == (Trace.WATERMARK, Trace.FINGERPRINT)
    assert found.job_id == job.id


@pytest.mark.parametrize(
    "change",
    [
        lambda scene: scene,
        ImageOps.mirror,
        lambda scene: scene.transpose(Image.Transpose.ROTATE_90),
        lambda scene: scene.resize((180, 180)),
        lambda scene: scene.point(lambda level: level * 4 // 5),
    ],
    ids=["jpeg", "mirrored", "turned", "smaller", "darker"],
)
async def test_a_copy_without_marks_is_known_by_how_it_looks(
    house: House, change: Callable[[Image.Image], Image.Image]
) -> None:
    scene = a_scene()
    job, _ = await house.deliver(a_scene(40), scene)
    found = await house.checks.check(jpeg_of(change(scene)))
    assert found.traces == (Trace.FINGERPRINT,)
    assert found.origin is Origin.OURS
    assert found.picture is not None
    assert (found.job_id, found.picture.index) == (job.id, 1)


async def test_a_tampered_file_is_not_taken_for_an_intact_one(house: House) -> None:
    _, (data,) = await house.deliver(a_scene())
    altered = bytearray(data)
    altered[data.index(b"trainedAlgorithmicMedia")] ^= 1
    # Whoever alters a PNG on purpose mends the checksum of its chunk.
    begin = data.index(b"caBX")
    (length,) = struct.unpack(">I", data[begin - 4 : begin])
    end = begin + 4 + length
    altered[end : end + 4] = struct.pack(">I", zlib.crc32(altered[begin:end]))
    found = await house.checks.check(bytes(altered))
    assert found.manifest.state == "invalid"
    assert Trace.C2PA not in found.traces
    assert Trace.FILE not in found.traces
    # The pixels are untouched.
    assert Trace.WATERMARK in found.traces


async def test_a_strangers_intact_manifest_is_told_and_not_believed(house: House, tmp_path) -> None:
    strangers: Credentials = make_own(tmp_path / "c2pa", now=NOW, name="Somebody").current()
    data = signed_png(a_scene(), signer=a_signer(credentials=lambda: strangers))
    found = await house.checks.check(data)
    assert found.origin is Origin.OTHER
    assert found.traces == ()
    assert found.manifest.issuer == "Somebody"
    # It names a watermark of ours, which its pixels do not have.
    assert found.picture is None
    assert "Somebody" in " ".join(sentences(found))


async def test_of_nothing_that_tells_the_origin_is_unknown(house: House) -> None:
    await house.deliver(a_scene())
    found = await house.checks.check(jpeg_of(Image.linear_gradient("L")))
    assert (found.origin, found.traces, found.job_id) == (Origin.UNKNOWN, (), None)
    assert "no proof" in sentences(found)[0]


async def test_flat_pictures_are_not_alike(house: House) -> None:
    """Their fingerprints say nothing, so they do not count."""
    await house.deliver(Image.new("RGB", (64, 64), "white"))
    found = await house.checks.check(jpeg_of(Image.new("RGB", (64, 64), "black")))
    assert found.likeness is None


async def test_pictures_that_share_an_id_by_chance_are_told_apart_by_their_looks(
    house: House,
) -> None:
    scenes = [a_scene(90), a_scene(50)]
    jobs = [(await house.deliver(scene, registry_id=7))[0] for scene in scenes]
    for scene, job in zip(scenes, jobs, strict=True):
        buffer = io.BytesIO()
        scene.save(buffer, "PNG")
        assert (await house.checks.check(buffer.getvalue())).job_id == job.id


async def test_without_a_registry_marks_are_read_all_the_same(house: House) -> None:
    _, (data,) = await house.deliver(a_scene())
    alone = ProvenanceChecks(examiner=house.checks._examiner, pictures=None)
    found = await alone.check(data)
    assert found.traces == (Trace.C2PA, Trace.WATERMARK)
    assert (found.origin, found.job_id) == (Origin.OURS, None)


@pytest.mark.parametrize("data", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n rest"])
async def test_what_is_no_picture_is_refused(house: House, data: bytes) -> None:
    with pytest.raises(PictureInvalid):
        await house.checks.check(data)


async def test_a_file_of_too_many_bytes_is_refused(house: House) -> None:
    with pytest.raises(PictureTooLarge):
        await house.checks.check(bytes(CHECK_BYTES_MAX + 1))


def test_whoever_asks_too_often_is_told_when_to_come_again(house: House) -> None:
    limiter = MemoryLimiter(burst=2, per_minute=6, clock=lambda: 0.0)
    checks = ProvenanceChecks(examiner=house.checks._examiner, pictures=None, limiter=limiter)
    for _ in range(2):
        checks.must_be_welcome("rest:127.0.0.1")
    with pytest.raises(TooManyChecks, match="Too many"):
        checks.must_be_welcome("rest:127.0.0.1")
    checks.must_be_welcome("rest:127.0.0.2")


async def test_the_document_has_the_promised_shape(house: House) -> None:
    job, (data,) = await house.deliver(a_scene())
    document = as_document(await house.checks.check(data))
    assert document["origin"] == "ours"
    assert document["survived"] == ["file", "c2pa", "watermark", "fingerprint"]
    assert document["c2pa"]["state"] == "trusted"
    assert document["watermark"] == {
        "present": True,
        "payload": "000000000007",
        "p_value": 1e-14,
        "bits_matched": 48,
        "bits": 48,
    }
    assert document["signature"] is None
    assert document["fingerprint"] == {"distance": 0, "job_id": job.id}


async def test_newcomers_are_found_without_reading_all_anew(house: House, monkeypatch) -> None:
    monkeypatch.setattr("backend.service.likenesses.PAGE", 2)
    monkeypatch.setattr("backend.service.likenesses.NEW_MAX", 3)
    asked: list[int] = []

    class Noted(MemoryPictureStore):
        async def delivered_after(self, sequence: int, limit: int):
            asked.append(sequence)
            return await super().delivered_after(sequence, limit)

    likenesses = Likenesses(pictures=Noted(memory=house.memory))
    scenes = [a_scene(number) for number in (30, 45, 60, 75, 90)]
    for place, scene in enumerate(scenes):
        await house.deliver(scene, registry_id=place)
        for known in scenes[: place + 1]:
            found = await likenesses.nearest([fingerprint(known)])
            assert found is not None
            assert (found.distance, found.picture.registry_id) == (0, scenes.index(known))
    # Never from the beginning again.
    assert asked.count(0) == 1


def test_what_people_are_told_of_chance_is_never_a_certainty() -> None:
    found = a_found(p_value=0.0)
    assert "more than 1e18" in " ".join(sentences(found))


async def test_what_a_decoder_of_ours_drew_is_ours_whatever_else_is_lost() -> None:
    drawn = a_scene(5)
    signature = RememberedMark()
    checks = make_provenance(Memory(), signature=signature)
    before = await checks.check(png_of(drawn))
    signed = signature.embed(drawn, 0xA7C35E19D284)
    found = await checks.check(png_of(signed))
    assert (before.origin, found.origin) == (Origin.UNKNOWN, Origin.OURS)
    assert found.traces == (Trace.SIGNATURE,)
    assert as_document(found)["signature"] == {
        "present": True,
        "payload": "a7c35e19d284",
        "p_value": 1e-14,
        "bits_matched": 48,
        "bits": 48,
    }
    assert before.signature is not None
    assert not before.signature.is_present
    assert "A decoder of ours drew it" in " ".join(sentences(found))


def a_found(*, p_value: float) -> Provenance:
    mark = Mark(is_present=True, payload=7, p_value=p_value, bits_matched=48, bits=48)
    return Provenance(
        origin=Origin.OURS,
        traces=(Trace.WATERMARK,),
        manifest=Manifest(state="absent"),
        mark=mark,
        likeness=None,
        picture=None,
    )
