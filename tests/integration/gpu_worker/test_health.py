"""The health of real worker processes: what they answer, say of themselves, and do when ill."""

import json
import shutil
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from backend.contracts import ModelFamily, WorkerState, parse_presence, worker_key
from gpu_worker.messenger import Messenger
from tests.integration.gpu_worker.conftest import (
    Line,
    StartWorker,
    WorkerProcess,
    a_render_job,
    wait_for,
)

SDXL = ModelFamily.SDXL
UNET = "unet/diffusion_pytorch_model.safetensors"


def log_lines(worker: WorkerProcess) -> list[dict[str, object]]:
    lines = worker.log.read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def port_of(worker: WorkerProcess) -> int:
    def said() -> object:
        return next((one["port"] for one in log_lines(worker) if "port" in one), None)

    return int(str(wait_for(said, f"the port of {worker.name}: {worker.log.read_text()}")))


def get(worker: WorkerProcess, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port_of(worker)}{path}") as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def scrape(worker: WorkerProcess) -> dict[tuple[str, ...], float]:
    who = ("worker", "family")
    return {
        (one.name, *[value for name, value in one.labels.items() if name not in who]): one.value
        for family in parse(get(worker, "/metrics")[1])
        for one in family.samples
    }


def states_told(worker: WorkerProcess) -> list[object]:
    return [one["state"] for one in log_lines(worker) if one["event"] == "worker_state"]


def state_of(line: Line, name: str) -> WorkerState | None:
    said = line.redis.get(worker_key(SDXL, name))
    return None if said is None else parse_presence(said).state


def test_a_job_is_watched_through_all_its_states(line: Line, start_worker: StartWorker):
    worker = start_worker(health_port=0, sleep_adapter_s=0.2, sleep_step_s=0.2, sleep_steps=3)
    wait_for(lambda: state_of(line, "worker-1") is WorkerState.IDLE, "an idle worker")
    assert get(worker, "/readyz")[0] == 200
    job = a_render_job(adapters=["pixel-art"])
    line.send(job)
    wait_for(lambda: state_of(line, "worker-1") is WorkerState.GENERATING, "a drawing worker")
    assert line.outcome(job).kind == "render_finished"
    wait_for(lambda: state_of(line, "worker-1") is WorkerState.IDLE, "an idle worker")
    scraped = scrape(worker)
    assert scraped["impasto_worker_jobs_ended_total", "finished"] == 1
    assert scraped["impasto_worker_steps_total",] == 3
    assert scraped["impasto_worker_state", "idle"] == 1
    assert scraped["impasto_worker_state_seconds_total", "generating"] >= 0.6
    assert scraped["impasto_worker_state_seconds_total", "loading_adapters"] >= 0.2
    assert worker.terminate() == 0
    assert states_told(worker) == [
        "loading",
        "idle",
        "processing",
        "loading_adapters",
        "generating",
        "post_processing",
        "idle",
        "unloading",
        "stopped",
    ]


def test_a_worker_without_a_model_leaves_the_jobs_to_one_that_has_it(
    line: Line, start_worker: StartWorker, tmp_path: Path
):
    healthy = start_worker("worker-1")
    healthy.wait_until_present(line)
    broken = start_worker(
        "worker-2", engine="diffusers", model_sdxl=tmp_path / "nowhere", health_port=0
    )
    wait_for(lambda: state_of(line, "worker-2") is WorkerState.UNHEALTHY, "a worker that is ill")
    assert get(broken, "/livez")[0] == 200
    status, body = get(broken, "/readyz")
    assert (status, json.loads(body)["state"]) == (503, "unhealthy")
    jobs = [a_render_job(number) for number in range(1, 9)]
    for job in jobs:
        line.send(job)
    outcomes = [line.outcome(job) for job in jobs]
    assert {(one.kind, one.worker) for one in outcomes} == {("render_finished", "worker-1")}
    # The last one that could draw goes: now somebody has to say why nobody draws.
    assert healthy.terminate() == 0
    last = a_render_job(9)
    line.send(last)
    outcome = line.outcome(last)
    assert (outcome.kind, outcome.code, outcome.worker) == (
        "render_failed",
        "model_missing",
        "worker-2",
    )


def test_a_repaired_folder_brings_a_worker_back_without_a_job(
    line: Line, start_worker: StartWorker, tiny_sdxl: Path, tmp_path: Path
):
    folder = Path(shutil.copytree(tiny_sdxl, tmp_path / "model"))
    whole = (folder / UNET).read_bytes()
    (folder / UNET).write_bytes(whole[:-100])
    worker = start_worker(engine="diffusers", model_sdxl=folder, health_port=0)
    wait_for(lambda: state_of(line, "worker-1") is WorkerState.UNHEALTHY, "a worker that is ill")
    (folder / UNET).write_bytes(whole)
    wait_for(lambda: state_of(line, "worker-1") is WorkerState.IDLE, worker.log.read_text())
    assert get(worker, "/readyz")[0] == 200
    job = a_render_job()
    line.send(job)
    assert line.outcome(job).kind == "render_finished"
    names = {family.name for family in parse(get(worker, "/metrics")[1])}
    assert {"impasto_worker_memory_lent_bytes", "impasto_worker_cache_hits"} <= names


@pytest.mark.parametrize(
    ("state", "serves"),
    [
        (WorkerState.IDLE, True),
        (WorkerState.LOADING, True),
        (WorkerState.GENERATING, True),
        (WorkerState.UNHEALTHY, False),
        (WorkerState.UNLOADING, False),
    ],
)
def test_only_who_draws_or_soon_will_counts_as_another(
    line: Line, redis_url: str, state: WorkerState, *, serves: bool
):
    presence = parse_presence("1").model_copy(update={"state": state})
    said = presence.model_dump_json()
    messenger = Messenger(redis_url=redis_url, worker="worker-1")
    try:
        line.redis.set(worker_key(SDXL, "worker-1"), parse_presence("1").model_dump_json(), ex=5)
        line.redis.set(worker_key(ModelFamily.FLUX, "worker-2"), said, ex=5)
        assert not messenger.others_serve(SDXL, "worker-1")
        line.redis.set(worker_key(SDXL, "worker-2"), said, ex=5)
        assert messenger.others_serve(SDXL, "worker-1") is serves
    finally:
        messenger.close()
