"""Pictures let out by the worker's own release, and the bytes as they were signed there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from PIL import Image

from backend.contracts import ModelFamily, RenderJob, Tier
from backend.domain.results import ImageRef, ImageVariant
from gpu_worker.release.marking import MarkedImage, Marker, SignedImage
from gpu_worker.release.papers import Papers
from gpu_worker.release.pipeline import ReleasePipeline
from gpu_worker.release.screening import Screening
from gpu_worker.reporting import rendered
from safety.policy import DEFAULT_POLICY
from safety.verdict import Finding
from storage.image_store import ImageStore
from storage.object_store import ObjectStore
from tests.fakes.image_checks import EachByItself
from tests.fakes.marks import RememberedMark, a_signer, some_papers
from tests.unit.safety.pictures import made_picture

_JOB = RenderJob(
    job_id="gen_released",
    attempt=1,
    family=ModelFamily.SDXL,
    tier=Tier.FAST,
    prompt="a fox",
    seed=7,
    image_count=1,
)


class NothingFound(EachByItself):
    """A check that finds nothing."""

    name = "nothing"

    def look(self, pixels: Image.Image) -> list[Finding]:
        return []


class NotingMarker(Marker):
    """A marker that keeps what it signed."""

    def __init__(self) -> None:
        super().__init__(
            watermark=RememberedMark(),
            signer=a_signer(),
            version="0.1.0",
            clock=lambda: datetime.now(UTC),
        )
        self.signed: tuple[SignedImage, ...] = ()

    def sign(self, images: Sequence[MarkedImage], papers: Papers) -> tuple[SignedImage, ...]:
        self.signed = super().sign(images, papers)
        return self.signed


@dataclass(frozen=True, kw_only=True)
class Released:
    """What is told of a job's pictures, and the signed files of each."""

    images: tuple[ImageRef, ...]
    signed: tuple[Mapping[ImageVariant, bytes], ...]


def release_into(
    objects: ObjectStore, count: int = 1, *, size: tuple[int, int] = (160, 120)
) -> Released:
    """Let so many pictures out, into a store."""
    marker = NotingMarker()
    pipeline = ReleasePipeline(
        screening=Screening(checks=[NothingFound()], policy=DEFAULT_POLICY),
        check_timeout_s=30.0,
        images=ImageStore(objects=objects),
        marker=marker,
    )
    stored = pipeline.release(
        [made_picture(number, size=size) for number in range(count)],
        clearances=frozenset(),
        papers=some_papers(count),
    )
    told = [rendered(_JOB, index, one) for index, one in enumerate(stored)]
    names = [field.name for field in fields(ImageRef)]
    return Released(
        images=tuple(ImageRef(**{name: getattr(image, name) for name in names}) for image in told),
        signed=tuple(one.files for one in marker.signed),
    )
