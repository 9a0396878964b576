"""The waiting line, over in-memory twins."""

from backend.contracts import ControlUse, RenderJob
from backend.domain.families import ModelFamily, Sampler
from backend.domain.jobs import LOSSES_MAX, Failure, Job, JobState
from backend.domain.prompts import AspectRatio, LoraRef, WeightedPart
from backend.domain.requests import ControlImage, JobId, SourceImage
from backend.domain.results import ImageVariant
from backend.domain.tiers import Tier
from tests.builders import (
    a_recipe,
    a_request,
    a_requester,
    a_result,
    a_spec,
    a_worker,
    at,
)
from tests.unit.backend.service.hall import Hall


async def test_one_job_is_handed_out_ahead_for_each_slot(hall: Hall) -> None:
    for second in range(4):
        await hall.enter(created_at=at(second))
    assert len(await hall.send_next(slots=3)) == 3
    assert await hall.send_next(slots=3) == []


async def test_a_higher_tier_goes_before_an_older_job_of_a_lower_one(hall: Hall) -> None:
    fast = await hall.enter(created_at=at(0))
    turbo = await hall.enter(created_at=at(1), spec=a_spec(tier=Tier.TURBO))
    assert await hall.send_next(slots=1) == [turbo]
    await hall.start(turbo)
    assert await hall.send_next(slots=1) == [fast]


async def test_the_account_that_was_served_least_goes_before_an_older_job(hall: Hall) -> None:
    heavy = [await hall.enter(created_at=at(second)) for second in range(3)]
    request = a_request(requester=a_requester(account_id="discord:2"))
    light = await hall.enter(created_at=at(9), request=request)
    assert await hall.send_next(slots=2) == [heavy[0], light]


async def test_another_leader_goes_on_where_the_last_one_stopped(hall: Hall) -> None:
    request = a_request(requester=a_requester(account_id="discord:2"))
    heavy = [await hall.enter(created_at=at(second)) for second in range(3)]
    assert await hall.send_next(slots=1) == [heavy[0]]
    await hall.start(heavy[0])
    light = await hall.enter(created_at=at(9), request=request)
    hall.line.begin_anew()
    assert await hall.send_next(slots=1) == [light]


async def test_a_job_leased_by_a_leader_that_died_before_it_wrote_is_charged(hall: Hall) -> None:
    heavy = [await hall.enter(created_at=at(second)) for second in range(2)]
    until = at(60)
    await hall.jobs.change(heavy[0], lambda job: job.dispatch(now=at(0), until=until))
    request = a_request(requester=a_requester(account_id="discord:2"))
    light = await hall.enter(created_at=at(9), request=request)
    await hall.start(heavy[0])
    assert await hall.send_next(slots=1) == [light]


async def test_a_failed_job_is_not_charged_to_its_owner(hall: Hall) -> None:
    first, second = [await hall.enter(created_at=at(number)) for number in range(2)]
    request = a_request(requester=a_requester(account_id="discord:2"))
    other = await hall.enter(created_at=at(9), request=request)
    await hall.send_next(slots=1)
    failure = Failure(code="out_of_memory", message="It did not fit.")
    await hall.jobs.change(first, lambda job: job.fail(failure=failure, now=at(1)))
    assert await hall.send_next(slots=2) == [second, other]


async def test_a_job_cancelled_while_it_waits_is_never_handed_out(hall: Hall) -> None:
    first, second = [await hall.enter(created_at=at(number)) for number in range(2)]
    assert await hall.send_next(slots=1) == [first]
    await hall.start(first)
    await hall.jobs.change(second, lambda job: job.cancel(now=at(2)))
    assert await hall.send_next(slots=1) == []


async def test_who_waits_is_told_a_place_a_time_and_a_reason(hall: Hall) -> None:
    first = await hall.enter(created_at=at(0))
    request = a_request(requester=a_requester(account_id="discord:2"))
    second = await hall.enter(created_at=at(1), request=request)
    third = await hall.enter(created_at=at(2))
    assert await hall.send_next(slots=1) == [first]
    told = await hall.line.outlooks(ModelFamily.SDXL, 1)
    assert [told[job_id].position for job_id in (second, third)] == [0, 1]
    assert told[second].p50_s <= told[second].p90_s
    assert told[second].p50_s < told[third].p50_s
    assert told[second].why == "It is next for sdxl, where 1 picture is drawn at a time."
    assert told[third].why.startswith("1 fast job begins before it on sdxl")


async def test_without_workers_nothing_is_leased(hall: Hall) -> None:
    job_id = await hall.enter()
    assert await hall.send_next(slots=0) == []
    assert (await hall.job(job_id)).is_waiting


async def test_another_family_is_left_alone(hall: Hall) -> None:
    await hall.enter(spec=a_spec(family=ModelFamily.FLUX))
    assert await hall.send_next() == []


async def test_a_started_job_makes_room_for_the_next(hall: Hall) -> None:
    first = await hall.enter(created_at=at(0))
    second = await hall.enter(created_at=at(1))
    assert await hall.send_next() == [first]
    await hall.start(first)
    assert await hall.send_next() == [second]


async def test_the_message_says_all_that_a_worker_needs(hall: Hall) -> None:
    spec = a_spec(
        negative=(WeightedPart.plain("snow"),),
        aspect_ratio=AspectRatio(width=3, height=2),
        steps=12,
        guidance=6.5,
        sampler=Sampler.DDIM,
        image_count=2,
        loras=(LoraRef(name="fox", scale=0.5),),
    )
    job_id = await hall.enter(spec=spec, seed=99, clearances=("nudity",))
    (sending,) = await hall.lease(a_worker())
    message = sending.message
    assert message.model_dump(exclude={"version", "kind"}) == {
        "job_id": job_id,
        "attempt": 1,
        "family": ModelFamily.SDXL,
        "tier": Tier.FAST,
        "prompt": "a fox in the snow",
        "negative_prompt": "snow",
        "parts": (),
        "negative_parts": (),
        "aspect_width": 3,
        "aspect_height": 2,
        "steps": 12,
        "guidance": 6.5,
        "sampler": Sampler.DDIM,
        "seed": 99,
        "image_count": 2,
        "source": None,
        "manner": None,
        "mask": None,
        "outpaint": None,
        "upscale": None,
        "image_prompts": (),
        "is_tiled": False,
        "clearances": ("nudity",),
        "loras": ({"name": "fox", "scale": 0.5},),
        "adapters": ("fox",),
        "controls": (),
        "is_exact": False,
        "recipe": None,
        "writes_parameters": False,
        "policy": None,
    }


async def test_a_steered_job_names_each_controlnet_and_where_its_picture_is(hall: Hall) -> None:
    result = a_result()
    origin = await hall.enter(state=JobState.DELIVERED, result=result)
    controls = (
        ControlImage(job_id=origin, index=1, controlnet="edges", scale=0.8, end=0.5),
        ControlImage(job_id=origin, index=0, controlnet="depth", begin=0.25),
    )
    await hall.enter(request=a_request(controls=controls))
    (sending,) = await hall.lease(a_worker())
    keys = [result.images[index].keys[ImageVariant.ORIGINAL] for index in (1, 0)]
    assert sending.message.controls == (
        ControlUse(name="edges", key=keys[0], scale=0.8, begin=0.0, end=0.5),
        ControlUse(name="depth", key=keys[1], scale=1.0, begin=0.25, end=1.0),
    )
    assert RenderJob.model_validate(sending.message.as_message()) == sending.message


async def test_a_job_whose_control_picture_is_gone_fails(hall: Hall) -> None:
    gone = ControlImage(job_id=JobId("gen_gone"), controlnet="edges")
    job_id = await hall.enter(request=a_request(controls=(gone,)))
    assert await hall.lease(a_worker()) == []
    job = await hall.jobs.get(job_id)
    assert job is not None
    assert job.state is JobState.FAILED


async def test_the_very_same_pictures_are_drawn_alone_and_held_against_their_recipe(
    hall: Hall,
) -> None:
    await hall.enter(request=a_request(recipe=a_recipe()))
    (sending,) = await hall.lease(a_worker())
    assert sending.message.is_exact
    assert sending.message.recipe == a_recipe()


async def test_a_variation_names_the_original_it_starts_from(hall: Hall) -> None:
    result = a_result()
    origin = await hall.enter(state=JobState.DELIVERED, result=result)
    source = SourceImage(job_id=origin, index=1, strength=0.8)
    await hall.enter(request=a_request(source=source))
    (sending,) = await hall.lease(a_worker())
    message = sending.message
    assert message.source is not None
    assert message.source.key == result.images[1].keys[ImageVariant.ORIGINAL]
    assert message.source.strength == 0.8


async def test_a_variation_of_a_lost_picture_fails_with_a_reason(hall: Hall) -> None:
    source = SourceImage(job_id=JobId("gen_gone"), index=0, strength=0.8)
    job_id = await hall.enter(request=a_request(source=source))
    assert await hall.send_next() == []
    job = await hall.job(job_id)
    assert job.state is JobState.FAILED
    assert job.failure is not None
    assert job.failure.code == "image_not_found"


async def test_a_job_cancelled_between_look_and_lease_is_skipped(hall: Hall) -> None:
    gone = await hall.enter(created_at=at(0))
    stays = await hall.enter(created_at=at(1))
    looked = hall.jobs.get

    async def get_then_cancel(job_id: JobId) -> Job | None:
        job = await looked(job_id)
        if job_id == gone:
            await hall.jobs.change(gone, lambda row: row.cancel(now=at(0)))
        return job

    hall.jobs.get = get_then_cancel  # type: ignore[method-assign]  # a race, made to happen
    assert await hall.send_next() == [stays]


async def test_an_unsent_job_is_back_in_line_at_once_and_its_attempt_void(hall: Hall) -> None:
    job_id = await hall.enter()
    (sending,) = await hall.lease(a_worker())
    message = sending.message
    await hall.line.unsent(message)
    job = await hall.job(job_id)
    assert job.is_waiting
    assert job.losses == 0
    assert hall.queues.voided == [(job_id, 1)]


async def test_a_job_whose_message_was_lost_goes_back_without_a_loss(hall: Hall) -> None:
    job_id = await hall.enter()
    await hall.send_next()
    hall.queues.messages.clear()
    hall.seconds = 59
    assert await hall.line.return_lost() == 0
    hall.seconds = 61
    assert await hall.line.return_lost() == 1
    job = await hall.job(job_id)
    assert job.is_waiting
    assert job.losses == 0


async def test_a_message_that_still_waits_keeps_its_lease(hall: Hall) -> None:
    job_id = await hall.enter()
    await hall.send_next()
    hall.seconds = 61
    assert await hall.line.return_lost() == 0
    job = await hall.job(job_id)
    assert job.attempt == 1
    assert job.lease is not None
    assert job.lease.until == at(121)


async def test_a_job_whose_worker_died_goes_back_to_its_old_place(hall: Hall) -> None:
    lost = await hall.enter(created_at=at(0))
    await hall.send_next()
    hall.queues.take()
    await hall.start(lost, lease_s=20)
    later = await hall.enter(created_at=at(5))
    hall.seconds = 21
    assert await hall.line.return_lost() == 1
    assert await hall.send_next(slots=2) == [lost, later]
    assert (await hall.job(lost)).losses == 1


async def test_a_job_that_kills_its_workers_fails_in_the_end(hall: Hall) -> None:
    job_id = await hall.enter()
    for _ in range(LOSSES_MAX):
        await hall.send_next()
        hall.queues.take()
        await hall.start(job_id, lease_s=20)
        hall.seconds += 21
        assert await hall.line.return_lost() == 1
    job = await hall.job(job_id)
    assert job.state is JobState.FAILED
    assert job.failure is not None
    assert job.failure.code == "worker_lost"


async def test_a_worker_that_is_gone_gives_back_what_it_holds_and_nothing_else(hall: Hall) -> None:
    lost, kept = await hall.enter(), await hall.enter()
    await hall.send_next(slots=2)
    await hall.start(lost, lease_s=600, worker="gone")
    await hall.start(kept, lease_s=600, worker="there")
    assert await hall.line.return_held_by("gone") == 1
    assert (await hall.job(lost)).is_waiting
    assert (await hall.job(lost)).losses == 1
    assert (await hall.job(kept)).state is JobState.RENDERING


async def test_a_lease_renewed_meanwhile_is_not_taken_back(hall: Hall) -> None:
    job_id = await hall.enter()
    await hall.send_next()
    hall.queues.take()
    await hall.start(job_id, lease_s=20)
    hall.seconds = 21
    looked = hall.jobs.get

    async def get_then_beat(wanted: JobId) -> Job | None:
        hall.jobs.get = looked  # type: ignore[method-assign]  # the race happens once
        seen = await looked(wanted)
        await hall.start(wanted, lease_s=60)
        return seen

    hall.jobs.get = get_then_beat  # type: ignore[method-assign]  # a race, made to happen
    assert await hall.line.return_lost() == 0
    assert (await hall.job(job_id)).state is JobState.RENDERING


async def test_what_is_measured_of_the_line_survives_a_change_of_leader(hall: Hall) -> None:
    first, second = [await hall.enter(created_at=at(number)) for number in range(2)]
    await hall.line.outlooks(ModelFamily.SDXL, 1)
    hall.seconds = 5
    assert await hall.send_next(slots=1) == [first]
    await hall.start(first)
    assert await hall.send_next(slots=1) == [second]
    hall.line.begin_anew()
    # Nobody has looked yet: a counter must not begin at zero meanwhile.
    fast = (await hall.line.gauges(ModelFamily.SDXL, 1)).tiers[Tier.FAST]
    assert (fast.begun, fast.handed_out, fast.running, fast.waiting) == (2, 1, 1, 0)


async def test_the_times_that_were_told_are_measured_by_how_they_came_true(hall: Hall) -> None:
    await hall.enter(created_at=at(0))
    await hall.send_next(slots=1)
    late = await hall.enter(created_at=at(0))
    await hall.send_next(slots=1)
    told = (await hall.line.outlooks(ModelFamily.SDXL, 1))[late]
    hall.seconds = told.p90_s + 1
    assert await hall.send_next(slots=2) == [late]
    fast = (await hall.line.gauges(ModelFamily.SDXL, 1)).tiers[Tier.FAST]
    assert (fast.told, fast.kept_p50, fast.kept_p90) == (1, 0, 0)
    assert (fast.p50_coverage, fast.p90_coverage) == (0.0, 0.0)


async def test_a_job_that_was_cancelled_before_its_turn_is_not_counted_as_begun(
    hall: Hall,
) -> None:
    gone, there = [await hall.enter(created_at=at(number)) for number in range(2)]
    await hall.send_next(slots=0)
    await hall.line.outlooks(ModelFamily.SDXL, 1)
    await hall.jobs.change(gone, lambda job: job.cancel(now=at(1)))
    assert await hall.send_next(slots=1) == [there]
    fast = (await hall.line.gauges(ModelFamily.SDXL, 1)).tiers[Tier.FAST]
    assert (fast.begun, fast.told) == (1, 1)
