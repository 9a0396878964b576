"""A Discord to test the bot in: simcord's world, made stricter, over in-memory stores.

Every request the bot sends is held against Discord's OpenAPI document; a test fails at its end when
one would have been refused. Two seams of simcord 3.2.1 are not public: `router.dispatch` and
`Env._bot_scope`.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import discord
import pytest
import pytest_asyncio
import simcord
from PIL import Image

from backend.domain.events import JobEvent
from backend.domain.jobs import Block, Change, Failure, Job, Progress
from backend.domain.requests import JobId
from backend.domain.results import GenerationResult, ImageVariant
from backend.prompt.interpreter import Interpret
from backend.prompt.judging import PromptVerdict
from bot.client import ClientOptions, ImpastoBot
from bot.devcord.openapi import OpenApiJudge
from tests.builders import an_image
from tests.fakes.discord_edge import Edge
from tests.fakes.marks import RememberedMark
from tests.fakes.openapi import openapi_document
from tests.fakes.services import FakeWorkshop
from tests.fakes.uploads import MemoryPictureLinks

# Longer than any test takes, so that only virtual time makes the bot's timers ring.
EDIT_INTERVAL_S = 20.0
WORKER = "worker-1"
FORBIDDEN_WORD = "forbidden"


@pytest.fixture(scope="session")
def openapi_judge() -> OpenApiJudge | None:
    """Discord's own judgement of requests, or None where its document is absent."""
    path = openapi_document()
    return OpenApiJudge(path) if path is not None else None


def screen(text: str) -> PromptVerdict:
    """Hold back any prompt with the forbidden word, and with its child safety twin."""
    if "child-" + FORBIDDEN_WORD in text:
        return PromptVerdict(outcome="block", category="child_safety", rule="test-2")
    if FORBIDDEN_WORD in text:
        return PromptVerdict(outcome="review", category="violence", rule="test-1")
    return PromptVerdict(outcome="allow")


class Town:
    """A guild with a channel, members, the bot, and the stores and the worker behind it."""

    def __init__(self, *, state_dir: Path, edge: Edge, moderator_role_ids: tuple[int, ...]) -> None:
        self.edge = edge
        self.state_dir = state_dir
        self.watermark = RememberedMark()
        self.links = MemoryPictureLinks()
        self.fleet_s = 0.0
        self.interpret: Interpret = lambda spec: spec
        self.house = house = FakeWorkshop(
            interpret=lambda spec: self.interpret(spec),
            links=self.links,
            screen=screen,
            watermark=self.watermark,
            clock=self.now,
            seconds=lambda: self.fleet_s,
        )
        self.memory, self.jobs, self.messages = house.memory, house.jobs, house.messages
        self.bus, self.flags, self.outlooks = house.events, house.cancel_flags, house.outlooks
        self.pictures, self.previews, self.objects = house.pictures, house.previews, house.objects
        self.presence, self.standings, self.audit = house.presence, house.standings, house.audit
        self.darkroom, self.moderation = house.darkroom, house.services.moderation
        self._options = ClientOptions(
            state_dir=state_dir, shard_count=1, moderator_role_ids=moderator_role_ids
        )
        self.env: simcord.Env
        self.guild: Any
        self.channel: Any
        self.alice: Any
        self.bob: Any
        self.moderator: Any

    @property
    def bot(self) -> ImpastoBot:
        bot = self.env.bot
        assert isinstance(bot, ImpastoBot)
        return bot

    def now(self) -> Any:
        return self.env.now()

    def new_bot(self) -> ImpastoBot:
        return ImpastoBot(
            services=self.house.services,
            options=self._options,
            edit_interval_s=EDIT_INTERVAL_S,
            clock=self.now,
        )

    async def restart(self) -> None:
        """Replace the bot by a new one that resumes, as after a crash."""
        await self.env.restart_bot(self.new_bot())
        await self.owned(self.bot.deliveries.sweep)

    async def owned(self, call: Callable[[], Any]) -> None:
        """Run something as the bot's own work, and wait until the bot is quiet."""
        with self.env._bot_scope():
            task = asyncio.ensure_future(call())
        await self.env.settle()
        await task

    # ---- the worker and the dispatcher

    async def move(self, job_id: JobId, move: Callable[[Job], Change]) -> None:
        """Move a job and tell the bot."""
        event = await self.move_silently(job_id, move)
        await self.owned(lambda: self.bot.deliveries.deliver(event))

    async def move_silently(self, job_id: JobId, move: Callable[[Job], Change]) -> JobEvent:
        """Move a job, and lose the event."""
        events: list[JobEvent] = []

        def noted(job: Job) -> Change:
            change = move(job)
            events.append(change.event)
            return change

        assert await self.jobs.change(job_id, noted) is not None
        return events[0]

    async def start(self, job_id: JobId) -> None:
        until = self.now() + timedelta(minutes=5)
        await self.move(job_id, lambda job: job.dispatch(now=self.now(), until=until))
        await self.move(
            job_id,
            lambda job: job.start(attempt=job.attempt, worker=WORKER, now=self.now(), until=until),
        )

    async def beat(self, job_id: JobId, step: int, steps: int = 20) -> None:
        until = self.now() + timedelta(minutes=5)
        await self.move(
            job_id,
            lambda job: job.beat(
                attempt=job.attempt,
                worker=WORKER,
                progress=Progress(step=step, steps=steps),
                now=self.now(),
                until=until,
            ),
        )

    async def finish(self, job_id: JobId, count: int = 4) -> None:
        result = self.draw(job_id, count)
        await self.move(
            job_id, lambda job: job.deliver(attempt=job.attempt, result=result, now=self.now())
        )

    def draw(self, job_id: JobId, count: int = 4, side: int = 64) -> GenerationResult:
        """Store `count` pictures and return them as a result."""
        images = []
        for index in range(count):
            keys = {}
            for variant in ImageVariant:
                form = FORMS.get(variant, "WEBP")
                key = keys[variant] = f"images/{job_id}/{index}/{variant}.{form.lower()}"
                self.pictures.objects[key] = a_picture(index, form=form, side=side)
                self.objects.put(key, self.pictures.objects[key], "image/png")
            images.append(an_image(index, keys=keys, width=side, height=side))
        return GenerationResult(images=tuple(images))

    async def hold(self, job_id: JobId, category: str = "nudity") -> None:
        block = Block(stage="image", outcome="block", category=category, rule="r", score=0.93)
        await self.move(
            job_id, lambda job: job.hold(block=block, now=self.now(), attempt=job.attempt)
        )

    async def fail(self, job_id: JobId, code: str = "out_of_memory") -> None:
        failure = Failure(code=code, message="The GPU ran out of memory.")
        await self.move(
            job_id, lambda job: job.fail(failure=failure, now=self.now(), attempt=job.attempt)
        )

    async def lose_worker(self, job_id: JobId) -> None:
        await self.move(job_id, lambda job: job.return_to_line(now=self.now(), reason="expired"))

    async def ask(self, prompt: str = "a fox in the snow", **options: Any) -> JobId:
        """Let Alice ask for a picture."""
        await self.alice.slash(self.channel, "imagine", prompt=prompt, **options)
        return self.newest_job().id

    async def deliver(self, count: int = 4, prompt: str = "a fox in the snow") -> JobId:
        """Let Alice ask for pictures, and let her have them."""
        job_id = await self.ask(prompt)
        await self.start(job_id)
        await self.finish(job_id, count)
        return job_id

    # ---- what is seen

    def newest_job(self) -> Job:
        return list(self.memory.jobs.values())[-1]

    def message_of(self, job_id: JobId) -> discord.Message:
        """Return the message in which a job is shown now."""
        shown = self.messages.messages[job_id]
        found = [one for one in self.channel.history() if one.id == shown.message_id]
        assert found, f"no message shows {job_id}"
        return found[0]  # type: ignore[no-any-return]  # simcord ships no types

    def answers(self) -> list[dict[str, Any]]:
        """Return the first answers to interactions, in order."""
        return [
            dict(request.json or {})
            for request in self.env.http_requests
            if request.path.endswith("/callback")
        ]

    def edits(self) -> int:
        """Count the requests that changed a message."""
        return sum(
            request.method == "PATCH" and "/messages/" in request.path
            for request in self.env.http_requests
        )


FORMS = {
    ImageVariant.ORIGINAL: "PNG",
    ImageVariant.JPEG: "JPEG",
    ImageVariant.AVIF: "AVIF",
}


def labels(message: discord.Message) -> list[list[str]]:
    """Return what the buttons of a message say, row by row."""
    return [
        [
            str(getattr(button, "label", None) or getattr(button, "emoji", ""))
            for button in row.children
        ]
        for row in message.components
        if isinstance(row, discord.ActionRow)
    ]


def a_picture(index: int = 0, *, form: str = "PNG", side: int = 64) -> bytes:
    """Return a real picture that does not compress to nothing."""
    buffer = io.BytesIO()
    Image.effect_noise((side, side), 40 + 20 * index).convert("RGB").save(buffer, format=form)
    return buffer.getvalue()


@pytest.fixture
def edge(openapi_judge: OpenApiJudge | None, monkeypatch: pytest.MonkeyPatch) -> Edge:
    """The edge of Discord, installed."""
    edge = Edge(judge=openapi_judge)
    edge.install(monkeypatch)
    return edge


@pytest.fixture
def moderator_role_ids() -> tuple[int, ...]:
    """The roles that make a moderator; none, so the permission counts."""
    return ()


@pytest_asyncio.fixture
async def town(
    request: pytest.FixtureRequest,
    edge: Edge,
    tmp_path: Path,
    moderator_role_ids: tuple[int, ...],
) -> AsyncIterator[Town]:
    """A running bot in a guild; at the end every request must have been one Discord takes."""
    town = Town(state_dir=tmp_path, edge=edge, moderator_role_ids=moderator_role_ids)
    marker = request.node.get_closest_marker("simcord")
    town.env = simcord.Env(town.new_bot(), **(marker.kwargs if marker else {}))
    await town.env.start()
    town.guild = town.env.create_guild()
    town.channel = town.guild.create_text_channel("art")
    town.alice = town.guild.add_member(town.env.create_user("alice"))
    town.bob = town.guild.add_member(town.env.create_user("bob"))
    role = town.guild.create_role("mod", permissions=discord.Permissions(manage_messages=True))
    town.moderator = town.guild.add_member(town.env.create_user("mod"), roles=[role])
    try:
        yield town
    finally:
        await town.env.shutdown()
        if town.env.check_errors:
            town.env.raise_errors()
        assert edge.problems == [], "\n".join(edge.problems)


@pytest.fixture(autouse=True)
def env(town: Town) -> simcord.Env:
    """The town's simcord world; also gives the test body its clock and its transcript."""
    return town.env
