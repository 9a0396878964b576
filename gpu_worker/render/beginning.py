"""From an order to a painting before its first step: canvas, words, sampler, first latents."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import torch

from backend.contracts import MannerUse, RenderJob, planned_steps
from backend.contracts import Sampler as SamplerName
from gpu_worker.family import Family
from gpu_worker.render.canvas import Canvas, lay_out
from gpu_worker.render.drawing import MOST_IMAGES, MOST_STEPS, DrawOrder
from gpu_worker.render.encode import PromptEncoder
from gpu_worker.render.guidance import Guidance
from gpu_worker.render.kept import KeptArea, begin_around, mask_latents
from gpu_worker.render.latents import begin_from_nothing, draw_noise, open_generators, to_pixels
from gpu_worker.render.mosaic import Mosaic, tile
from gpu_worker.render.painting import Painting
from gpu_worker.render.whims import stir
from gpu_worker.sampler import Sampler
from gpu_worker.state import BadRequest
from gpu_worker.vram.work_memory import WorkMemory


@dataclass(frozen=True, kw_only=True)
class _Start:
    """What a painting's first latents are, and what of them stays."""

    latents: torch.Tensor
    kept: KeptArea | None = None


@dataclass(frozen=True, kw_only=True)
class Beginner:
    """Begins paintings of one family; `shown_scale` is how much larger its pictures leave."""

    family: Family
    open_sampler: Callable[[SamplerName], Sampler]
    encoder: PromptEncoder
    memory: WorkMemory | None
    shown_scale: int

    def begin(self, order: DrawOrder) -> Painting:
        """Encode a job's words and pictures, and lay out what its pictures begin with.

        Raises:
            RenderError: it cannot be drawn.

        """
        job, family, defaults = order.job, self.family, self.family.defaults
        check(job)
        canvas = lay_out(order, family, shown_scale=self.shown_scale)
        mosaic = _mosaic_of(job, canvas, family)
        if mosaic is not None and not defaults.draws_parts:
            job = _without_words(job)
        seen = _seen(canvas, mosaic, family)
        guidance = Guidance(
            scale=defaults.guidance if job.guidance is None else job.guidance,
            is_left_to_network=family.guides_itself,
        )
        sampler = self.open_sampler(job.sampler or defaults.sampler)
        manner = job.manner or MannerUse()
        usual = defaults.steps if job.steps is None else job.steps
        timesteps = sampler.plan(
            planned_steps(usual, manner.effort),
            device=family.device,
            image_tokens=family.count_tokens(**seen),
            strength=_strength_of(job),
        )
        timesteps = sampler.stop_at(timesteps, manner.stop)
        begun_at = time.perf_counter()
        encoded = self.encoder.encode(job, guidance, **seen)
        conditioning = stir(encoded.conditioning, job)
        if order.image_prompts:
            scales = [(0.0 if one.is_style else one.scale, one.scale) for one in job.image_prompts]
            seen_pictures = family.read_pictures(order.image_prompts)
            conditioning = conditioning.with_pictures(
                seen_pictures, scales, is_guided=guidance.is_used
            )
        encoded_at = time.perf_counter()
        generators = open_generators([job.seed_of(index) for index in range(job.image_count)])
        with family.meeting_edges() if job.is_tiled else nullcontext():
            start = self._start(job, canvas, sampler, generators, timesteps)
        return Painting(
            canvas=canvas,
            seen_size=(seen["width"], seen["height"]),
            guidance=guidance,
            sampler=sampler,
            generators=generators,
            conditioning=conditioning.spread(len(mosaic.places) if mosaic else 1),
            outfit=job.outfit,
            kept=start.kept,
            mosaic=mosaic,
            is_tiled=job.is_tiled,
            notes=encoded.notes,
            timesteps=timesteps,
            latents=start.latents,
            encode_s=encoded_at - begun_at,
            denoise_s=time.perf_counter() - encoded_at,
        )

    def _start(
        self,
        job: RenderJob,
        canvas: Canvas,
        sampler: Sampler,
        generators: list[torch.Generator],
        timesteps: torch.Tensor,
    ) -> _Start:
        family = self.family
        size = {"width": canvas.width, "height": canvas.height}
        if canvas.picture is None:
            return _Start(latents=begin_from_nothing(family, sampler, generators, **size))
        pixels = to_pixels(canvas.picture, **size)
        with self.memory.encoding(**size) if self.memory else nullcontext():
            latents = family.encode_picture(pixels, generators)
        if canvas.mask is None and not len(timesteps):
            return _Start(latents=latents)
        noise = draw_noise(family, generators, **size)
        if canvas.mask is None:
            return _Start(latents=sampler.add_noise(latents, noise, timesteps[:1]))
        begun = begin_around(
            family,
            sampler,
            generators,
            latents=latents,
            noise=noise,
            timesteps=timesteps,
            strength=_strength_of(job),
        )
        mask = mask_latents(family, canvas.mask, **size)
        return _Start(latents=begun, kept=KeptArea(latents=latents, noise=noise, mask=mask))


def check(job: RenderJob) -> None:
    """Refuse what no model can draw; the gateway's own limits are narrower.

    Raises:
        BadRequest: a number is out of range.

    """
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


def _strength_of(job: RenderJob) -> float:
    """Return how far the drawing may depart from its source; what grows around one is all new."""
    return 1.0 if job.source is None or job.outpaint is not None else job.source.strength


def _mosaic_of(job: RenderJob, canvas: Canvas, family: Family) -> Mosaic | None:
    """Return how a picture is seen that is drawn over in a size its network does not know."""
    if job.upscale is None:
        return None
    side = family.pixels_per_latent
    height, width = canvas.height // side, canvas.width // side
    mosaic = tile(height, width, side=family.native_side // side)
    return mosaic if len(mosaic.places) > 1 else None


def _without_words(job: RenderJob) -> RenderJob:
    """Return a job that leaves it to the picture what is drawn over."""
    nothing = {"prompt": "", "negative_prompt": "", "parts": (), "negative_parts": ()}
    return job.model_copy(update={**nothing, "guidance": 1.0})


def _seen(canvas: Canvas, mosaic: Mosaic | None, family: Family) -> dict[str, int]:
    """Return width and height in pixels of what the network sees at once."""
    if mosaic is None:
        return {"width": canvas.width, "height": canvas.height}
    height, width = (side * family.pixels_per_latent for side in mosaic.tile_shape)
    return {"width": width, "height": height}
