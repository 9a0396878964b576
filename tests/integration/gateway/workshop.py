"""A gateway on a free port over in-memory stores, two members, a clock that stands still."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import ip_network

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from backend.domain.jobs import Change, Progress
from backend.domain.recipes import Recipe, Reproduction
from backend.domain.requests import JobId
from backend.domain.results import GenerationResult, ImageRef, ImageVariant, Timings
from backend.gateway.app import make_app
from backend.gateway.image_door import LocalImageDoor
from backend.gateway.metrics_door import MetricsDoor
from backend.gateway.readiness import Check
from backend.prompt.judging import PromptVerdict
from backend.service.accounts import Accounts
from backend.service.child_safety import ChildSafety
from backend.service.moderation_ports import ReviewStore
from backend.service.named_pictures import PictureLinks
from backend.service.ports import JobStore, KeyStore
from backend.service.services import Services
from safety.moderation.audit import AuditEntry
from storage.keys import image_key
from storage.object_store import ObjectStore
from storage.object_stores import LocalStoreSettings, open_object_store
from tests.builders import NOW
from tests.fakes.events import (
    MemoryCancelFlags,
    MemoryGauges,
    MemoryOutlooks,
    MemoryPresence,
    MemoryPreviews,
)
from tests.fakes.moderation import MemoryWithheldPictures
from tests.fakes.services import FakeWorkshop
from tests.fakes.uploads import Darkroom

SIGNING_KEYS = {"k1": b"0123456789abcdef0123456789abcdef"}
PUBLIC_URL = "http://pictures.test"


class StoppedClock:
    """Tells the moment it was set to."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_s(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class StoredPictures:
    """The `Pictures` port over a real object store."""

    def __init__(self, objects: ObjectStore, clock: StoppedClock) -> None:
        self._objects = objects
        self._clock = clock

    async def read(self, key: str) -> bytes:
        return self._objects.get(key)

    async def veiled(self, key: str) -> bytes:
        return b"veiled " + self._objects.get(key)

    def link(self, key: str, *, ttl_s: int) -> str:
        return self._objects.link(key, ttl_s, self._clock())


def screen(text: str) -> PromptVerdict:
    """Hold whatever mentions a forbidden thing."""
    if "forbidden" in text:
        return PromptVerdict(outcome="block", category="violence", rule="violence.secret_rule")
    return PromptVerdict(outcome="allow")


@dataclass(kw_only=True)
class Workshop:
    """A running gateway and what stands behind it."""

    client: TestClient[web.Request, web.Application]
    services: Services
    jobs: JobStore
    objects: ObjectStore
    clock: StoppedClock
    flags: MemoryCancelFlags
    previews: MemoryPreviews
    outlooks: MemoryOutlooks
    gauges: MemoryGauges
    presence: MemoryPresence
    child_safety: ChildSafety
    audit: list[AuditEntry]
    darkroom: Darkroom
    alice: dict[str, str]
    bob: dict[str, str]

    async def create(self, **body: object) -> str:
        """Ask for a picture as Alice and return its id."""
        response = await self.client.post(
            "/v1/generations", json={"prompt": "a fox", **body}, headers=self.alice
        )
        document = await response.json()
        assert response.status == 202, document
        return str(document["id"])

    async def create_exactly(self, exact: object) -> str:
        """Ask as Alice for the very pictures of a recipe and return the new job's id."""
        response = await self.client.post(
            "/v1/generations", json={"exact": exact}, headers=self.alice
        )
        document = await response.json()
        assert response.status == 202, document
        return str(document["id"])

    async def start(self, job_id: str, progress: Progress | None = None) -> None:
        """Let a worker begin the job."""
        until = self.clock() + timedelta(minutes=1)
        await self._move(job_id, lambda job: job.dispatch(now=self.clock(), until=until))
        await self._move(
            job_id, lambda job: job.start(attempt=1, worker="w", now=self.clock(), until=until)
        )
        if progress is not None:
            await self._move(
                job_id,
                lambda job: job.beat(
                    attempt=1, worker="w", progress=progress, now=self.clock(), until=until
                ),
            )

    async def deliver(
        self,
        job_id: str,
        count: int = 1,
        recipe: Recipe | None = None,
        reproduction: Reproduction | None = None,
        images: Sequence[ImageRef] = (),
    ) -> list[ImageRef]:
        """Let a worker draw the job and keep its pictures, or have drawn those that are given."""
        images = list(images) or [self._keep(index) for index in range(count)]
        result = GenerationResult(
            images=tuple(images),
            timings=Timings(total_s=1.5),
            recipe=recipe,
            reproduction=reproduction,
        )
        await self.start(job_id)
        await self._move(
            job_id, lambda job: job.deliver(attempt=1, result=result, now=self.clock())
        )
        return images

    async def put(self, job_id: str, **fields: object) -> None:
        """Set fields of a job without asking whether that is possible."""
        await self._move(
            job_id,
            lambda job: Change(
                job=replace(job, version=job.version + 1, **fields),
                event=job.cancel(now=self.clock()).event,
            ),
        )

    def _keep(self, index: int) -> ImageRef:
        sha256 = f"{index:064x}"
        keys = {variant: image_key(sha256, variant, "png") for variant in ImageVariant}
        for variant, key in keys.items():
            self.objects.put(key, f"{variant} {index}".encode(), "image/png")
        return ImageRef(
            index=index, seed=7 + index, width=64, height=48, sha256=sha256, size_bytes=9, keys=keys
        )

    async def _move(self, job_id: str, move: object) -> None:
        assert await self.jobs.change(JobId(job_id), move) is not None  # type: ignore[arg-type]


@asynccontextmanager
async def open_workshop(
    *,
    objects_folder: object,
    jobs: JobStore | None = None,
    reviews: ReviewStore | None = None,
    keys: KeyStore | None = None,
    readiness: Sequence[Check] = (),
    public_url: str = PUBLIC_URL,
    metrics_token: str | None = None,
    trusted_proxies: Sequence[str] = (),
    links: PictureLinks | None = None,
    objects: ObjectStore | None = None,
) -> AsyncIterator[Workshop]:
    """Open a gateway on a free port and close it at the end; over a local store unless given."""
    clock, gauges = StoppedClock(), MemoryGauges()
    objects = objects or open_object_store(
        LocalStoreSettings(
            root=objects_folder,  # type: ignore[arg-type]
            public_url=public_url,
            signing_keys=SIGNING_KEYS,
        )
    )
    house = FakeWorkshop(
        links=links,
        screen=screen,
        clock=clock,
        seconds=lambda: clock().timestamp(),
        jobs=jobs,
        reviews=reviews,
        keys=keys,
        objects=objects,
        pictures=StoredPictures(objects, clock),
    )
    app = make_app(
        services=house.services,
        image_door=LocalImageDoor(
            objects=objects,
            signing_keys=SIGNING_KEYS,
            withheld=MemoryWithheldPictures(memory=house.memory),
            clock=clock,
        ),
        metrics_door=MetricsDoor(gauges=gauges, token=metrics_token, public_url=public_url),
        readiness=readiness,
        public_url=public_url,
        trusted_proxies=[ip_network(proxy) for proxy in trusted_proxies],
        clock=clock,
    )
    async with TestClient(TestServer(app)) as client:
        yield await _furnished(client, house, clock, gauges)


async def _furnished(
    client: TestClient[web.Request, web.Application],
    house: FakeWorkshop,
    clock: StoppedClock,
    gauges: MemoryGauges,
) -> Workshop:
    """Return a running gateway with what stands behind it, and two members."""
    return Workshop(
        client=client,
        services=house.services,
        jobs=house.jobs,
        objects=house.objects,
        clock=clock,
        flags=house.cancel_flags,
        previews=house.previews,
        outlooks=house.outlooks,
        gauges=gauges,
        presence=house.presence,
        child_safety=house.child_safety,
        audit=house.memory.audit,
        darkroom=house.darkroom,
        alice=await _member(house.services.accounts, "alice"),
        bob=await _member(house.services.accounts, "bob"),
    )


async def _member(accounts: Accounts, name: str) -> dict[str, str]:
    _, secret = await accounts.create_key(name)
    return {"Authorization": f"Bearer {secret}"}
