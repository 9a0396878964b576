"""Draws once what will usually be asked for, so that nobody waits for kernels to be compiled."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import structlog
from torch import nn

from backend.contracts import LoraUse, ModelFamily, RenderJob, Tier
from gpu_worker.compose.compiling import (
    Backend,
    compile_blocks,
    count_compilations,
    fall_back_from_now_on,
    run_as_it_is,
)
from gpu_worker.render.drawing import Artist, DrawOrder

# The first is the one that most ask for: what is compiled for it alone is the fastest.
USUAL_RATIOS: Final = ((1, 1), (3, 2), (2, 3), (16, 9), (9, 16))
# A second step meets what the first has made; flow's second looks need no third.
_STEPS: Final = 2
# Longer than a chunk of CLIP, and than T5's shorter length.
_LONG_PROMPT: Final = "word " * 300

_log = structlog.get_logger(__name__)


def compile_and_warm_up(
    artist: Artist,
    network: nn.Module,
    family: ModelFamily,
    *,
    loras: Sequence[str] = (),
    backend: Backend = "inductor",
) -> bool:
    """Compile an artist's network for what is usual; tell whether it is, and log why if not.

    Room for `loras` must have been made before; one of them is worn, for a network that wears any
    has code of its own. What fails to compile leaves the network as it was.
    """
    began_at = time.monotonic()
    blocks = compile_blocks(network, backend=backend)
    try:
        drawn = warm_up(artist, usual_jobs(family))
        drawn += warm_up(artist, (wearing(job, loras[:1]) for job in usual_jobs(family) if loras))
    except Exception as error:  # noqa: BLE001 - whatever a compiler raises; nobody's words are in it
        run_as_it_is(network)
        _log.warning("not_compiled", reason=f"{type(error).__name__}: {error}"[:500])
        return False
    fall_back_from_now_on()
    seconds = round(time.monotonic() - began_at, 1)
    _log.info("compiled", blocks=blocks, drawn=drawn, graphs=count_compilations(), seconds=seconds)
    return True


def usual_jobs(family: ModelFamily) -> Iterator[RenderJob]:
    """Return one job of every kind for which a network may need code of its own."""
    yield from (_job(family, ratio) for ratio in USUAL_RATIOS)
    yield _job(family, USUAL_RATIOS[0], image_count=4)
    # One row alone is compiled apart from several.
    yield _job(family, USUAL_RATIOS[0], guidance=1.0)
    yield _job(family, USUAL_RATIOS[1], guidance=1.0)
    yield _job(family, USUAL_RATIOS[0], prompt=_LONG_PROMPT)


def wearing(job: RenderJob, loras: Sequence[str]) -> RenderJob:
    """Return the same job with these LoRAs."""
    return job.model_copy(update={"loras": tuple(LoraUse(name=name) for name in loras)})


def warm_up(artist: Artist, jobs: Iterable[RenderJob]) -> int:
    """Draw jobs up to their pictures; return how many. What goes wrong is raised."""
    count = 0
    for job in jobs:
        run = artist.begin(DrawOrder(job=job))
        while run.done < run.steps:
            artist.step([run])
        while artist.finish(run) is None:
            pass
        count += 1
    return count


def _job(
    family: ModelFamily,
    ratio: tuple[int, int],
    *,
    prompt: str = "",
    image_count: int = 1,
    guidance: float | None = None,
) -> RenderJob:
    width, height = ratio
    return RenderJob(
        job_id="warm_up",
        attempt=1,
        family=family,
        tier=Tier.RELAX,
        prompt=prompt,
        seed=0,
        image_count=image_count,
        steps=_STEPS,
        guidance=guidance,
        aspect_width=width,
        aspect_height=height,
    )
