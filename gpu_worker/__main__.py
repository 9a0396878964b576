"""Runs one worker: `python -m gpu_worker --family sdxl [--name NAME]`.

SIGTERM lets the job in hand finish.
"""

import argparse
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, NoReturn, assert_never

import structlog
import structlog.typing
from pydantic import ValidationError

from backend.contracts import ModelFamily
from gpu_worker.engine.loop import Engine
from gpu_worker.engine.pace import Bounds
from gpu_worker.engine.rehearsal import AdapterShelf, SleepingArtist
from gpu_worker.engine.stock import LateStock
from gpu_worker.health import HealthServer
from gpu_worker.messenger import Messenger
from gpu_worker.release.pipeline import ReleasePipeline
from gpu_worker.render.drawing import Artist
from gpu_worker.settings import Settings
from gpu_worker.state import ModelNotConfigured
from gpu_worker.tasks import open_app, serve
from gpu_worker.vitals import Dials
from gpu_worker.worker import Worker
from safety.image_checks import open_image_checks
from safety.policy import DEFAULT_POLICY
from storage.image_store import ImageStore
from storage.object_stores import open_object_store

if TYPE_CHECKING:
    # These import torch, which a worker without a model does without.
    from gpu_worker.compose.controlnet import ControlNets
    from gpu_worker.compose.wardrobe import Wardrobe
    from gpu_worker.family import LoadedModel
    from gpu_worker.vram.manager import VramManager
    from gpu_worker.vram.recovery import Recovery

# Read by the libraries when they are imported, which happens later, on the engine's thread. Their
# warnings quote prompts, so they are silenced; passive waiting keeps OpenMP from starving others.
_QUIET = {
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_WAIT_POLICY": "PASSIVE",
    # Blocks that can grow leave fewer gaps between pictures of many sizes.
    "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
}
_EXIT_HUNG = 70
# For so many LoRAs together a compiled network has room from the beginning.
_LORAS_AT_ONCE = 2
# A check of each of a job's pictures may time out, and the store needs a while.
_MOST_CHECKS, _STORE_S = 4, 60.0
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="gpu_worker", description=__doc__)
    parser.add_argument("--family", type=ModelFamily, choices=list(ModelFamily), required=True)
    parser.add_argument("--name", default=f"{socket.gethostname()}-{os.getpid()}")
    chosen = parser.parse_args(arguments)
    try:
        settings = Settings()
    except ValidationError as error:
        names = ", ".join(f"IMPASTO_{issue['loc'][0]}".upper() for issue in error.errors())
        sys.stderr.write(f"These settings are not usable: {names}\n")
        return 2
    if settings.redis_url is None:
        sys.stderr.write("No broker: set IMPASTO_REDIS_URL, or start with `impasto worker`.\n")
        return 2
    prepare_environment(settings, chosen.family)
    _log_as_json()
    worker = open_worker(settings, family=chosen.family, name=chosen.name)
    app = open_app(redis_url=settings.redis_url, worker=worker)
    # Until Celery takes the signal over, which it does when it begins to consume.
    signal.signal(signal.SIGTERM, _leave)
    with _answering_probes(settings, worker):
        worker.start()
        try:
            return serve(app, worker=worker)
        finally:
            worker.close()


@contextmanager
def _answering_probes(settings: Settings, worker: Worker) -> Iterator[None]:
    if settings.health_port is None:
        yield
        return
    server = HealthServer(host=settings.health_host, port=settings.health_port, read=worker.vitals)
    server.start()
    try:
        yield
    finally:
        server.close()


def _leave(_number: int, _frame: object) -> NoReturn:
    """End in good order before there is a job to finish."""
    sys.exit(0)


def _give_up() -> NoReturn:
    """End at once: no thread can be freed that a device or a library holds; a new process can."""
    os._exit(_EXIT_HUNG)


def prepare_environment(settings: Settings, family: ModelFamily) -> None:
    """Tell the model libraries to be quiet, and offline unless a hub id asks for the hub."""
    wanted = _QUIET if settings.needs_hub(family) else _QUIET | _OFFLINE
    # What was compiled once is found again after a restart.
    wanted = {**wanted, "TORCHINDUCTOR_CACHE_DIR": str(settings.home / "compiled")}
    for name, value in wanted.items():
        os.environ.setdefault(name, value)


def open_worker(settings: Settings, *, family: ModelFamily, name: str) -> Worker:
    """Wire a worker; loads nothing and asks no server yet."""
    images = ImageStore(objects=open_object_store(settings.object_store()))
    stock, dials = LateStock(), Dials()
    return Worker(
        name=name,
        family=family,
        engine=Engine(open_artist=lambda: open_artist(settings, family, stock, dials)),
        messenger=Messenger(redis_url=settings.redis_url or "", worker=name),
        images=images,
        release=ReleasePipeline(
            checks=open_image_checks(policy=DEFAULT_POLICY),
            policy=DEFAULT_POLICY,
            check_timeout_s=settings.image_check_timeout_s,
            images=images,
            store_retry_s=settings.store_retry_s,
        ),
        report_retry_s=settings.report_retry_s,
        drawn_at_once=settings.drawn_at_once,
        bounds=Bounds(
            least_s=settings.hung_after_s,
            new_s=settings.warm_up_s,
            release_s=_MOST_CHECKS * settings.image_check_timeout_s + _STORE_S,
        ),
        stock=stock,
        dials=dials,
        on_hung=_give_up,
    )


def open_artist(settings: Settings, family: ModelFamily, stock: LateStock, dials: Dials) -> Artist:
    """Open what draws, and the stock of what it wears; on the engine's thread, and slow.

    What there is to watch of it is shown on `dials`.

    Raises:
        RenderError: there is no such model, or it does not load.

    """
    match settings.engine:
        case "sleeping":
            shelf = AdapterShelf()
            stock.open(shelf)
            return SleepingArtist(
                step_s=settings.sleep_step_s,
                steps=settings.sleep_steps,
                decode_s=settings.sleep_decode_s,
                adapter_s=settings.sleep_adapter_s,
                hang_seed=settings.sleep_hang_seed,
                shelf=shelf,
            )
        case "diffusers":
            return _open_renderer(settings, family, stock, dials)
        case _:
            assert_never(settings.engine)


def _open_renderer(
    settings: Settings, family: ModelFamily, stock: LateStock, dials: Dials
) -> Artist:
    source = settings.model_source(family)
    if source is None:
        # Said before torch is loaded: a worker without a model costs next to nothing.
        raise ModelNotConfigured(
            f"No model is configured for {family}. "
            f"Set IMPASTO_MODEL_{family.upper()} to a diffusers folder."
        )
    # torch takes seconds to import, and only this engine needs it.
    import torch

    from gpu_worker.compose.compiling import is_compiled, network_of
    from gpu_worker.compose.composer import choose_threads, load_model
    from gpu_worker.compose.lora_files import list_loras
    from gpu_worker.compose.room import open_work_memory
    from gpu_worker.families import open_family
    from gpu_worker.reading import read_artist
    from gpu_worker.render.pipeline import Renderer
    from gpu_worker.render.upscale import open_enlarger, open_named
    from gpu_worker.samplers import open_sampler
    from gpu_worker.warm_up import compile_and_warm_up

    model = load_model(
        family,
        source,
        device=settings.device,
        dtype=settings.dtype,
        quantise=settings.quantise,
    )
    torch.set_num_threads(settings.threads or choose_threads(model))
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
    )
    dials.read = partial(read_artist, renderer, adapters.wardrobe, recovery, books, model.device)
    if is_compiled(settings.compile, model.device):
        # Room that grows later has the network compiled once more.
        fitting = adapters.wardrobe.prepare(list_loras(settings.loras), at_once=_LORAS_AT_ONCE)
        compile_and_warm_up(renderer, network_of(model), family, loras=fitting)
    return renderer


def _open_recovery(books: "VramManager") -> "Recovery":
    from gpu_worker.vram.probe import give_back_memory
    from gpu_worker.vram.recovery import Recovery

    def free() -> None:
        books.evict_all()
        give_back_memory()

    return Recovery(free=free)


class _Adapters(NamedTuple):
    """What a loaded model is dressed and steered by, and the books of its device's memory."""

    books: "VramManager"
    wardrobe: "Wardrobe"
    controlnets: "ControlNets"


def _open_adapters(
    settings: Settings, model: "LoadedModel", family: ModelFamily, stock: LateStock
) -> _Adapters:
    """Open the shelves beside a model, and load what is always hot."""
    from gpu_worker.compose.controlnet import ControlNets
    from gpu_worker.compose.demand import Demand
    from gpu_worker.compose.lora_stock import LoraStock
    from gpu_worker.compose.room import open_books
    from gpu_worker.compose.wardrobe import Wardrobe

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
    stock.open(loras)
    controlnets = ControlNets(
        model=model,
        family=family,
        folder=settings.controlnets,
        vram=books,
        always_hot=frozenset(settings.controlnets_hot),
    )
    controlnets.warm_up()
    return _Adapters(books, wardrobe, controlnets)


def _log_as_json() -> None:
    """Write one JSON object a line to stderr, our own events and the libraries' alike."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.captureWarnings(capture=True)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


if __name__ == "__main__":
    sys.exit(main())
