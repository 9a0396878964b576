"""What workers report, over in-memory twins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.contracts import (
    FindingUse,
    PicturesJudged,
    RenderBlocked,
    RenderCancelled,
    RenderedImage,
    RenderFailed,
    RenderFinished,
    RenderNote,
    RenderPreview,
    RenderProgress,
    RenderReport,
    RenderStarted,
    StageTimings,
)
from backend.domain.jobs import LOSSES_MAX, Job, JobState, Progress
from backend.domain.judgements import Found, PictureJudgement
from backend.domain.requests import JobId
from backend.domain.results import ImageVariant
from backend.service.reports import Reports
from tests.builders import a_birth, a_job, a_recipe, at
from tests.fakes.events import MemoryCancelFlags, MemoryEventBus, MemoryOutbox
from tests.fakes.stores import MemoryJobStore

JOB = JobId("gen_reported")


def started(attempt: int = 1, worker: str = "w1") -> RenderStarted:
    return RenderStarted(job_id=JOB, attempt=attempt, worker=worker)


def step(number: int, *, of: int = 20, attempt: int = 1) -> RenderProgress:
    return RenderProgress(job_id=JOB, attempt=attempt, worker="w1", step=number, steps=of)


def finished(attempt: int = 1, seed: int = 7) -> RenderFinished:
    images = tuple(
        RenderedImage(
            index=index,
            seed=seed + index,
            width=64,
            height=64,
            sha256=f"{index:064x}",
            size_bytes=10,
            keys=dict.fromkeys(ImageVariant, f"images/{index}"),
        )
        for index in (1, 0)
    )
    timings = StageTimings(denoise_s=1.5, total_s=2.0)
    return RenderFinished(job_id=JOB, attempt=attempt, worker="w1", images=images, timings=timings)


def failed(*, attempt: int = 1, is_retryable: bool = False) -> RenderFailed:
    return RenderFailed(
        job_id=JOB,
        attempt=attempt,
        worker="w1",
        code="out_of_memory",
        message="The GPU ran out of memory.",
        is_retryable=is_retryable,
    )


def blocked(attempt: int = 1) -> RenderBlocked:
    return RenderBlocked(
        job_id=JOB,
        attempt=attempt,
        worker="w1",
        outcome="review",
        category="nudity",
        rule="nsfw-1",
        score=0.9,
    )


def cancelled(attempt: int = 1) -> RenderCancelled:
    return RenderCancelled(job_id=JOB, attempt=attempt, worker="w1")


class Desk:
    """Reports and all that they touch, with one dispatched job."""

    def __init__(self) -> None:
        self.jobs = MemoryJobStore()
        self.bus = MemoryEventBus()
        self.flags = MemoryCancelFlags()
        self.seconds = 0.0
        self.reports = Reports(
            jobs=self.jobs,
            events=self.bus,
            outbox=MemoryOutbox(jobs=self.jobs, bus=self.bus),
            cancel_flags=self.flags,
            clock=lambda: at(self.seconds),
            start_lease_s=60,
            progress_lease_s=20,
        )

    async def enter(self) -> "Desk":
        await self.jobs.add(a_birth(a_job(id=JOB)), fingerprint="")
        await self.dispatch()
        return self

    async def dispatch(self) -> None:
        now, until = at(self.seconds), at(self.seconds + 60)
        await self.jobs.change(JOB, lambda job: job.dispatch(now=now, until=until))

    async def apply(self, *reports: RenderReport) -> Job:
        for report in reports:
            await self.reports.apply(report)
        return await self.job()

    async def job(self) -> Job:
        job = await self.jobs.get(JOB)
        assert job is not None
        return job


@pytest.fixture
async def desk() -> Desk:
    return await Desk().enter()


async def test_a_drawing_ends_delivered_with_its_pictures_in_order(desk: Desk) -> None:
    job = await desk.apply(started(), step(1), step(20), finished())
    assert job.state is JobState.DELIVERED
    assert job.result is not None
    assert [image.seed for image in job.result.images] == [7, 8]
    assert job.result.timings.denoise_s == 1.5
    assert job.lease is None
    kinds = ["queued", "dispatched", "started", "progress", "progress", "delivered"]
    assert sorted(desk.bus.kinds(JOB)) == sorted(kinds)
    assert desk.bus.kinds(JOB)[-1] == "delivered"


async def test_what_a_worker_notes_is_kept_with_the_pictures(desk: Desk) -> None:
    noted = finished().model_copy(update={"notes": (RenderNote.WORDS_ADDED,)})
    job = await desk.apply(started(), noted)
    assert job.result is not None
    assert job.result.notes == ("words_added",)


def preview(attempt: int = 1) -> RenderPreview:
    return RenderPreview(job_id=JOB, attempt=attempt, worker="w1", step=5, steps=20)


async def test_a_preview_is_told_and_changes_nothing_of_the_job(desk: Desk) -> None:
    before = await desk.apply(started(), step(5))
    assert await desk.apply(preview()) == before
    event = desk.bus.events[-1]
    assert (event.kind, event.attempt, event.detail) == ("preview", 1, "5/20")


@pytest.mark.parametrize("end", [finished(), blocked(), failed(), cancelled()])
async def test_a_preview_of_what_is_not_drawn_is_told_to_nobody(
    desk: Desk, end: RenderReport
) -> None:
    await desk.apply(preview(), started(), preview(attempt=2), end, preview())
    assert "preview" not in desk.bus.kinds(JOB)


async def test_how_the_pictures_were_made_is_kept_with_them(desk: Desk) -> None:
    told = finished().model_copy(update={"recipe": a_recipe()})
    job = await desk.apply(told)
    assert job.result is not None
    assert job.result.recipe == a_recipe()


@pytest.mark.parametrize("report", [finished(), blocked()], ids=["delivered", "held"])
async def test_what_was_found_in_the_pictures_is_kept_with_the_job(
    desk: Desk, report: RenderFinished | RenderBlocked
) -> None:
    seen = FindingUse(check="nsfw", outcome="allow", rule="nsfw.allow", score=0.02)
    judged = PicturesJudged(policy="school", version="3.abc", pictures=((seen,), ()))
    await desk.reports.apply(started())
    await desk.reports.apply(report.model_copy(update={"judged": judged}))
    kept = (await desk.job()).picture_judgement
    found = Found(check="nsfw", outcome="allow", rule="nsfw.allow", score=0.02)
    assert kept == PictureJudgement(policy="school", version="3.abc", pictures=((found,), ()))


async def test_a_delivery_whose_start_was_never_reported_is_accepted(desk: Desk) -> None:
    assert (await desk.apply(finished())).state is JobState.DELIVERED


@pytest.mark.parametrize(
    "report",
    [started(), finished(), blocked(), failed(), failed(is_retryable=True), cancelled()],
    ids=lambda report: report.kind,
)
async def test_the_same_report_twice_changes_nothing_more(desk: Desk, report: RenderReport) -> None:
    once = await desk.apply(report)
    events = list(desk.bus.events)
    desk.seconds = 5
    assert await desk.apply(report) == once
    assert desk.bus.events == events


async def test_a_second_delivery_is_refused(desk: Desk) -> None:
    once = await desk.apply(finished(seed=7))
    assert await desk.apply(finished(seed=100)) == once
    assert desk.bus.kinds(JOB).count("delivered") == 1


async def test_a_report_of_an_overtaken_attempt_is_dropped(desk: Desk) -> None:
    await desk.apply(started())
    await desk.jobs.change(JOB, lambda job: job.return_to_line(now=at(1), reason="worker_lost"))
    await desk.dispatch()
    before = await desk.job()
    for report in (started(), step(5), finished(), blocked(), failed(), cancelled()):
        assert await desk.apply(report) == before


async def test_a_report_of_an_unknown_job_is_dropped(desk: Desk) -> None:
    await desk.reports.apply(finished().model_copy(update={"job_id": "gen_unknown"}))
    await desk.reports.apply(step(1).model_copy(update={"job_id": "gen_unknown"}))
    assert desk.bus.events == []


async def test_every_step_is_told_but_only_one_a_second_is_written(desk: Desk) -> None:
    await desk.apply(started())
    for number in range(1, 16):
        desk.seconds = number * 0.1
        await desk.apply(step(number))
    job = await desk.job()
    assert desk.bus.kinds(JOB).count("progress") == 15
    assert job.progress == Progress(step=11, steps=20)
    # Dispatched, started and two steps written.
    assert job.version == 4


async def test_the_last_step_is_always_written(desk: Desk) -> None:
    job = await desk.apply(started(), step(19), step(20))
    assert job.progress == Progress(step=20, steps=20)


async def test_step_zero_holds_on_to_a_job_that_is_not_begun(desk: Desk) -> None:
    await desk.apply(started())
    for seconds in (50, 100, 150):
        desk.seconds = seconds
        job = await desk.apply(step(0))
    assert job.lease is not None
    assert job.lease.until == at(210)


async def test_a_step_or_a_decoding_of_minutes_is_held_on_to_by_saying_the_same_again(
    desk: Desk,
) -> None:
    await desk.apply(started(), step(1))
    told = desk.bus.kinds(JOB)
    for number in (1, 20):
        for _ in range(30):
            desk.seconds += 5
            job = await desk.apply(step(number))
            assert job.lease is not None
            assert job.lease.until >= at(desk.seconds + 20)
    assert [*told, "progress"] == desk.bus.kinds(JOB)


async def test_a_step_that_comes_twice_at_once_is_written_and_told_once(desk: Desk) -> None:
    once = await desk.apply(started(), step(3))
    events = list(desk.bus.events)
    assert await desk.apply(step(3)) == once
    assert desk.bus.events == events


async def test_slow_steps_get_a_longer_lease(desk: Desk) -> None:
    await desk.apply(started(), step(1))
    desk.seconds = 10
    job = await desk.apply(step(2))
    assert job.lease is not None
    assert job.lease.until == at(60)


async def test_quick_steps_get_a_short_lease(desk: Desk) -> None:
    await desk.apply(started(), step(1))
    desk.seconds = 1
    job = await desk.apply(step(2))
    assert job.lease is not None
    assert job.lease.until == at(21)


async def test_a_held_picture_blocks_the_job_and_opens_a_review(desk: Desk) -> None:
    job = await desk.apply(started(), blocked())
    assert job.state is JobState.BLOCKED
    assert job.block is not None
    assert (job.block.stage, job.block.category) == ("image", "nudity")
    (review,) = desk.jobs.memory.reviews.values()
    assert review.job_id == JOB


async def test_a_failure_that_another_attempt_cannot_cure_ends_the_job(desk: Desk) -> None:
    job = await desk.apply(started(), failed())
    assert job.state is JobState.FAILED
    assert job.failure is not None
    assert job.failure.code == "out_of_memory"


@pytest.mark.parametrize("begins", [True, False])
async def test_a_failure_that_is_always_retryable_ends_after_three_attempts(
    desk: Desk,
    begins: bool,  # noqa: FBT001 - a pytest parameter
) -> None:
    for attempt in range(1, LOSSES_MAX + 1):
        if begins:
            await desk.apply(started(attempt))
        job = await desk.apply(failed(attempt=attempt, is_retryable=True))
        if attempt < LOSSES_MAX:
            assert job.is_waiting
            await desk.dispatch()
    assert job.state is JobState.FAILED
    assert job.failure is not None
    assert job.failure.code == "out_of_memory"


async def test_a_report_of_cancelling_finds_the_job_cancelled(desk: Desk) -> None:
    await desk.apply(started())
    await desk.jobs.change(JOB, lambda job: job.cancel(now=at(1)))
    before = await desk.job()
    assert await desk.apply(cancelled()) == before


async def test_whoever_still_draws_a_cancelled_job_is_asked_again_to_stop(desk: Desk) -> None:
    await desk.apply(started(), step(1))
    assert desk.flags.raised == set()
    await desk.jobs.change(JOB, lambda job: job.cancel(now=at(1)))
    desk.seconds = 2
    await desk.apply(step(2))
    assert desk.flags.raised == {JOB}


async def test_an_attempt_that_was_lost_stops_no_other(desk: Desk) -> None:
    await desk.apply(started(), step(1))
    desk.seconds = 2
    await desk.apply(failed(is_retryable=True))
    await desk.dispatch()
    await desk.apply(started(attempt=2), step(2))
    assert desk.flags.raised == set()


async def test_pictures_of_a_cancelled_job_are_not_delivered(desk: Desk) -> None:
    await desk.apply(started())
    await desk.jobs.change(JOB, lambda job: job.cancel(now=at(1)))
    job = await desk.apply(step(3), finished())
    assert job.state is JobState.CANCELLED
    assert "progress" not in desk.bus.kinds(JOB)


reports = st.one_of(
    st.builds(started, attempt=st.integers(0, 3), worker=st.sampled_from(["w1", "w2"])),
    st.builds(step, st.integers(0, 4), of=st.just(4), attempt=st.integers(0, 3)),
    st.builds(finished, attempt=st.integers(0, 3)),
    st.builds(blocked, attempt=st.integers(0, 3)),
    st.builds(failed, attempt=st.integers(0, 3), is_retryable=st.booleans()),
    st.builds(cancelled, attempt=st.integers(0, 3)),
)


@given(history=st.lists(reports, max_size=15))
async def test_whatever_arrives_the_job_ends_at_most_once(history: list[RenderReport]) -> None:
    desk = await Desk().enter()
    for report in history:
        desk.seconds += 0.7
        job = await desk.apply(report)
        if job.is_waiting:
            await desk.dispatch()
    ends = {"delivered", "blocked", "failed", "cancelled"}
    told = [kind for kind in desk.bus.kinds(JOB) if kind in ends]
    assert len(told) == (1 if (await desk.job()).is_terminal else 0)
