"""A shop floor for dispatcher tests: real table, real Valkey, workers played by hand."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from redis.asyncio import Redis

from backend.contracts import (
    BROKER_TRANSPORT_OPTIONS,
    NUDGE_FIELD,
    REPORT_STREAM,
    ImageVariant,
    RenderedImage,
    RenderFinished,
    RenderJob,
    RenderProgress,
    RenderReport,
    RenderStarted,
    StageTimings,
    WorkerPresence,
    claim_key,
    own_queue_name,
    queue_name,
    worker_key,
)
from backend.db.sessions import Database
from backend.db.stores import SqlJobStore, SqlQueueDocuments, SqlStandingStore, SqlUploadStore
from backend.delivery.event_bus import SinkEventBus
from backend.delivery.event_sinks import open_event_sink
from backend.delivery.gauges import RedisGauges
from backend.delivery.group_reader import GroupReader
from backend.delivery.outbox import Outbox
from backend.delivery.outlooks import RedisOutlooks
from backend.dispatch.celery_app import open_celery
from backend.dispatch.leader import LEADER_KEY
from backend.dispatch.loop import Dispatcher, Rhythm
from backend.dispatch.receive import REPORT_CONSUMER, REPORT_FIELD, REPORT_GROUP
from backend.dispatch.send import CelerySender, RedisSentJobs, Sender
from backend.domain.families import ModelFamily
from backend.domain.jobs import Job, JobState
from backend.domain.outlook import Outlook
from backend.domain.requests import JobId
from backend.domain.tiers import Tier
from backend.scheduling.gpu_pools import open_gpu_pool
from backend.scheduling.rules import FairRules
from backend.service.given_pictures import GivenPictures
from backend.service.line import Line
from backend.service.reports import Reports
from backend.service.standings import frozen_by
from backend.service.turns import Turns
from tests.builders import a_birth, a_job, a_spec
from tests.fakes.policies import make_policies

PATIENCE_S = 20.0
QUICK = Rhythm(
    tick_s=0.05,
    reconcile_s=0.05,
    renew_s=0.05,
    standby_s=0.05,
    trouble_s=0.1,
)


async def eventually(holds: Callable[[], "asyncio.Future | object"]) -> None:
    """Wait until an async condition holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not await holds():  # noqa: ASYNC110 - what is waited for lies in a server
            await asyncio.sleep(0.01)


class Floor:
    """Everything around dispatchers. `now` runs with the wall clock plus `skipped`."""

    def __init__(self, *, redis_url: str, database: Database) -> None:
        self.redis_url = redis_url
        self.redis: Redis = Redis.from_url(redis_url, socket_timeout=5)
        self.jobs = SqlJobStore(database=database)
        self.documents = SqlQueueDocuments(database=database)
        self.given = GivenPictures(
            jobs=self.jobs,
            uploads=SqlUploadStore(database=database),
            is_frozen=frozen_by(SqlStandingStore(database=database)),
            policies=make_policies(),
            clock=self.now,
        )
        self.bus = SinkEventBus(sink=open_event_sink("redis_stream", redis=self.redis))
        self.outbox = Outbox(jobs=self.jobs, bus=self.bus)
        self.gauges = RedisGauges(redis=self.redis, leader_key=LEADER_KEY)
        self.skipped = timedelta()
        self.app = open_celery(redis_url)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.skipped

    def skip(self, seconds: float) -> None:
        """Let time pass for all leases."""
        self.skipped += timedelta(seconds=seconds)

    def dispatcher(
        self,
        *,
        sender: Sender | None = None,
        leader_ttl_s: float = 10,
        rhythm: Rhythm = QUICK,
        rules: FairRules | None = None,
    ) -> Dispatcher:
        return Dispatcher(
            redis=self.redis,
            jobs=self.jobs,
            line=Line(
                jobs=self.jobs,
                pictures=self.given,
                sent=RedisSentJobs(redis=self.redis),
                policies=make_policies(),
                open_turns=lambda family: Turns(
                    family=family,
                    jobs=self.jobs,
                    documents=self.documents,
                    clock=self.now,
                    rules=rules,
                ),
                clock=self.now,
            ),
            reports=Reports(jobs=self.jobs, events=self.bus, outbox=self.outbox, clock=self.now),
            feed=GroupReader(
                redis=self.redis,
                stream=REPORT_STREAM,
                field=REPORT_FIELD,
                group=REPORT_GROUP,
                consumer=REPORT_CONSUMER,
                block_ms=200,
            ),
            sender=sender or CelerySender(app=self.app),
            pool=open_gpu_pool("local", redis=self.redis),
            events=self.bus,
            outbox=self.outbox,
            outlooks=RedisOutlooks(redis=self.redis),
            gauges=self.gauges,
            clock=self.now,
            leader_ttl_s=leader_ttl_s,
            rhythm=rhythm,
        )

    @asynccontextmanager
    async def running(self, dispatcher: Dispatcher | None = None) -> AsyncIterator[None]:
        """Run a dispatcher inside the block."""
        stop = asyncio.Event()
        task = asyncio.create_task((dispatcher or self.dispatcher()).run(stop))
        try:
            yield
        finally:
            stop.set()
            async with asyncio.timeout(PATIENCE_S):
                await task

    async def submit(self, *, tier: Tier = Tier.FAST, is_told: bool = True, **fields) -> JobId:
        """Put a job in line, as the gateway does."""
        moment = self.now()
        spec = fields.pop("spec", None) or a_spec(tier=tier)
        job = a_job(spec=spec, created_at=moment, updated_at=moment, **fields)
        await self.jobs.add(a_birth(job), fingerprint=job.id)
        if is_told:
            await self.outbox.publish_pending()
        return job.id

    async def announce(self, slots: int = 1, *, family: ModelFamily = ModelFamily.SDXL) -> None:
        """Say that a worker is there."""
        await self.redis.set(worker_key(family, "w1"), slots)

    async def present(
        self, name: str, *, wants: int, adapters: tuple[str, ...] = (), is_nudging: bool = False
    ) -> None:
        """Say what a worker wants, as one does."""
        presence = WorkerPresence(slots=1, wants=wants, adapters=adapters)
        await self.redis.set(worker_key(ModelFamily.SDXL, name), presence.model_dump_json(), ex=60)
        if is_nudging:
            await self.redis.xadd(REPORT_STREAM, {NUDGE_FIELD: name})

    async def queued_for(self, worker: str) -> list[RenderJob]:
        """Return what waits in a worker's own queue."""
        raw = await self.redis.lrange(_list_key(own_queue_name(ModelFamily.SDXL, worker)), 0, -1)
        return [_decoded(message) for message in reversed(raw)]

    async def drawn_by(self, job_id: JobId) -> str:
        """Return the worker that has claimed the job's attempt."""
        job = await self.job(job_id)
        token = await self.redis.get(claim_key(job_id, job.attempt))
        return "" if token is None else token.decode().rpartition(":")[0]

    async def queued(self, tier: Tier = Tier.FAST) -> list[RenderJob]:
        """Return what waits in a worker queue, next first."""
        raw = await self.redis.lrange(_key(tier), 0, -1)
        return [_decoded(message) for message in reversed(raw)]

    async def take(self, tier: Tier = Tier.FAST) -> RenderJob:
        """Take the next message that is not void and claim it, as a worker does."""
        while True:
            popped = await self.redis.brpop([_key(tier)], timeout=3)
            assert popped is not None, "no message came"
            message = _decoded(popped[1])
            claim = claim_key(message.job_id, message.attempt)
            if await self.redis.set(claim, "w1", nx=True, ex=60):
                return message

    async def report(self, *reports: RenderReport) -> None:
        for report in reports:
            await self.redis.xadd(REPORT_STREAM, {REPORT_FIELD: report.model_dump_json()})

    async def draw(self, message: RenderJob) -> None:
        """Report a whole drawing."""
        await self.report(started(message), progress(message, 1), finished(message))

    async def job(self, job_id: JobId) -> Job:
        job = await self.jobs.get(job_id)
        assert job is not None
        return job

    async def reaches(self, job_id: JobId, state: JobState) -> Job:
        """Wait until a job is in a state."""
        await eventually(lambda: self._is_in(job_id, state))
        return await self.job(job_id)

    async def is_queued(self, count: int, tier: Tier = Tier.FAST) -> list[RenderJob]:
        """Wait until so many messages wait in a queue."""

        async def holds() -> bool:
            return len(await self.queued(tier)) == count

        await eventually(holds)
        return await self.queued(tier)

    async def is_told_its_place(self, job_id: JobId) -> Outlook:
        """Wait until everyone can read where a waiting job stands."""
        outlooks = RedisOutlooks(redis=self.redis)
        job = await self.job(job_id)
        await eventually(lambda: outlooks.of(job))
        outlook = await outlooks.of(job)
        assert outlook is not None
        return outlook

    async def told(self, job_id: JobId) -> list[str]:
        """Return the kinds of the events on the stream about a job."""
        entries = await self.redis.xrange("impasto:events")
        events = [json.loads(fields[b"event"]) for _, fields in entries]
        return [event["kind"] for event in events if event["job_id"] == job_id]

    async def _is_in(self, job_id: JobId, state: JobState) -> bool:
        return (await self.job(job_id)).state is state


def _key(tier: Tier) -> str:
    return _list_key(queue_name(ModelFamily.SDXL, tier))


def _list_key(queue: str) -> str:
    return f"{BROKER_TRANSPORT_OPTIONS['global_keyprefix']}{queue}"


def _decoded(message: bytes) -> RenderJob:
    (args, _, _) = json.loads(base64.b64decode(json.loads(message)["body"]))
    return RenderJob.model_validate(args[0])


def started(message: RenderJob) -> RenderStarted:
    return RenderStarted(job_id=message.job_id, attempt=message.attempt, worker="w1")


def progress(message: RenderJob, step: int) -> RenderProgress:
    return RenderProgress(
        job_id=message.job_id, attempt=message.attempt, worker="w1", step=step, steps=4
    )


def finished(message: RenderJob) -> RenderFinished:
    image = RenderedImage(
        index=0,
        seed=message.seed,
        width=64,
        height=64,
        sha256="0" * 64,
        size_bytes=1,
        keys=dict.fromkeys(ImageVariant, "images/0"),
    )
    return RenderFinished(
        job_id=message.job_id,
        attempt=message.attempt,
        worker="w1",
        images=(image,),
        timings=StageTimings(),
    )
