"""A worker's life: jobs in, reports out, signals, and a broker that goes away."""

import json
import signal

import pytest

from backend.contracts import (
    ImageVariant,
    ModelFamily,
    RenderFinished,
    RenderStarted,
    Tier,
    cancel_key,
    claim_key,
    own_queue_name,
    parse_presence,
    worker_key,
)
from tests.fakes.servers import ValkeyServer
from tests.integration.gpu_worker.conftest import Line, StartWorker, a_render_job, wait_for


def test_a_job_is_drawn_checked_stored_and_reported(
    line: Line, start_worker: StartWorker, tmp_path
):
    start_worker(sleep_step_s=0.3)
    job = a_render_job(image_count=2)
    line.send(job)
    outcome = line.outcome(job)
    assert isinstance(outcome, RenderFinished)
    assert outcome.worker == "worker-1"
    assert [(image.index, image.seed) for image in outcome.images] == [(0, 7), (1, 8)]
    grid = {ImageVariant.GRID, ImageVariant.GRID_SMALL}
    assert set(outcome.images[0].keys) == set(ImageVariant)
    assert set(outcome.images[1].keys) == set(ImageVariant) - grid
    for image in outcome.images:
        assert set(image.digests) == set(image.keys)
        stored = (tmp_path / "home/objects" / image.keys[ImageVariant.ORIGINAL]).read_bytes()
        assert len(stored) == image.size_bytes
    kinds = [report.kind for report in line.reports_of(job)]
    assert kinds[0] == "render_started"
    assert kinds[1:-1] == ["render_progress"] * len(kinds[1:-1])
    assert len(kinds) >= 4


def test_a_claimed_attempt_is_not_drawn_again(line: Line, start_worker: StartWorker):
    job, next_job = a_render_job(1), a_render_job(2)
    line.redis.set(claim_key(job.job_id, job.attempt), "another worker")
    line.send(job)
    line.send(next_job)
    start_worker()
    line.outcome(next_job)
    assert line.reports_of(job) == []


def test_what_lies_in_its_own_queue_is_drawn_first(line: Line, start_worker: StartWorker):
    for number, queue in enumerate(
        ["sdxl.turbo", own_queue_name(ModelFamily.SDXL, "worker-1"), "sdxl.worker.worker-2"]
    ):
        line.send_raw(a_render_job(number).as_message(), queue)
    start_worker()
    line.outcome(a_render_job(0))
    started = [report.job_id for report in line.reports() if isinstance(report, RenderStarted)]
    assert started == ["gen_1", "gen_0"]


def test_a_message_delivered_twice_is_drawn_once(line: Line, start_worker: StartWorker):
    job, last = a_render_job(1), a_render_job(2, tier=Tier.RELAX)
    for _ in range(3):
        line.send(job)
    start_worker("worker-1")
    start_worker("worker-2")
    line.outcome(job)
    wait_for(lambda: line.queued(Tier.FAST) == 0, "an empty queue")
    line.send(last)
    line.outcome(last)
    kinds = [report.kind for report in line.reports_of(job)]
    assert kinds.count("render_started") == 1
    assert kinds.count("render_finished") == 1


def test_a_later_attempt_is_drawn_though_the_first_is_claimed(
    line: Line, start_worker: StartWorker
):
    job = a_render_job(attempt=2)
    line.redis.set(claim_key(job.job_id, 1), "a worker that died")
    line.send(job)
    start_worker()
    assert line.outcome(job).kind == "render_finished"


def test_a_cancelled_job_stops_within_a_step_and_the_next_one_is_drawn(
    line: Line, start_worker: StartWorker
):
    start_worker(sleep_step_s=0.05)
    job, next_job = a_render_job(1, steps=500), a_render_job(2, steps=1)
    line.send(job)
    wait_for(lambda: len(line.reports_of(job)) > 2, "progress")
    line.redis.set(cancel_key(job.job_id), 1)
    line.send(next_job)
    assert line.outcome(job).kind == "render_cancelled"
    assert line.outcome(next_job).kind == "render_finished"


def test_a_job_cancelled_before_it_began_takes_no_step(line: Line, start_worker: StartWorker):
    job = a_render_job(steps=500)
    line.redis.set(cancel_key(job.job_id), 1)
    line.send(job)
    start_worker(sleep_step_s=1)
    assert line.outcome(job).kind == "render_cancelled"


def test_sigterm_lets_the_job_in_hand_finish(line: Line, start_worker: StartWorker):
    worker = start_worker(sleep_step_s=0.1)
    job, waiting = a_render_job(1, steps=8), a_render_job(2)
    line.send(job)
    wait_for(lambda: line.reports_of(job), "the start")
    line.send(waiting)
    assert worker.terminate() == 0
    assert line.outcome(job).kind == "render_finished"
    assert line.reports_of(waiting) == []
    assert line.queued(Tier.FAST) == 1
    assert not line.redis.exists(worker_key(ModelFamily.SDXL, "worker-1"))


def test_an_idle_worker_ends_at_once(line: Line, start_worker: StartWorker):
    worker = start_worker()
    worker.wait_until_present(line)
    assert worker.terminate() == 0


def test_presence_says_what_is_wanted_and_runs_out(line: Line, start_worker: StartWorker):
    worker = start_worker(family=ModelFamily.FLUX)
    worker.wait_until_present(line)
    key = worker_key(ModelFamily.FLUX, "worker-1")
    presence = parse_presence(line.redis.get(key))
    assert (presence.slots, presence.wants, presence.adapters) == (1, 1, ())
    assert 0 < int(line.redis.ttl(key)) <= 15


@pytest.mark.parametrize("message", [{"job_id": "gen_1", "attempt": 3, "promt": "a secret fox"}])
def test_a_message_nobody_can_read_is_refused(
    line: Line, start_worker: StartWorker, message: dict[str, object]
):
    worker = start_worker()
    line.send_raw("not a job at all", "sdxl.fast")
    line.send_raw(message, "sdxl.fast")
    outcome = line.outcome(a_render_job(attempt=3))
    assert (outcome.code, outcome.is_retryable) == ("bad_request", False)
    wait_for(lambda: "message_refused" in worker.log.read_text(), "the log line")
    assert "secret" not in worker.log.read_text()


def test_a_job_of_another_family_is_refused(line: Line, start_worker: StartWorker):
    start_worker()
    job = a_render_job(family=ModelFamily.FLUX)
    line.send_raw(job.model_dump(mode="json"), "sdxl.fast")
    assert line.outcome(job).code == "bad_request"


def test_every_log_line_is_json_and_none_holds_a_prompt(line: Line, start_worker: StartWorker):
    worker = start_worker()
    job = a_render_job()
    line.send(job)
    line.outcome(job)
    worker.terminate()
    written = worker.log.read_text().splitlines()
    # Celery's goodbye comes straight out of its signal handler.
    written = [text for text in written if text not in ("", "worker: Warm shutdown (MainProcess)")]
    lines = [json.loads(text) for text in written]
    ended = [entry for entry in lines if entry["event"] == "job_ended"]
    assert [(entry["job_id"], entry["outcome"]) for entry in ended] == [
        ("gen_1", "render_finished")
    ]
    assert "secret" not in worker.log.read_text()


def test_a_broker_killed_in_mid_job_is_found_again(
    valkey_server: ValkeyServer, start_worker: StartWorker
):
    worker = start_worker(redis_url=valkey_server.url, sleep_step_s=0.1)
    line = Line(valkey_server.url)
    job, next_job = a_render_job(1, steps=20), a_render_job(2)
    line.send(job)
    wait_for(lambda: len(line.reports_of(job)) > 2, "progress")
    line.close()
    valkey_server.kill()
    valkey_server.start()
    line = Line(valkey_server.url)
    # The server came back empty: the claim is forgotten, the job's end is told all the same.
    assert line.outcome(job).kind == "render_finished"
    line.send(next_job)
    assert line.outcome(next_job).kind == "render_finished"
    worker.wait_until_present(line)
    assert worker.terminate() == 0
    line.close()


def test_a_worker_waits_for_a_broker_that_is_not_there_yet(
    valkey_server: ValkeyServer, start_worker: StartWorker
):
    valkey_server.stop()
    worker = start_worker(redis_url=valkey_server.url)
    wait_for(lambda: "presence_lost" in worker.log.read_text(), "the complaint")
    valkey_server.start()
    line = Line(valkey_server.url)
    job = a_render_job()
    line.send(job)
    assert line.outcome(job).kind == "render_finished"
    line.close()


def test_a_killed_worker_leaves_its_claim_and_a_new_attempt_goes_through(
    line: Line, start_worker: StartWorker
):
    worker = start_worker("worker-1", sleep_step_s=0.1)
    job = a_render_job(steps=400)
    line.send(job)
    wait_for(lambda: any(isinstance(r, RenderStarted) for r in line.reports_of(job)), "the start")
    worker.process.send_signal(signal.SIGKILL)
    worker.process.wait()
    start_worker("worker-2")
    again = job.model_copy(update={"attempt": 2, "steps": 2})
    line.send(again)
    assert line.outcome(again).worker == "worker-2"
