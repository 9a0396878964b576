"""Whom the fleet gives up, and when."""

import asyncio

import pytest

from backend.domain.errors import FamilyUnavailable, NoLiveWorker
from backend.domain.families import ModelFamily
from backend.service.fleet import Fleet
from tests.fakes.events import MemoryPresence

SDXL, SD3, FLUX = ModelFamily.SDXL, ModelFamily.SD3, ModelFamily.FLUX


class Harbour:
    """A fleet, who is there, and a clock that is moved by hand."""

    def __init__(self, *there: ModelFamily, families: tuple[ModelFamily, ...] = (SDXL, SD3)):
        self.now_s = 1000.0
        self.presence = MemoryPresence(*there)
        self.fleet = Fleet(
            presence=self.presence,
            families=families,
            patience_s=120.0,
            seconds=lambda: self.now_s,
        )

    async def pass_time(self, seconds: float) -> None:
        """Let time pass with a look each ten seconds, and one at the end."""
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.now_s = min(end_s, self.now_s + 10.0)
            await self.fleet.look()


async def test_before_the_first_worker_comes_everything_configured_is_accepted() -> None:
    harbour = Harbour()
    await harbour.fleet.must_serve(SDXL)
    await harbour.pass_time(120)
    await harbour.fleet.must_serve(SD3)


async def test_a_family_that_nobody_came_for_is_refused_and_the_live_ones_are_named() -> None:
    harbour = Harbour(SDXL, FLUX)
    await harbour.pass_time(121)
    await harbour.fleet.must_serve(SDXL)
    with pytest.raises(NoLiveWorker) as refusal:
        await harbour.fleet.must_serve(SD3)
    assert refusal.value.live == (SDXL, FLUX)
    assert refusal.value.message == "No worker that draws with sd3 has been there for 2 minutes."
    assert refusal.value.way_out == "Use sdxl or flux now, or try again later."


async def test_with_nobody_there_at_all_no_family_is_recommended() -> None:
    harbour = Harbour()
    await harbour.pass_time(121)
    with pytest.raises(NoLiveWorker) as refusal:
        await harbour.fleet.must_serve(SDXL)
    assert refusal.value.live == ()
    assert "try again" in refusal.value.way_out


async def test_a_worker_may_be_away_for_a_while_however_long_it_was_there() -> None:
    harbour = Harbour(SDXL)
    await harbour.pass_time(86_400)
    harbour.presence.there.clear()
    await harbour.pass_time(119)
    await harbour.fleet.must_serve(SDXL)
    await harbour.pass_time(10)
    with pytest.raises(NoLiveWorker):
        await harbour.fleet.must_serve(SDXL)


async def test_a_worker_that_came_since_the_last_look_is_found_before_anybody_is_refused() -> None:
    harbour = Harbour()
    await harbour.pass_time(300)
    harbour.presence.there.add(SDXL)
    await harbour.fleet.must_serve(SDXL)


async def test_while_nobody_can_be_asked_everything_configured_is_accepted() -> None:
    harbour = Harbour()
    await harbour.pass_time(300)
    harbour.presence.is_silent = True
    await harbour.fleet.must_serve(SDXL)
    await harbour.pass_time(300)
    await harbour.fleet.must_serve(SDXL)


async def test_after_a_silence_workers_have_time_to_be_heard_of_again() -> None:
    harbour = Harbour(SDXL)
    await harbour.pass_time(300)
    harbour.presence.is_silent = True
    await harbour.pass_time(300)
    harbour.presence.is_silent = False
    harbour.presence.there.clear()
    await harbour.pass_time(120)
    await harbour.fleet.must_serve(SDXL)
    await harbour.pass_time(20)
    with pytest.raises(NoLiveWorker):
        await harbour.fleet.must_serve(SDXL)


async def test_a_family_that_is_not_configured_is_served_exactly_while_it_is_live() -> None:
    harbour = Harbour(SDXL)
    await harbour.fleet.look()
    with pytest.raises(FamilyUnavailable) as refusal:
        await harbour.fleet.must_serve(FLUX)
    assert refusal.value.way_out == "Use sdxl."
    harbour.presence.there.add(FLUX)
    await harbour.fleet.must_serve(FLUX)
    assert harbour.fleet.offered() == (SDXL, SD3, FLUX)
    assert harbour.fleet.live() == (SDXL, FLUX)


async def test_who_does_not_care_gets_the_first_family_that_is_not_given_up() -> None:
    harbour = Harbour(SDXL, SD3)
    assert harbour.fleet.default_family() is SDXL
    await harbour.pass_time(300)
    harbour.presence.there.discard(SDXL)
    await harbour.pass_time(60)
    # A short absence does not change what prompts look like.
    assert harbour.fleet.default_family() is SDXL
    await harbour.pass_time(120)
    assert harbour.fleet.default_family() is SD3
    harbour.presence.there = {FLUX}
    await harbour.pass_time(300)
    assert harbour.fleet.default_family() is FLUX
    harbour.presence.there.clear()
    await harbour.pass_time(10)
    assert harbour.fleet.default_family() is SDXL


async def test_a_fleet_that_is_watched_is_looked_at_until_the_end() -> None:
    class Counting(MemoryPresence):
        looks = 0
        looked = asyncio.Event()

        async def families(self) -> frozenset[ModelFamily]:
            self.looks += 1
            self.looked.set()
            if self.looks == 1:
                raise RuntimeError("a bug must not end the watch")
            return await super().families()

    presence = Counting(SDXL)
    fleet = Fleet(presence=presence, families=(SDXL,))
    async with asyncio.timeout(10):
        async with fleet.watching():
            while not fleet.live():
                presence.looked.clear()
                await presence.looked.wait()
                await asyncio.sleep(0)
    assert [task for task in asyncio.all_tasks() if task.get_name() == "fleet"] == []
