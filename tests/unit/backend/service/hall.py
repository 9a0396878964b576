"""A waiting line over in-memory twins, and a clock to turn."""

from backend.domain.families import ModelFamily
from backend.domain.jobs import Job
from backend.domain.requests import JobId
from backend.scheduling.gpu_pool import LiveWorker
from backend.service.given_pictures import GivenPictures
from backend.service.line import Line, Sending
from backend.service.standings import frozen_by
from backend.service.turns import Turns
from tests.builders import (
    a_birth,
    a_job,
    a_worker,
    at,
)
from tests.fakes.events import MemoryQueues
from tests.fakes.moderation import MemoryStandingStore
from tests.fakes.policies import make_policies
from tests.fakes.stores import MemoryJobStore, MemoryQueueDocuments
from tests.fakes.uploads import MemoryUploadStore


class Hall:
    """A line, its table, its queues and a clock to turn."""

    def __init__(self) -> None:
        self.jobs = MemoryJobStore()
        self.queues = MemoryQueues()
        self.documents = MemoryQueueDocuments()
        self.seconds = 0.0
        self.uploads = MemoryUploadStore()
        self.policies = make_policies()
        self.line = Line(
            jobs=self.jobs,
            policies=self.policies,
            pictures=GivenPictures(
                jobs=self.jobs,
                uploads=self.uploads,
                is_frozen=frozen_by(MemoryStandingStore(memory=self.jobs.memory)),
                policies=self.policies,
                clock=lambda: at(self.seconds),
            ),
            sent=self.queues,
            open_turns=lambda family: Turns(
                family=family,
                jobs=self.jobs,
                documents=self.documents,
                clock=lambda: at(self.seconds),
            ),
            clock=lambda: at(self.seconds),
            dispatch_lease_s=60,
        )

    async def enter(self, **fields) -> JobId:
        job = a_job(**fields)
        await self.jobs.add(a_birth(job), fingerprint=job.id)
        return job.id

    async def lease(self, *workers: LiveWorker) -> list[Sending]:
        in_flight = await self.line.in_flight(ModelFamily.SDXL)
        return await self.line.lease_next(ModelFamily.SDXL, workers, in_flight=in_flight)

    async def send_next(self, slots: int = 1) -> list[str]:
        return await self.send_to(a_worker(slots=slots, wants=slots))

    async def send_to(self, *workers: LiveWorker) -> list[str]:
        sendings = await self.lease(*workers)
        for sending in sendings:
            await self.queues.send(sending.message, worker=sending.worker)
        return [sending.message.job_id for sending in sendings]

    async def start(self, job_id: JobId, *, lease_s: float = 20, worker: str = "w1") -> None:
        until = at(self.seconds + lease_s)
        now = at(self.seconds)
        job = await self.job(job_id)
        await self.jobs.change(
            job_id,
            lambda row: row.start(attempt=job.attempt, worker=worker, now=now, until=until),
        )

    async def job(self, job_id: JobId) -> Job:
        job = await self.jobs.get(job_id)
        assert job is not None
        return job
