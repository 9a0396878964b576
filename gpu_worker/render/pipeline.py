"""Draws jobs step by step over one family: encode, latents, denoise, decode, upscale; all timed."""

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TypeVar, cast

import torch
from PIL import Image

from backend.contracts import RenderNote, UpscaleKind
from backend.contracts import Sampler as SamplerName
from gpu_worker.family import Family
from gpu_worker.render.beginning import Beginner
from gpu_worker.render.decode import decode, to_pictures
from gpu_worker.render.denoise import take_step
from gpu_worker.render.drawing import Drawing, DrawOrder, Run
from gpu_worker.render.dresser import Dresser, Outfit, call_styles
from gpu_worker.render.embedding_cache import EmbeddingCache
from gpu_worker.render.encode import PromptEncoder
from gpu_worker.render.enlarging import Enlargement, begin_enlargement, enlarge, enlarge_once
from gpu_worker.render.notary import Notary
from gpu_worker.render.pace import Pace
from gpu_worker.render.painting import Painting
from gpu_worker.render.sketch import Sketching
from gpu_worker.render.steering import ControlNetShelf, read_controls
from gpu_worker.render.tiles import decode_in_tiles, enlarge_meeting_edges
from gpu_worker.render.upscale import Upscaler
from gpu_worker.sampler import Sampler
from gpu_worker.state import BadRequest
from gpu_worker.vram.probe import give_back_memory
from gpu_worker.vram.recovery import Portion, Recovery, Stage
from gpu_worker.vram.work_memory import WorkMemory

T = TypeVar("T")

# What the network sees at once: sixteen pictures of a million pixels.
MOST_PIXELS_SEEN = 16 * 1024 * 1024


class Renderer:
    """An `Artist` over one family; all pictures of a job are drawn as one batch.

    An upscaler enlarges them here, so that what is checked is what is shown; `enlarger`, or else
    the same, makes delivered pictures larger. A dresser has the model wear LoRAs, and no others.
    """

    def __init__(
        self,
        *,
        family: Family,
        open_sampler: Callable[[SamplerName], Sampler],
        upscaler: Upscaler | None = None,
        enlarger: Upscaler | None = None,
        dresser: Dresser | None = None,
        controlnets: ControlNetShelf | None = None,
        recovery: Recovery | None = None,
        memory: WorkMemory | None = None,
        notary: Notary | None = None,
        sketching: Sketching | None = None,
    ) -> None:
        self._family = family
        self._upscaler = upscaler
        self._enlarger = enlarger or upscaler
        self._dresser = dresser
        self._controlnets = controlnets
        self._recovery = recovery or Recovery(free=give_back_memory)
        self._memory = memory
        self._notary = notary
        self._sketching = sketching
        self._encoder = PromptEncoder(family=family)
        self._beginner = Beginner(
            family=family,
            open_sampler=open_sampler,
            encoder=self._encoder,
            memory=memory,
            shown_scale=upscaler.scale if upscaler else 1,
        )
        self._pace = Pace(device=family.device)

    @property
    def embeddings(self) -> EmbeddingCache:
        """What its encoders have made of late."""
        return self._encoder.cache

    def begin(self, order: DrawOrder) -> Run:
        upscale = order.job.upscale
        if upscale is not None and upscale.kind is UpscaleKind.SUBTLE:
            return begin_enlargement(order)
        self._dress_encoders(order.job.outfit)
        words = self._dresser.words_for(order.job.outfit) if self._dresser else ()
        called = replace(order, job=call_styles(order.job, words))
        with torch.inference_mode():
            painting = self._recovery.run(
                Stage.ENCODE,
                lambda _portion: self._begin_steered(called),
                what=f"{order.job.image_count} pictures",
            )
        if called.job is not order.job:
            painting.notes += (RenderNote.WORDS_ADDED,)
        self._attend(called, painting)
        return painting

    def _begin_steered(self, order: DrawOrder) -> Painting:
        painting = self._beginner.begin(order)
        if not order.job.controls:
            return painting
        if self._controlnets is None:
            raise BadRequest("This worker's model is steered by no ControlNets.")
        if painting.mosaic is not None:
            raise BadRequest("A picture that is drawn over by tiles is steered by no ControlNets.")
        painting.controls = read_controls(
            self._controlnets, self._family, order, painting.seen_size
        )
        return painting

    def step(self, runs: Sequence[Run]) -> None:
        # An engine hands back what this artist began.
        paintings = cast("Sequence[Painting]", runs)
        begun_at = time.perf_counter()
        rows = sum(painting.rows for painting in paintings)
        self._wear(paintings[0].outfit)
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
        if isinstance(run, Enlargement):
            return self._enlarge_source(run)
        painting = cast("Painting", run)  # as in `step`
        with torch.inference_mode():
            self._finish_next(painting)
        pictures = painting.pictures if self._upscaler is None else painting.enlarged
        if len(pictures) < len(painting.latents):
            return None
        return Drawing(
            pictures=tuple(painting.canvas.paste_back(picture) for picture in pictures),
            notes=painting.notes,
            recipe=painting.made(),
            encode_s=painting.encode_s,
            denoise_s=painting.denoise_s,
            decode_s=painting.decode_s,
            upscale_s=painting.upscale_s,
        )

    def _attend(self, order: DrawOrder, painting: Painting) -> None:
        """Note how a painting is drawn, and have it looked at on its way."""
        painting.is_alone = order.job.is_exact
        if self._notary is not None:
            painting.recipe = self._notary.note(order, painting.canvas)
        if self._sketching is not None:
            painting.sketcher = self._sketching.open(order.job)

    def _enlarge_source(self, run: Enlargement) -> Drawing:
        upscaler = self._enlarger
        if upscaler is None:
            raise BadRequest("This worker has no upscaler.")
        return self._recovery.run(
            Stage.UPSCALE,
            lambda portion: enlarge(upscaler, run, portion, memory=self._memory),
            what=f"Enlarged, a picture of {run.width}x{run.height}",
        )

    def _take_step(self, paintings: Sequence[Painting], portion: Portion, *, rows: int) -> None:
        width, height = paintings[0].seen_size
        # Only a single job can have so many: an engine puts fewer together.
        looks = -(-rows * width * height // MOST_PIXELS_SEEN)
        if portion is Portion.HALVES:
            looks *= 2
        memory = self._memory
        size = {"width": width, "height": height}
        with memory.denoising(rows=-(-rows // looks), **size) if memory else nullcontext():
            take_step(self._family, paintings, looks=looks, controlnets=self._controlnets)
        if portion is Portion.HALVES or len(paintings) > 1:
            for painting in paintings:
                painting.is_shared = True

    def _wear(self, outfit: Outfit) -> None:
        """Change what draws, if need be; all who take a step together wear the same."""
        dresser = self._dresser
        if dresser is not None:
            self._load_adapters(lambda: dresser.dress_network(outfit), outfit)

    def _dress_encoders(self, outfit: Outfit) -> None:
        """Change what reads, if need be; what it read in other LoRAs is not taken for the same."""
        dresser = self._dresser
        if dresser is not None:
            worn = self._load_adapters(lambda: dresser.dress_encoders(outfit), outfit)
            self._encoder.cache.wear(worn)
        elif outfit:
            raise BadRequest("This worker's model wears no LoRAs.")

    def _load_adapters(self, dress: Callable[[], T], outfit: Outfit) -> T:
        what = ", ".join(use.name for use in outfit)
        return self._recovery.run(Stage.LOAD_ADAPTERS, lambda _portion: dress(), what=what)

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
                lambda portion: self._enlarge_next(upscaler, painting, portion),
                what=f"Enlarged, {what}",
            )

    def _decode_next(self, painting: Painting, portion: Portion) -> None:
        begun_at = time.perf_counter()
        index = len(painting.pictures)
        latents = painting.latents[index : index + 1]
        with self._family.meeting_edges() if painting.is_tiled else nullcontext():
            painting.pictures += self._decode(painting, latents, portion)
        painting.decode_s += time.perf_counter() - begun_at

    def _decode(
        self, painting: Painting, latents: torch.Tensor, portion: Portion
    ) -> tuple[Image.Image, ...]:
        if portion is Portion.TILES:
            painting.is_shared = True
            # Not in the books: a tile is as small as it gets.
            return to_pictures(decode_in_tiles(self._family, latents))
        size = {"width": painting.canvas.width, "height": painting.canvas.height}
        with self._memory.decoding(**size) if self._memory else nullcontext():
            return decode(self._family, latents)

    def _enlarge_next(self, upscaler: Upscaler, painting: Painting, portion: Portion) -> None:
        begun_at = time.perf_counter()
        picture = painting.pictures[len(painting.enlarged)]
        if painting.is_tiled:
            enlarged = enlarge_meeting_edges(upscaler.enlarge, picture, scale=upscaler.scale)
        else:
            painting.is_shared = painting.is_shared or portion is Portion.TILES
            enlarged = enlarge_once(upscaler, picture, portion, memory=self._memory)
        painting.enlarged.append(enlarged)
        painting.upscale_s += time.perf_counter() - begun_at


def _tell_sizes(paintings: Sequence[Painting]) -> str:
    return ", ".join(
        f"{len(one.latents)} pictures of {one.canvas.width}x{one.canvas.height}"
        for one in paintings
    )
