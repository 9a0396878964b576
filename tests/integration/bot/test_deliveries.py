"""Messages are kept true, whatever becomes of the bot, the token, the message or the channel."""

import asyncio
from collections.abc import Callable

import pytest

from backend.domain.deliveries import DiscordMessage
from backend.domain.events import JobEvent, JobEventKind
from backend.domain.requests import JobId
from backend.domain.ways_out import NOT_CHECKED
from tests.fakes.discord import EDIT_INTERVAL_S, Town, labels


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for work that is not the bot's own."""
    while not is_so():  # noqa: ASYNC110 - there is no event to wait for; the caller sets a limit
        await asyncio.sleep(0.01)


async def test_a_new_bot_finishes_what_the_old_one_began(town: Town) -> None:
    job_id = await town.ask()
    await town.start(job_id)
    await town.restart()
    await town.beat(job_id, 10)
    await town.env.advance_time(EDIT_INTERVAL_S)
    assert "50 %" in town.message_of(job_id).content
    await town.finish(job_id)
    assert town.message_of(job_id).attachments
    assert len(town.channel.history()) == 1


async def test_what_happened_while_no_bot_ran_is_shown_on_start(town: Town) -> None:
    job_id = await town.ask()
    await town.start(job_id)
    result = town.draw(job_id)
    await town.move_silently(
        job_id, lambda job: job.deliver(attempt=job.attempt, result=result, now=town.now())
    )
    await town.restart()
    assert labels(town.message_of(job_id))[0][0] == "U1"
    assert town.messages.messages[job_id].is_final


async def test_a_lost_event_is_made_up_for_by_the_sweep(town: Town) -> None:
    job_id = await town.ask()
    await town.move_silently(job_id, lambda job: job.cancel(now=town.now()))
    await town.owned(town.bot.deliveries.sweep)
    await town.env.advance_time(EDIT_INTERVAL_S)
    assert "Cancelled" in town.message_of(job_id).content


async def test_a_place_in_line_is_kept_up_to_date(town: Town) -> None:
    first = await town.ask("one")
    await town.env.advance_time(1)
    second = await town.ask("two")
    assert "place 2, 1 before it" in town.message_of(second).content
    await town.start(first)
    await town.env.advance_time(EDIT_INTERVAL_S)
    await town.owned(town.bot.deliveries.sweep)
    await town.env.advance_time(EDIT_INTERVAL_S)
    assert "In line, next" in town.message_of(second).content


async def test_many_steps_make_few_edits(town: Town) -> None:
    job_id = await town.ask()
    await town.start(job_id)
    before = town.edits()
    for step in range(1, 101):
        await town.beat(job_id, step, 100)
        await town.env.advance_time(1)
    assert 3 <= town.edits() - before <= 100 / EDIT_INTERVAL_S + 1
    await town.finish(job_id)
    assert town.message_of(job_id).attachments


async def test_progress_after_the_end_changes_nothing(town: Town) -> None:
    job_id = await town.deliver()
    before = town.edits()
    late = JobEvent(
        job_id=job_id, kind=JobEventKind.PROGRESS, attempt=1, at=town.now(), detail="3/20"
    )
    await town.owned(lambda: town.bot.deliveries.deliver(late))
    await town.owned(town.bot.deliveries.sweep)
    await town.env.advance_time(60)
    assert town.edits() == before
    assert town.message_of(job_id).attachments


async def test_a_job_found_from_two_sides_at_once_has_one_owner(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = await town.ask()
    await town.start(job_id)
    await town.env.restart_bot(town.new_bot())
    event = await town.move_silently(
        job_id, lambda job: job.return_to_line(now=town.now(), reason="worker_lost")
    )
    before = town.edits()
    look = town.messages.get

    async def look_while_the_sweep_finds_it_too(wanted: JobId) -> DiscordMessage | None:
        monkeypatch.setattr(town.messages, "get", look)
        town.bot.deliveries.follow(job_id)
        return await look(wanted)

    monkeypatch.setattr(town.messages, "get", look_while_the_sweep_finds_it_too)
    await town.owned(lambda: town.bot.deliveries.deliver(event))
    assert town.edits() - before == 1


async def test_events_of_jobs_without_a_message_are_ignored(town: Town) -> None:
    stranger = JobEvent(
        job_id=JobId("gen_x"), kind=JobEventKind.DELIVERED, attempt=1, at=town.now()
    )
    before = len(town.env.http_requests)
    await town.owned(lambda: town.bot.deliveries.deliver(stranger))
    assert len(town.env.http_requests) == before


async def test_a_lost_worker_is_told_of(town: Town) -> None:
    job_id = await town.ask()
    await town.start(job_id)
    await town.env.advance_time(EDIT_INTERVAL_S)
    await town.lose_worker(job_id)
    await town.env.advance_time(EDIT_INTERVAL_S)
    assert "A worker was lost; back in line" in town.message_of(job_id).content


async def test_a_failed_job_says_why_and_offers_another_try(town: Town) -> None:
    job_id = await town.ask()
    await town.start(job_id)
    await town.fail(job_id)
    message = town.message_of(job_id)
    assert "`out_of_memory`" in message.content
    assert labels(message) == [["🔄"]]


async def test_a_picture_that_could_not_be_signed_is_held_with_a_note_and_a_way_out(
    town: Town,
) -> None:
    job_id = await town.ask()
    await town.start(job_id)
    await town.hold(job_id, category="check_failed")
    message = town.message_of(job_id)
    assert NOT_CHECKED in message.content
    assert message.attachments == []
    assert "Appeal" in [label for row in labels(message) for label in row]


async def test_after_fourteen_minutes_the_bot_edits_with_its_own_token(town: Town) -> None:
    job_id = await town.ask()
    await town.start(job_id)
    await town.env.advance_time(14 * 60 + 1)
    before = len(town.env.http_requests)
    await town.finish(job_id)
    assert town.message_of(job_id).attachments
    assert not any("/webhooks/" in one.path for one in town.env.http_requests[before:])


async def test_a_token_that_died_early_is_worked_around(town: Town) -> None:
    job_id = await town.ask()
    await town.start(job_id)
    town.env.inject_error("PATCH", "/webhooks/*", status=401, code=50027)
    await town.finish(job_id)
    assert town.message_of(job_id).attachments


async def test_pictures_whose_message_was_deleted_come_in_a_new_one(town: Town) -> None:
    job_id = await town.ask()
    await town.start(job_id)
    old = town.message_of(job_id)
    await town.moderator.delete(old)
    await town.env.advance_time(EDIT_INTERVAL_S)
    await town.beat(job_id, 5)
    await town.env.advance_time(EDIT_INTERVAL_S)
    assert town.channel.history() == []
    await town.finish(job_id)
    [message] = town.channel.history()
    assert message.attachments
    assert town.alice.mention in message.content
    assert message.reference is not None
    assert message.reference.message_id == old.id
    assert labels(message)[0][0] == "U1"
    assert town.messages.messages[job_id].message_id == message.id


async def test_a_cancelled_job_whose_message_was_deleted_stays_silent(town: Town) -> None:
    job_id = await town.ask()
    await town.moderator.delete(town.message_of(job_id))
    await town.move(job_id, lambda job: job.cancel(now=town.now()))
    assert town.channel.history() == []
    assert town.messages.messages[job_id].is_final


async def test_pictures_from_a_closed_channel_come_as_a_direct_message(town: Town) -> None:
    job_id = await town.ask()
    await town.start(job_id)
    await town.env.advance_time(15 * 60)
    town.env.inject_error("*", f"/channels/{town.channel.id}/*", status=403, code=50013, times=None)
    await town.finish(job_id)
    [message] = town.alice.user.dm_channel.history()
    assert message.attachments
    assert town.messages.messages[job_id].channel_id == town.alice.user.dm_channel.id
    assert town.messages.messages[job_id].is_final


async def test_where_no_way_is_left_the_job_is_let_go(town: Town) -> None:
    job_id = await town.ask()
    await town.start(job_id)
    await town.env.advance_time(15 * 60)
    town.env.inject_error("*", "/channels/*", status=403, code=50001, times=None)
    await town.finish(job_id)
    assert town.messages.messages[job_id].is_final


async def test_what_discord_will_never_accept_is_not_tried_for_ever(town: Town) -> None:
    job_id = await town.ask()
    await town.start(job_id)
    await town.env.advance_time(EDIT_INTERVAL_S)
    town.env.inject_error("PATCH", "/webhooks/*", status=400, code=50035)
    await town.finish(job_id)
    assert town.messages.messages[job_id].is_final


async def test_pictures_that_cannot_be_read_come_as_links(town: Town) -> None:
    job_id = await town.ask()
    await town.start(job_id)
    result = town.draw(job_id)
    town.pictures.objects.clear()
    await town.move(
        job_id, lambda job: job.deliver(attempt=job.attempt, result=result, now=town.now())
    )
    assert "https://pictures.test/" in town.message_of(job_id).content


async def test_a_server_error_is_tried_again_by_the_sweep(town: Town) -> None:
    job_id = await town.ask()
    await town.start(job_id)
    await town.env.advance_time(EDIT_INTERVAL_S)
    town.env.inject_error("PATCH", "/webhooks/*", status=500)
    await town.finish(job_id)
    assert not town.messages.messages[job_id].is_final
    await town.owned(town.bot.deliveries.sweep)
    await town.env.advance_time(EDIT_INTERVAL_S)
    assert town.message_of(job_id).attachments


@pytest.mark.parametrize(("refusals", "is_attached"), [(1, True), (2, False)])
async def test_a_grid_too_large_comes_smaller_then_as_links(
    town: Town, refusals: int, *, is_attached: bool
) -> None:
    job_id = await town.ask()
    await town.start(job_id)
    await town.env.advance_time(EDIT_INTERVAL_S)
    town.env.inject_error("PATCH", "/webhooks/*", status=413, code=40005, times=refusals)
    await town.finish(job_id)
    message = town.message_of(job_id)
    assert bool(message.attachments) is is_attached
    assert ("https://pictures.test/" in message.content) is not is_attached
    assert labels(message)[0][0] == "U1"


async def test_the_listener_hears_the_bus_and_can_be_stopped(town: Town) -> None:
    job_id = await town.ask()
    running = asyncio.create_task(town.bot.deliveries.run())
    event = await town.move_silently(job_id, lambda job: job.cancel(now=town.now()))
    await town.bus.publish(event)
    async with asyncio.timeout(10):
        await until(lambda: town.messages.messages[job_id].is_final)
    running.cancel()
    await asyncio.wait({running})
    await town.bot.deliveries.drain()
    assert "Cancelled" in town.message_of(job_id).content
