"""The drill's plan, its watch over recoveries, and its books; all pure."""

from dataclasses import replace
from pathlib import Path

import pytest

from backend.billing.ledger import Entry, EntryKind
from backend.cli import main
from backend.cli.drill.crew import forget_settings
from backend.cli.drill.ledger import Told, charge, make_ledger, quantile
from backend.cli.drill.outcome import shown_by_job
from backend.cli.drill.plan import (
    BAG,
    STEP_S,
    WORKERS,
    FaultKind,
    Plan,
    jobs_for,
    make_plan,
)
from backend.cli.drill.recovery import Blow, hands_of, observe, settle_ended
from backend.domain.events import JobEvent, JobEventKind
from backend.domain.jobs import Job, JobState, Lease, Progress
from backend.domain.requests import JobId
from backend.domain.results import GenerationResult, Timings
from tests.builders import NOW, a_job, at

TIMINGS = Timings(encode_s=0.25, denoise_s=1.0, decode_s=0.5, release_s=9.0, total_s=99.0)


def a_plan(*, jobs: int = 40, faults: int = 40, seed: int = 1, has_bot: bool = True) -> Plan:
    return make_plan(jobs=jobs, faults=faults, seed=seed, hang_s=25.0, has_bot=has_bot)


def test_one_seed_gives_one_plan_and_another_seed_another() -> None:
    assert a_plan() == a_plan()
    assert a_plan() != a_plan(seed=2)


def test_forty_faults_in_a_row_hold_every_kind_as_often_as_the_bag() -> None:
    kinds = [fault.kind for fault in a_plan(faults=80).faults]
    for forty in (kinds[:40], kinds[40:]):
        assert {kind: forty.count(kind) for kind in FaultKind} == BAG


def test_without_a_bot_no_fault_hits_it_and_no_request_comes_from_discord() -> None:
    plan = a_plan(has_bot=False)
    assert len(plan.faults) == 40
    assert FaultKind.KILL_BOT not in {fault.kind for fault in plan.faults}
    assert not any(request.by_discord for request in plan.requests)


@pytest.mark.parametrize(("jobs", "faults"), [(1, 0), (1, 30), (500, 3), (60, 60)])
def test_requests_and_faults_fill_the_same_span(jobs: int, faults: int) -> None:
    plan = a_plan(jobs=jobs, faults=faults)
    assert (len(plan.requests), len(plan.faults)) == (jobs, faults)
    for item in (*plan.requests, *plan.faults):
        assert 0 <= item.at_s <= plan.lasts_s
    drawing_s = sum(request.steps * STEP_S for request in plan.requests) / WORKERS
    if faults:
        assert plan.faults[-1].at_s == plan.lasts_s >= drawing_s


def test_there_are_jobs_enough_for_the_faults() -> None:
    assert jobs_for(0) == 30
    assert jobs_for(300) == 900


def in_hand(job: Job, *, worker: str = "w1", step: int = 3, attempt: int = 1) -> Job:
    return replace(
        job,
        state=JobState.RENDERING,
        attempt=attempt,
        lease=Lease(worker=worker, until=at(60)),
        progress=Progress(step=step, steps=10),
    )


def told_of(job: Job, kind: JobEventKind, seconds: float, *, attempt: int = 1) -> JobEvent:
    return JobEvent(job_id=job.id, kind=kind, attempt=attempt, at=at(seconds))


def a_kill(*jobs: Job) -> Blow:
    return Blow(kind=FaultKind.KILL_WORKER, process="worker-1", at=NOW, hands=hands_of(jobs))


def a_stop(*jobs: Job, resumed_s: float) -> Blow:
    return Blow(
        kind=FaultKind.PAUSE_WORKER,
        process="worker-1",
        at=NOW,
        hands=hands_of(jobs),
        same_attempt_from=at(resumed_s),
    )


def test_a_killed_workers_job_recovers_when_somebody_draws_it_again() -> None:
    job = in_hand(a_job())
    blow = a_kill(job)
    later = [
        told_of(job, JobEventKind.RETURNED, 5),
        told_of(job, JobEventKind.DISPATCHED, 6, attempt=2),
    ]
    observe([blow], later, [])
    assert blow.recovery_s is None
    observe([blow], [told_of(job, JobEventKind.STARTED, 7, attempt=2)], [])
    assert (blow.recovery_s, blow.settling_s, blow.is_open) == (7, 7, False)


def test_what_a_worker_had_said_before_it_was_killed_is_no_recovery_unless_it_is_the_end() -> None:
    job = in_hand(a_job())
    blow = a_kill(job)
    later_step = replace(in_hand(job, step=5), updated_at=at(0.1))
    observe([blow], [told_of(job, JobEventKind.STARTED, 0.1)], [later_step])
    assert blow.is_open
    observe([blow], [told_of(job, JobEventKind.DELIVERED, 0.2)], [])
    assert blow.recovery_s == pytest.approx(0.2)


def test_a_resumed_workers_next_step_is_its_jobs_recovery() -> None:
    job = in_hand(a_job(), step=3)
    blow = a_stop(job, resumed_s=2)
    observe([blow], [], [replace(in_hand(job, step=4), updated_at=at(0.1))])
    assert blow.is_open
    observe([blow], [], [replace(in_hand(job, step=3), updated_at=at(2.1))])
    assert blow.is_open
    observe([blow], [], [replace(in_hand(job, step=4), updated_at=at(2.5))])
    assert blow.recovery_s == pytest.approx(2.5)


def test_recovery_is_the_first_job_in_hand_and_settling_the_last() -> None:
    first, last, other = (in_hand(a_job()) for _ in range(3))
    blow = a_kill(first, last)
    observe([blow], [told_of(other, JobEventKind.DELIVERED, 1)], [])
    assert blow.recovery_s is None
    observe([blow], [told_of(first, JobEventKind.CANCELLED, 3)], [])
    assert (blow.recovery_s, blow.settling_s) == (3, None)
    observe([blow], [told_of(last, JobEventKind.STARTED, 8, attempt=2)], [])
    assert (blow.recovery_s, blow.settling_s) == (3, 8)


def test_with_empty_hands_any_jobs_progress_counts() -> None:
    blow = a_kill()
    before = told_of(a_job(), JobEventKind.STARTED, -1)
    observe([blow], [before, told_of(a_job(), JobEventKind.QUEUED, 1)], [])
    assert blow.is_open
    observe([blow], [], [replace(in_hand(a_job()), updated_at=at(2))])
    assert blow.recovery_s == 2


def test_without_unfinished_jobs_nothing_is_measured() -> None:
    blow = replace(a_kill(), had_work=False)
    assert not blow.is_open
    assert blow.recovery_s is None


@pytest.mark.parametrize("kind", [FaultKind.KILL_GATEWAY, FaultKind.KILL_BOT])
def test_no_jobs_progress_tells_of_a_gateway_or_a_bot(kind: FaultKind) -> None:
    blow = Blow(kind=kind, process="x", at=NOW)
    observe([blow], [told_of(a_job(), JobEventKind.DELIVERED, 1)], [])
    assert blow.is_open
    blow.recover(at(4))
    assert blow.recovery_s == 4


def test_a_job_that_ended_unheard_closes_the_blow_by_the_tables_word() -> None:
    ended = replace(delivered(), updated_at=at(3))
    blow, waiting = a_kill(ended), a_kill(ended, a_job(id="gen_other"))
    settle_ended([blow, waiting], [ended])
    assert (blow.recovery_s, blow.settling_s) == (3, 3)
    assert waiting.is_open


def delivered(**fields: object) -> Job:
    result = GenerationResult(images=(), timings=TIMINGS)
    return a_job(state=JobState.DELIVERED, result=result, **fields)


def booked(*gpu_ms: int) -> list[Entry]:
    return [Entry(kind=EntryKind.SETTLE, stay=0, gpu_ms=each) for each in gpu_ms]


def test_a_clean_ledger_counts_every_job_once() -> None:
    jobs = [delivered(), delivered(), a_job(state=JobState.CANCELLED)]
    events = [told_of(job, JobEventKind.DELIVERED, 1) for job in jobs[:2]]
    told = Told(
        accepted={0: [jobs[0].id, jobs[0].id], 1: [jobs[1].id]}, announced={jobs[0].id: {1}}
    )
    ledger = make_ledger(
        jobs=jobs,
        events=events,
        entries={job.id: booked(1750) for job in jobs[:2]},
        told=told,
        recoveries_s=[3.0, 1.0, 2.0],
    )
    assert (ledger.submitted, ledger.delivered, ledger.cancelled) == (3, 2, 1)
    assert (ledger.lost, ledger.delivered_twice, ledger.charged_twice) == (0, 0, 0)
    assert ledger.ledger_sum == pytest.approx(2 * 1.75)
    assert (ledger.recovery_p50_s, ledger.recovery_p95_s) == (2.0, 3.0)
    assert ledger.is_clean


def test_a_job_that_did_not_end_or_is_gone_is_lost() -> None:
    job = a_job()
    told = Told(accepted={0: [job.id], 1: [JobId("gen_gone")]}, announced={})
    ledger = make_ledger(jobs=[job], events=[], entries={}, told=told, recoveries_s=[])
    assert (ledger.submitted, ledger.lost) == (2, 2)
    assert ledger.recovery_p50_s is None
    assert not ledger.is_clean


def test_two_committed_deliveries_are_one_job_delivered_and_charged_twice() -> None:
    job = delivered()
    twice = [told_of(job, JobEventKind.DELIVERED, n, attempt=n) for n in (1, 2)]
    told = Told(accepted={}, announced={job.id: {1, 2}})
    entries = {job.id: booked(1750, 1750)}
    ledger = make_ledger(jobs=[job], events=twice, entries=entries, told=told, recoveries_s=[])
    assert (ledger.delivered_twice, ledger.charged_twice) == (1, 1)
    assert ledger.ledger_sum == 3.5


def test_a_hold_that_was_never_refunded_is_a_charge_too_many_and_an_open_job_has_one() -> None:
    ended, open_job = delivered(), a_job()
    hold = Entry(kind=EntryKind.HOLD, stay=0, gpu_ms=500)
    charges = charge([ended, open_job], {ended.id: [hold, *booked(1750)], open_job.id: [hold]})
    assert charges.twice == {ended.id}
    assert charges.total_s == 2.75


def test_one_key_with_two_jobs_and_a_job_in_two_messages_are_delivered_twice() -> None:
    one, other = delivered(), delivered()
    told = Told(accepted={7: [one.id, other.id]}, announced={}, shown_twice=[one.id])
    ledger = make_ledger(jobs=[one, other], events=[], entries={}, told=told, recoveries_s=[])
    assert (ledger.delivered_twice, ledger.charged_twice) == (2, 0)


def test_a_quantile_is_one_of_the_values() -> None:
    values = [float(n) for n in range(1, 21)]
    assert (quantile(values, 0.5), quantile(values, 0.95), quantile(values, 1)) == (10, 19, 20)
    assert quantile([], 0.5) is None


def a_message(*custom_ids: str, pictures: int = 0) -> dict[str, object]:
    return {
        "components": [{"custom_id": custom_id} for custom_id in custom_ids],
        "attachments": [{}] * pictures,
    }


def test_messages_with_pictures_are_counted_by_job() -> None:
    shown = shown_by_job(
        [
            a_message("imp:1:cancel:gen_a:0"),
            a_message("imp:1:pick:gen_b:0", "imp:1:reroll:gen_b:0", pictures=1),
            a_message("imp:1:reroll:gen_b:0", pictures=1),
            a_message("imp:1:approve:rev_1"),
            {"components": [{"custom_id": None}], "attachments": []},
        ]
    )
    assert shown == {"gen_a": 0, "gen_b": 2}


@pytest.mark.parametrize("words", [["--jobs", "0"], ["--faults", "-1"], ["--seed", "x"]])
def test_a_drill_of_nothing_is_bad_usage(words: list[str]) -> None:
    assert main(["drill", *words]) == 2


def test_a_folder_that_exists_is_not_drilled_in(tmp_path: Path) -> None:
    assert main(["drill", "--keep", str(tmp_path)]) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_drill_heeds_times_and_forgets_every_place(monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {
        "IMPASTO_DATABASE_URL": "postgresql://production/x",
        "IMPASTO_PROGRESS_LEASE_S": "4",
        "PATH": "/bin",
    }
    monkeypatch.setattr("os.environ", environ)
    forget_settings()
    assert environ.keys() == {"IMPASTO_PROGRESS_LEASE_S", "PATH"}
