"""Draws jobs step by step over one family: encode, latents, denoise, decode, upscale; all timed."""

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import cast

import torch

from backend.contracts import MannerUse, RenderJob, planned_steps
from backend.contracts import Sampler as SamplerName
from gpu_worker.family import Family
from gpu_worker.render.decode import decode, to_pictures
from gpu_worker.render.denoise import take_step
from gpu_worker.render.drawing import MOST_IMAGES, MOST_STEPS, Drawing, DrawOrder, Run
from gpu_worker.render.encode import PromptEncoder
from gpu_worker.render.guidance import Guidance
from gpu_worker.render.latents import (
    begin_from_nothing,
    begin_from_picture,
    open_generators,
    to_pixels,
)
from gpu_worker.render.pace import Pace
from gpu_worker.render.painting import Painting
from gpu_worker.render.sizes import fit_ratio
from gpu_worker.render.tiles import decode_in_tiles, enlarge_in_tiles
from gpu_worker.render.upscale import Upscaler
from gpu_worker.render.whims import stir
from gpu_worker.sampler import Sampler
from gpu_worker.state import BadRequest
from gpu_worker.vram.probe import give_back_memory
from gpu_worker.vram.recovery import Portion, Recovery, Stage
from gpu_worker.vram.work_memory import WorkMemory


class Renderer:
    """An `Artist` over one family; all pictures of a job are drawn as one batch.

    An upscaler enlarges them here, so that what is checked is what is shown. `dress` has the model
    wear adapters by name, and no others.
    """

    def __init__(
        self,
        *,
        family: Family,
        open_sampler: Callable[[SamplerName], Sampler],
        upscaler: Upscaler | None = None,
        dress: Callable[[Sequence[str]], object] | None = None,
        recovery: Recovery | None = None,
        memory: WorkMemory | None = None,
    ) -> None:
        self._family = family
        self._open_sampler = open_sampler
        self._upscaler = upscaler
        self._dress = dress
        self._worn: tuple[str, ...] | None = ()
        self._recovery = recovery or Recovery(free=give_back_memory)
        self._memory = memory
        self._encoder = PromptEncoder(family=family)
        self._pace = Pace(device=family.device)

    def begin(self, order: DrawOrder) -> Painting:
        self._wear(order.job.adapters)
        with torch.inference_mode():
            return self._recovery.run(
                Stage.ENCODE,
                lambda _portion: self._begin(order),
                what=f"{order.job.image_count} pictures",
            )

    def step(self, runs: Sequence[Run]) -> None:
        # An engine hands back what this artist began.
        paintings = cast("Sequence[Painting]", runs)
        begun_at = time.perf_counter()
        rows = sum(painting.rows for painting in paintings)
        self._wear(paintings[0].adapters)
        with torch.inference_mode():
            self._recovery.run(
                Stage.DENOISE,
                lambda portion: self._take_step(paintings, portion, rows=rows),
                rows=rows,
                what=_tell_sizes(paintings),
            )
        self._pace.hold()
        spent_s = time.perf_counter() - begun_at
        for painting in paintings:
            painting.denoise_s += spent_s * painting.rows / rows

    def finish(self, run: Run) -> Drawing | None:
        painting = cast("Painting", run)  # as in `step`
        with torch.inference_mode():
            self._finish_next(painting)
        pictures = painting.pictures if self._upscaler is None else painting.enlarged
        if len(pictures) < len(painting.latents):
            return None
        return Drawing(
            pictures=tuple(pictures),
            notes=painting.notes,
            encode_s=painting.encode_s,
            denoise_s=painting.denoise_s,
            decode_s=painting.decode_s,
            upscale_s=painting.upscale_s,
        )

    def _begin(self, order: DrawOrder) -> Painting:
        job, family, defaults = order.job, self._family, self._family.defaults
        _check(job)
        width, height = fit_ratio(
            aspect_width=job.aspect_width,
            aspect_height=job.aspect_height,
            native_side=family.native_side,
            side_multiple=family.side_multiple,
            longest_side=family.longest_side,
        )
        guidance = Guidance(
            scale=defaults.guidance if job.guidance is None else job.guidance,
            is_left_to_network=family.guides_itself,
        )
        sampler = self._open_sampler(job.sampler or defaults.sampler)
        manner = job.manner or MannerUse()
        usual = defaults.steps if job.steps is None else job.steps
        timesteps = sampler.plan(
            planned_steps(usual, manner.effort),
            device=family.device,
            image_tokens=family.count_tokens(width=width, height=height),
            strength=1.0 if job.source is None else job.source.strength,
        )
        timesteps = sampler.stop_at(timesteps, manner.stop)
        begun_at = time.perf_counter()
        encoded = self._encoder.encode(job, guidance, width=width, height=height)
        encoded_at = time.perf_counter()
        generators = open_generators([job.seed_of(index) for index in range(job.image_count)])
        if order.source is None:
            latents = begin_from_nothing(family, sampler, generators, width=width, height=height)
        else:
            pixels = to_pixels(order.source, width=width, height=height)
            latents = begin_from_picture(
                family, sampler, generators, pixels=pixels, timesteps=timesteps
            )
        return Painting(
            width=width,
            height=height,
            guidance=guidance,
            sampler=sampler,
            generators=generators,
            conditioning=stir(encoded.conditioning, job),
            adapters=job.adapters,
            notes=encoded.notes,
            timesteps=timesteps,
            latents=latents,
            encode_s=encoded_at - begun_at,
            denoise_s=time.perf_counter() - encoded_at,
        )

    def _take_step(self, paintings: Sequence[Painting], portion: Portion, *, rows: int) -> None:
        looks = 2 if portion is Portion.HALVES else 1
        size = {"width": paintings[0].width, "height": paintings[0].height}
        memory = self._memory
        with memory.denoising(rows=-(-rows // looks), **size) if memory else nullcontext():
            take_step(self._family, paintings, looks=looks)

    def _wear(self, adapters: tuple[str, ...]) -> None:
        """Change what the model wears, if need be; all who take a step together wear the same."""
        if adapters == self._worn:
            return
        dress = self._dress
        if dress is None:
            raise BadRequest("This worker's model wears no LoRAs.")
        # Should this fail halfway, nobody knows what is worn.
        self._worn = None
        self._recovery.run(
            Stage.LOAD_ADAPTERS, lambda _portion: dress(adapters), what=", ".join(adapters)
        )
        self._worn = adapters
        self._encoder.cache.wear(adapters)

    def _finish_next(self, painting: Painting) -> None:
        """Decode one more picture, or enlarge one more when all are decoded."""
        what = _tell_sizes([painting])
        upscaler = self._upscaler
        if len(painting.pictures) < len(painting.latents):
            self._recovery.run(
                Stage.DECODE, lambda portion: self._decode_next(painting, portion), what=what
            )
        elif upscaler is not None and len(painting.enlarged) < len(painting.latents):
            self._recovery.run(
                Stage.UPSCALE,
                lambda portion: _enlarge_next(upscaler, painting, portion),
                what=f"Enlarged, {what}",
            )

    def _decode_next(self, painting: Painting, portion: Portion) -> None:
        begun_at = time.perf_counter()
        index = len(painting.pictures)
        latents = painting.latents[index : index + 1]
        if portion is Portion.TILES:
            # Not in the books: a tile is as small as it gets.
            painting.pictures += to_pictures(decode_in_tiles(self._family, latents))
        else:
            size = {"width": painting.width, "height": painting.height}
            with self._memory.decoding(**size) if self._memory else nullcontext():
                painting.pictures += decode(self._family, latents)
        painting.decode_s += time.perf_counter() - begun_at


def _enlarge_next(upscaler: Upscaler, painting: Painting, portion: Portion) -> None:
    begun_at = time.perf_counter()
    picture = painting.pictures[len(painting.enlarged)]
    if portion is Portion.TILES:
        painting.enlarged.append(enlarge_in_tiles(upscaler.enlarge, picture, scale=upscaler.scale))
    else:
        painting.enlarged += upscaler.enlarge([picture])
    painting.upscale_s += time.perf_counter() - begun_at


def _tell_sizes(paintings: Sequence[Painting]) -> str:
    return ", ".join(
        f"{len(one.latents)} pictures of {one.width}x{one.height}" for one in paintings
    )


def _check(job: RenderJob) -> None:
    """Refuse what no model can draw; the gateway's own limits are narrower."""
    if not 1 <= job.image_count <= MOST_IMAGES:
        raise BadRequest(f"A job draws 1 to {MOST_IMAGES} pictures, not {job.image_count}.")
    if job.steps is not None and not 1 <= job.steps <= MOST_STEPS:
        raise BadRequest(f"A picture takes 1 to {MOST_STEPS} steps, not {job.steps}.")
    if job.aspect_width < 1 or job.aspect_height < 1:
        raise BadRequest(f"{job.aspect_width}:{job.aspect_height} is not an aspect ratio.")
    if not 0 <= job.seed < 2**63:
        raise BadRequest("A seed is a whole number from 0 to 2^63 - 1.")
    if job.guidance is not None and not 0 <= job.guidance <= 100:
        raise BadRequest(f"Guidance is a number from 0 to 100, not {job.guidance}.")
