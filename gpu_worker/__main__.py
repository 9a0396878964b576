"""Runs one worker: `python -m gpu_worker --family sdxl [--name NAME]`.

SIGTERM lets the job in hand finish.
"""

import argparse
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn, assert_never

import structlog
import structlog.typing
from pydantic import ValidationError

from backend.contracts import ModelFamily, RenderPreview
from gpu_worker.engine.loop import Engine
from gpu_worker.engine.pace import Bounds
from gpu_worker.engine.rehearsal import AdapterShelf, SleepingArtist
from gpu_worker.engine.stock import LateStock
from gpu_worker.health import HealthServer
from gpu_worker.host_memory import settle_allocator
from gpu_worker.marks import open_marker
from gpu_worker.messenger import Messenger
from gpu_worker.release.pipeline import ReleasedPreview, ReleasePipeline
from gpu_worker.release.previews import Previews, Sketch
from gpu_worker.release.screening import Screening
from gpu_worker.release.sealing import Sealing
from gpu_worker.render.drawing import Artist
from gpu_worker.settings import Settings
from gpu_worker.state import ModelNotConfigured
from gpu_worker.tasks import open_app, serve
from gpu_worker.vitals import Dials
from gpu_worker.worker import Worker
from safety.hash_lists import open_hash_lists, open_own_list
from safety.image_checks import open_image_checks, wanted_checks
from safety.moderation.quarantine import load_or_create_quarantine_key, read_public_key
from safety.policy import DEFAULT_POLICY
from safety.prompt_checks import open_prompt_check
from storage.blocked import BlockedHashes
from storage.image_store import ImageStore
from storage.object_store import ObjectStore
from storage.object_stores import open_object_store
from storage.sealed import SealedObjects

if TYPE_CHECKING:
    # These import torch, which a worker without a model does without.
    pass

# Read by the libraries when they are imported, which happens later, on the engine's thread. Their
# warnings quote prompts, so they are silenced; passive waiting keeps OpenMP from starving others.
_QUIET = {
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_WAIT_POLICY": "PASSIVE",
    # So that cuBLAS adds up in the same order every time.
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    # Blocks that can grow leave fewer gaps between pictures of many sizes.
    "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
}
_EXIT_HUNG = 70
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
    settle_allocator()
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
    server = HealthServer(
        host=settings.health_host,
        port=settings.health_port,
        read=worker.vitals,
        read_lists=worker.list_states,
    )
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
    objects = open_object_store(settings.object_store())
    images = ImageStore(objects=objects)
    stock, dials = LateStock(), Dials()
    messenger = Messenger(redis_url=settings.redis_url or "", worker=name)
    release = ReleasePipeline(
        screening=open_screening(settings, objects),
        check_timeout_s=settings.image_check_timeout_s,
        images=images,
        marker=open_marker(settings),
        store_retry_s=settings.store_retry_s,
        preview_timeout_s=settings.preview_check_timeout_s,
        preview_blur_score=settings.preview_blur_score,
    )
    previews = open_previews(release, messenger, worker=name)
    return Worker(
        name=name,
        family=family,
        engine=Engine(
            open_artist=lambda: open_artist(settings, family, stock, dials, previews.offer)
        ),
        messenger=messenger,
        images=images,
        release=release,
        previews=previews,
        sealing=open_sealing(settings, objects),
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


def open_screening(settings: Settings, objects: ObjectStore) -> Screening:
    """Open all checks that pictures go through, and what the words bear on them.

    Raises:
        CheckFailed, HashListsInvalid: one is set to what it cannot be.

    """
    lists = open_hash_lists(settings.hash_lists, cache=settings.home / "hash_lists")
    wanted = wanted_checks(
        nsfw_second=settings.nsfw_second,
        nsfw_second_labels=settings.nsfw_second_labels,
        age=settings.age_estimator,
        age_labels=settings.age_estimator_labels,
        hash_lists=(open_own_list(BlockedHashes(objects=objects).read), *lists),
    )
    return Screening(
        checks=open_image_checks(wanted=wanted),
        policy=DEFAULT_POLICY,
        word_checks=(open_prompt_check("blocklist"),),
        hash_lists=wanted.hash_lists,
    )


def open_sealing(settings: Settings, objects: ObjectStore) -> Sealing:
    """Open what keeps pictures that are held for child safety, if they are to be kept at all.

    Raises:
        QuarantineKeyUnusable: its key is not usable.

    """
    sealed = SealedObjects(objects=objects)
    if settings.quarantine == "drop":
        return Sealing(sealed=sealed, public_key=None)
    if settings.quarantine_public_key:
        return Sealing(sealed=sealed, public_key=read_public_key(settings.quarantine_public_key))
    own = load_or_create_quarantine_key(settings.home / "quarantine.key")
    return Sealing(sealed=sealed, public_key=own.public_key())


def open_previews(release: ReleasePipeline, messenger: Messenger, *, worker: str) -> Previews:
    """Wire what shows pictures on their way to those who may look."""

    def show(sketch: Sketch, preview: ReleasedPreview) -> None:
        report = RenderPreview(
            job_id=sketch.job.job_id,
            attempt=sketch.job.attempt,
            worker=worker,
            step=sketch.step,
            steps=sketch.steps,
        )
        messenger.show_preview(report, preview)

    return Previews(
        screen=release, show=show, take_back=messenger.take_preview_back, clock=time.monotonic
    )


def open_artist(
    settings: Settings,
    family: ModelFamily,
    stock: LateStock,
    dials: Dials,
    offer: Callable[[Sketch], object] = lambda _sketch: None,
) -> Artist:
    """Open what draws, and the stock of what it wears; on the engine's thread, and slow.

    What there is to watch of it is shown on `dials`; `offer` gets what its pictures would be, now
    and then.

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
            source = settings.model_source(family)
            if source is None:
                # Said before torch is loaded: a worker without a model costs next to nothing.
                raise ModelNotConfigured(
                    f"No model is configured for {family}. "
                    f"Set IMPASTO_MODEL_{family.upper()} to a diffusers folder."
                )
            from gpu_worker.opening import open_renderer

            return open_renderer(settings, family, stock, dials, offer, source=source)
        case _:
            assert_never(settings.engine)


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
