"""The next job is in hand before this one ends, and not sooner; and the end of what hangs."""

import signal
import time
from itertools import pairwise

from backend.contracts import (
    ModelFamily,
    RenderStarted,
    Tier,
    claim_key,
    parse_presence,
    worker_key,
)
from gpu_worker.herald import ASLEEP_FOR_S
from tests.integration.gpu_worker.conftest import FINAL, Line, StartWorker, a_render_job, wait_for

KEY = worker_key(ModelFamily.SDXL, "worker-1")
NEVER_S = 600


def has_begun(line: Line, number: int) -> bool:
    return any(
        isinstance(report, RenderStarted) for report in line.reports_of(a_render_job(number))
    )


def test_the_next_job_is_in_hand_while_this_one_is_decoded(line: Line, start_worker: StartWorker):
    line.send(a_render_job(1))
    line.send(a_render_job(2))
    line.send(a_render_job(3))
    # The first is decoded for longer than this test may take.
    start_worker(sleep_decode_s=NEVER_S)
    wait_for(lambda: has_begun(line, 2), "the second job's start")
    assert not [report for report in line.reports_of(a_render_job(1)) if report.kind in FINAL]


def test_no_job_is_taken_while_another_is_far_from_its_end(line: Line, start_worker: StartWorker):
    line.send(a_render_job(1, steps=9))
    line.send(a_render_job(2))
    start_worker(sleep_step_s=NEVER_S)

    def has_beaten_twice() -> bool:
        beats = [report for report in line.reports() if report.kind == "render_progress"]
        return len(beats) >= 3

    wait_for(has_beaten_twice, "two heartbeats within the first step")
    assert not has_begun(line, 2)
    assert line.queued(Tier.FAST) == 1
    assert parse_presence(line.redis.get(KEY)).wants == 0


def test_a_worker_that_draws_two_at_once_takes_two(line: Line, start_worker: StartWorker):
    for number in (1, 2, 3):
        line.send(a_render_job(number, steps=9))
    start_worker(sleep_step_s=NEVER_S, drawn_at_once=2)
    wait_for(lambda: has_begun(line, 1) and has_begun(line, 2), "two starts")
    wait_for(lambda: parse_presence(line.redis.get(KEY)).wants == 0, "a sated worker")
    assert parse_presence(line.redis.get(KEY)).slots == 2
    assert line.queued(Tier.FAST) == 1


def test_a_worker_that_is_told_to_end_asks_for_nothing_more(line: Line, start_worker: StartWorker):
    worker = start_worker(sleep_decode_s=NEVER_S)
    line.send(a_render_job(1))
    wait_for(lambda: has_begun(line, 1), "the start")
    wait_for(lambda: parse_presence(line.redis.get(KEY)).wants == 1, "an open wish")
    worker.process.send_signal(signal.SIGTERM)
    wait_for(lambda: parse_presence(line.redis.get(KEY)).wants == 0, "no more wishes")


def test_messages_that_are_no_job_of_its_own_do_not_make_a_worker_pause(
    line: Line, start_worker: StartWorker
):
    claimed, last = a_render_job(1), a_render_job(2)
    line.redis.set(claim_key(claimed.job_id, 1), "another worker")
    worker = start_worker()
    worker.wait_until_present(line)
    # A worker that slept after each until its loop's next timer would need minutes.
    for _ in range(100):
        line.send(claimed)
        line.send_raw("not a job at all", "sdxl.fast")
    line.send(last)
    assert line.outcome(last).kind == "render_finished"


def test_storing_one_job_does_not_keep_the_next_from_the_engine(
    line: Line, start_worker: StartWorker
):
    jobs = [a_render_job(number, steps=2) for number in range(12)]
    for job in jobs:
        line.send(job)
    start_worker(sleep_step_s=0.02, sleep_decode_s=0.3)
    assert {line.outcome(job).kind for job in jobs} == {"render_finished"}
    reports = [(report.kind, report.job_id) for report in line.reports()]
    overlaps = sum(
        reports.index(("render_started", later.job_id))
        < reports.index(("render_finished", job.job_id))
        for job, later in pairwise(jobs)
    )
    assert overlaps >= 9


def test_a_hung_kernel_ends_its_worker_and_its_job_comes_back(
    line: Line, start_worker: StartWorker
):
    worker = start_worker(sleep_step_s=0.02, sleep_hang_seed=13, hung_after_s=1)
    known, hung = a_render_job(1, seed=1), a_render_job(2, seed=13)
    line.send(known)
    line.outcome(known)
    line.send(hung)
    outcome = line.outcome(hung)
    assert (outcome.code, outcome.is_retryable) == ("hung", True)
    assert worker.process.wait(timeout=60) == 70
    assert not line.redis.exists(KEY)
    start_worker(sleep_step_s=0.02)
    again = hung.model_copy(update={"attempt": 2})
    line.send(again)
    assert line.outcome(again).kind == "render_finished"


def test_a_first_step_that_compiles_for_long_is_not_taken_for_hung(
    line: Line, start_worker: StartWorker
):
    start_worker(sleep_step_s=4, hung_after_s=0.5)
    job = a_render_job(1, steps=1)
    line.send(job)
    assert line.outcome(job).kind == "render_finished"


def test_a_worker_that_was_stopped_goes_on_where_it_was(line: Line, start_worker: StartWorker):
    worker = start_worker(sleep_step_s=0.1, hung_after_s=1)
    known, job = a_render_job(1, steps=2), a_render_job(2, steps=100)
    line.send(known)
    line.outcome(known)
    line.send(job)
    wait_for(lambda: len(line.reports_of(job)) > 2, "progress")
    # Whoever tells the time notices it between two rounds, and may be stopped within one.
    for _ in range(4):
        worker.process.send_signal(signal.SIGSTOP)
        # Real time has to pass, longer than anything may hang.
        time.sleep(ASLEEP_FOR_S + 2)
        worker.process.send_signal(signal.SIGCONT)
        time.sleep(1)
        if "was_asleep" in worker.log.read_text():
            break
    assert line.outcome(job).kind == "render_finished"
    assert "was_asleep" in worker.log.read_text()
    assert worker.terminate() == 0
