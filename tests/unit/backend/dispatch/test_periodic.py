"""What the reconciler puts right, over in-memory twins."""

from backend.dispatch.periodic import Reconciler
from backend.domain.families import ModelFamily
from backend.service.line import Line
from backend.service.turns import Turns
from tests.builders import a_birth, a_job, a_worker, at
from tests.fakes.events import MemoryCancelFlags, MemoryEventBus, MemoryOutbox, MemoryQueues
from tests.fakes.moderation import make_standings
from tests.fakes.policies import make_policies
from tests.fakes.stores import MemoryJobStore, MemoryQueueDocuments
from tests.fakes.uploads import Darkroom


class Workshop:
    """A reconciler with a clock to turn."""

    def __init__(self, *, heard_until_s: float = 1000.0) -> None:
        self.jobs = MemoryJobStore()
        self.bus = MemoryEventBus()
        self.seconds = 0.0
        outbox = MemoryOutbox(jobs=self.jobs, bus=self.bus)
        standings = make_standings(
            memory=self.jobs.memory, flags=MemoryCancelFlags(), outbox=outbox, clock=self.now
        )
        darkroom = Darkroom(jobs=self.jobs, clock=self.now, standings=standings)
        self.line = Line(
            jobs=self.jobs,
            pictures=darkroom.given,
            sent=MemoryQueues(),
            policies=make_policies(),
            open_turns=lambda family: Turns(
                family=family, jobs=self.jobs, documents=MemoryQueueDocuments(), clock=self.now
            ),
            clock=self.now,
        )
        self.reconciler = Reconciler(
            line=self.line,
            jobs=self.jobs,
            outbox=outbox,
            clock=self.now,
            heard_until=lambda: at(heard_until_s),
        )

    def now(self):
        return at(self.seconds)

    async def lose_a_job(self) -> None:
        job = a_job(id="gen_lost")
        await self.jobs.add(a_birth(job), fingerprint="")
        await self.line.lease_next(ModelFamily.SDXL, [a_worker()], in_flight={})
        self.seconds = 61


async def test_a_lost_job_goes_back_to_the_line_and_the_world_hears_of_it() -> None:
    workshop = Workshop()
    await workshop.lose_a_job()
    await workshop.reconciler.tick()
    assert workshop.bus.kinds("gen_lost") == ["queued", "dispatched", "returned"]


async def test_no_lease_ends_that_an_unread_report_may_have_renewed() -> None:
    workshop = Workshop(heard_until_s=59)
    await workshop.lose_a_job()
    await workshop.reconciler.tick()
    assert "returned" not in workshop.bus.kinds("gen_lost")


async def test_fresh_events_are_left_to_whoever_committed_them() -> None:
    workshop = Workshop()
    await workshop.jobs.add(a_birth(a_job()), fingerprint="")
    workshop.seconds = 1
    await workshop.reconciler.tick()
    assert workshop.bus.events == []
    workshop.seconds = 2
    await workshop.reconciler.tick()
    assert len(workshop.bus.events) == 1
