"""Opens an artist over a real model: loads it, and all that it is dressed and watched by.

Imports torch, which takes seconds; a worker without a model never reads this.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from backend.contracts import ModelFamily, RenderJob
from gpu_worker.compose.compiling import is_compiled, network_of
from gpu_worker.compose.composer import choose_threads, load_model, settle_numbers
from gpu_worker.compose.controlnet import ControlNets
from gpu_worker.compose.demand import Demand
from gpu_worker.compose.digests import FileDigests
from gpu_worker.compose.drawn_by import (
    UsedFiles,
    find_upscaler,
    tell_decoder,
    tell_drawn_by,
)
from gpu_worker.compose.lora_files import find_lora, list_loras
from gpu_worker.compose.lora_stock import LoraStock
from gpu_worker.compose.room import open_books, open_work_memory
from gpu_worker.compose.signing import SignedDecoder, find_decoder, sign
from gpu_worker.compose.wardrobe import Wardrobe
from gpu_worker.engine.stock import LateStock
from gpu_worker.families import open_family
from gpu_worker.family import Family, LoadedModel
from gpu_worker.reading import read_artist
from gpu_worker.release.previews import Sketch
from gpu_worker.render.drawing import Artist
from gpu_worker.render.notary import Notary
from gpu_worker.render.pipeline import Renderer
from gpu_worker.render.preview import draw_small, open_decoder
from gpu_worker.render.sketch import Guess, Sketching
from gpu_worker.render.upscale import open_enlarger, open_named
from gpu_worker.samplers import open_sampler
from gpu_worker.settings import Settings
from gpu_worker.vitals import Dials
from gpu_worker.vram.manager import VramManager
from gpu_worker.vram.probe import give_back_memory
from gpu_worker.vram.recovery import Recovery
from gpu_worker.warm_up import compile_and_warm_up

# For so many LoRAs together a compiled network has room from the beginning.
_LORAS_AT_ONCE = 2


def open_renderer(
    settings: Settings,
    family: ModelFamily,
    stock: LateStock,
    dials: Dials,
    offer: Callable[[Sketch], object],
    *,
    source: str,
) -> Artist:
    """Load the model of a source and open what draws with it, and all that goes with it.

    Raises:
        RenderError: it does not load.

    """
    decoder = find_decoder(settings.signature, family)
    model = load_model(
        family,
        source,
        device=settings.device,
        dtype=settings.dtype,
        quantise=settings.quantise,
    )
    if decoder is not None:
        sign(model.pipeline.vae, decoder.path)
    settle_numbers(settings.threads or choose_threads(model))
    opened = open_family(family, model)
    adapters = _open_adapters(settings, model, family, stock)
    books = adapters.books
    recovery = _open_recovery(books)
    renderer = Renderer(
        family=opened,
        open_sampler=partial(open_sampler, family=family, scheduler_config=opened.scheduler_config),
        upscaler=open_named(
            settings.upscalers,
            model.defaults.upscaler,
            scale=model.defaults.display_scale,
            device=model.device,
        ),
        enlarger=open_enlarger(settings.upscalers, model.defaults.upscaler, device=model.device),
        dresser=adapters.wardrobe,
        controlnets=adapters.controlnets,
        recovery=recovery,
        memory=open_work_memory(books, model, opened),
        notary=_open_notary(settings, opened, model, source, adapters.controlnets, decoder),
        sketching=_open_sketching(settings, opened, offer),
    )
    dials.read = partial(read_artist, renderer, adapters.wardrobe, recovery, books, model.device)
    if is_compiled(settings.compile, model.device):
        # Room that grows later has the network compiled once more.
        fitting = adapters.wardrobe.prepare(list_loras(settings.loras), at_once=_LORAS_AT_ONCE)
        compile_and_warm_up(renderer, network_of(model), family, loras=fitting)
    return renderer


def _open_recovery(books: VramManager) -> Recovery:

    def free() -> None:
        books.evict_all()
        give_back_memory()

    return Recovery(free=free)


class _Adapters(NamedTuple):
    """What a loaded model is dressed and steered by, and the books of its device's memory."""

    books: VramManager
    wardrobe: Wardrobe
    controlnets: ControlNets


def _open_adapters(
    settings: Settings, model: LoadedModel, family: ModelFamily, stock: LateStock
) -> _Adapters:
    """Open the shelves beside a model, and load what is always hot."""
    demand = Demand(path=settings.home / f"uses/{family}.log", always_hot=settings.loras_hot)
    books = open_books(model.device, expect_uses=demand.worth)
    folder, cached_bytes = settings.loras, settings.lora_cache_bytes
    wardrobe = Wardrobe(
        model=model,
        family=family,
        folder=folder,
        cached_bytes=cached_bytes,
        vram=books,
        worth=demand.worth,
    )
    loras = LoraStock(wardrobe=wardrobe, demand=demand, folder=folder, cached_bytes=cached_bytes)
    loras.fetch(settings.loras_hot)
    controlnets = ControlNets(
        model=model,
        family=family,
        folder=settings.controlnets,
        vram=books,
        always_hot=frozenset(settings.controlnets_hot),
    )
    controlnets.warm_up()
    stock.open(loras, controlnets)
    return _Adapters(books, wardrobe, controlnets)


def _open_notary(
    settings: Settings,
    family: Family,
    model: LoadedModel,
    source: str,
    controlnets: ControlNets,
    decoder: SignedDecoder | None,
) -> Notary:
    """Open what notes how pictures are drawn; reads a model's files where they are new here."""
    digests = FileDigests(cache=settings.home / "digests.json")
    return Notary(
        family=family,
        drawn_by=tell_drawn_by(model, source, digests=digests, quantise=settings.quantise),
        name_files=UsedFiles(
            digests=digests,
            upscaler=find_upscaler(settings.upscalers, model.defaults),
            decoder=tell_decoder(decoder, digests=digests) if decoder else None,
            find_lora=partial(find_lora, settings.loras),
            find_controlnet=controlnets.find,
        ),
    )


def _open_sketching(
    settings: Settings, family: Family, offer: Callable[[Sketch], object]
) -> Sketching | None:
    """Open what takes down pictures on their way; None where nobody is to see them, or can."""
    decoder = open_decoder(settings.previewers, family) if settings.preview_share else None
    if decoder is None:
        return None

    def hand_over(job: RenderJob, guess: Guess) -> None:
        draw = partial(draw_small, decoder, guess.latents)
        offer(Sketch(job=job, step=guess.step, steps=guess.steps, draw=draw))

    return Sketching(
        share=settings.preview_share, every_s=settings.preview_every_s, hand_over=hand_over
    )
