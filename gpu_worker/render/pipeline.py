"""Draws one job: encode, latents, denoise, decode, upscale; each stage timed."""

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import torch

from backend.contracts import RenderJob
from backend.contracts import Sampler as SamplerName
from gpu_worker.family import Family
from gpu_worker.render.decode import decode
from gpu_worker.render.denoise import denoise
from gpu_worker.render.drawing import MOST_IMAGES, MOST_STEPS, Drawing, DrawOrder, OnStep
from gpu_worker.render.encode import encode
from gpu_worker.render.guidance import Guidance
from gpu_worker.render.latents import (
    begin_from_nothing,
    begin_from_picture,
    open_generators,
    to_pixels,
)
from gpu_worker.render.sizes import fit_ratio
from gpu_worker.render.upscale import Upscaler
from gpu_worker.sampler import Sampler
from gpu_worker.state import BadRequest, OutOfMemory
from gpu_worker.vram.probe import give_back_memory, is_out_of_memory


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """A job with every choice made."""

    width: int
    height: int
    steps: int
    strength: float
    guidance: Guidance
    sampler: Sampler


class Renderer:
    """An `Artist` over one family; all pictures of a job are drawn as one batch.

    An upscaler enlarges them here, so that what is checked is what is shown.
    """

    def __init__(
        self,
        *,
        family: Family,
        open_sampler: Callable[[SamplerName], Sampler],
        upscaler: Upscaler | None = None,
    ) -> None:
        self._family = family
        self._open_sampler = open_sampler
        self._upscaler = upscaler

    def draw(self, order: DrawOrder, on_step: OnStep) -> Drawing:
        plan = self._plan(order)
        try:
            with torch.inference_mode():
                return self._draw(order, plan, on_step)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            # The traceback's frames hold the very tensors that filled the memory.
            traceback.clear_frames(error.__traceback__)
        give_back_memory()
        raise OutOfMemory(
            f"{order.job.image_count} pictures of {plan.width}x{plan.height} "
            "did not fit into memory."
        )

    def _plan(self, order: DrawOrder) -> _Plan:
        job, defaults = order.job, self._family.defaults
        _check(job)
        width, height = fit_ratio(
            aspect_width=job.aspect_width,
            aspect_height=job.aspect_height,
            native_side=self._family.native_side,
            side_multiple=self._family.side_multiple,
            longest_side=self._family.longest_side,
        )
        return _Plan(
            width=width,
            height=height,
            steps=defaults.steps if job.steps is None else job.steps,
            strength=1.0 if job.source is None else job.source.strength,
            guidance=Guidance(
                scale=defaults.guidance if job.guidance is None else job.guidance,
                is_left_to_network=self._family.guides_itself,
            ),
            sampler=self._open_sampler(job.sampler or defaults.sampler),
        )

    def _draw(self, order: DrawOrder, plan: _Plan, on_step: OnStep) -> Drawing:
        family, job = self._family, order.job
        begun_at = time.perf_counter()
        timesteps = plan.sampler.plan(
            plan.steps,
            device=family.device,
            image_tokens=family.count_tokens(width=plan.width, height=plan.height),
            strength=plan.strength,
        )
        on_step(0, len(timesteps))
        conditioning = encode(
            family,
            prompt=job.prompt,
            negative_prompt=job.negative_prompt,
            width=plan.width,
            height=plan.height,
            image_count=job.image_count,
            guidance=plan.guidance,
        )
        encoded_at = time.perf_counter()
        generators = open_generators(job.seed, job.image_count)
        latents = denoise(
            family=family,
            sampler=plan.sampler,
            guidance=plan.guidance,
            conditioning=conditioning,
            latents=self._begin(order, plan, timesteps, generators),
            timesteps=timesteps,
            generators=generators,
            on_step=on_step,
        )
        denoised_at = time.perf_counter()
        pictures = decode(family, latents)
        decoded_at = time.perf_counter()
        if self._upscaler is not None:
            pictures = self._upscaler.enlarge(pictures)
        return Drawing(
            pictures=pictures,
            encode_s=encoded_at - begun_at,
            denoise_s=denoised_at - encoded_at,
            decode_s=decoded_at - denoised_at,
            upscale_s=time.perf_counter() - decoded_at,
        )

    def _begin(
        self,
        order: DrawOrder,
        plan: _Plan,
        timesteps: torch.Tensor,
        generators: list[torch.Generator],
    ) -> torch.Tensor:
        size = {"width": plan.width, "height": plan.height}
        if order.source is None:
            return begin_from_nothing(self._family, plan.sampler, generators, **size)
        return begin_from_picture(
            self._family,
            plan.sampler,
            generators,
            pixels=to_pixels(order.source, **size),
            timesteps=timesteps,
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
