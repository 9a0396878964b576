"""The simulated Discord itself: one guild, two channels, three people and the bot's account.

Everything that changes simcord's world from a person's side goes through ``World.lock``, because
simcord refuses overlapping operations; requests from the bot need no lock.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import discord
import simcord
from simcord.actors import MemberActor
from simcord.backend import Backend
from simcord.backend.models import Message
from simcord.builders import ChannelHandle, UserHandle

# Discord gives a bot 3 s; give up a little earlier, so that the page says so instead of hanging.
ANSWER_TIMEOUT_S = 2.9
_KEPT_RECORDS = 2000


class RealClock:
    """simcord's clock, flowing with real time, so that tokens expire and messages carry dates."""

    def __init__(self) -> None:
        self._epoch = datetime.now(UTC)
        self._started_s = time.perf_counter()
        self._skipped_s = 0.0

    @property
    def elapsed(self) -> float:
        """Return the seconds since the world began."""
        return time.perf_counter() - self._started_s + self._skipped_s

    def now(self) -> datetime:
        """Return the world's time in UTC."""
        return self._epoch + timedelta(seconds=self.elapsed)

    def advance(self, seconds: float) -> None:
        """Skip ahead by ``seconds``."""
        self._skipped_s += seconds


class Observer(discord.Client):
    """The client simcord insists on; it answers nothing, it only waits for the real bot."""

    def __init__(self) -> None:
        super().__init__(intents=discord.Intents.default())
        self.waiting: dict[int, asyncio.Future[None]] = {}

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """Hold the acting person's verb open until the bot has answered or run out of time."""
        answered = asyncio.get_running_loop().create_future()
        self.waiting[interaction.id] = answered
        try:
            await asyncio.wait_for(answered, ANSWER_TIMEOUT_S)
        except TimeoutError:
            return
        finally:
            self.waiting.pop(interaction.id, None)


@dataclass(frozen=True, kw_only=True)
class Cast:
    """Handles of the people in the world, by name."""

    alice: MemberActor
    bob: MemberActor
    moderator: MemberActor

    def named(self, name: str) -> MemberActor:
        """Return the member of that name; raise ``KeyError`` for a stranger."""
        return {"alice": self.alice, "bob": self.bob, "moderator": self.moderator}[name]


class World:
    """simcord's environment with Impasto's guild in it."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.changes = 0
        self.observer = Observer()
        self.clock = RealClock()
        self.env = simcord.Env(self.observer, check_errors=False)
        self.env.backend = Backend(clock=self.clock)
        self.backend.bot_user.name = "Impasto"
        self.guild = self.env.create_guild("Impasto")
        self.channel = self.guild.create_text_channel("art", topic="Type /imagine and a prompt.")
        may_moderate = discord.Permissions(manage_messages=True)
        self.moderators = self.guild.create_role("moderators", permissions=may_moderate)
        self.cast = self._cast()
        self.back_room = self._back_room()

    def _cast(self) -> Cast:
        alice, bob, moderator = (
            self.env.create_user(name, global_name=name.title())
            for name in ("alice", "bob", "moderator")
        )
        return Cast(
            alice=self.guild.add_member(alice),
            bob=self.guild.add_member(bob),
            moderator=self.guild.add_member(moderator, roles=[self.moderators]),
        )

    def _back_room(self) -> ChannelHandle:
        """Create the channel that only moderators and the bot can see."""
        seen, hidden = (discord.PermissionOverwrite(view_channel=can) for can in (True, False))
        return self.guild.create_text_channel(
            "moderators",
            topic="Choose it for cards with /mod channel.",
            overwrites={
                self.guild.default_role: hidden,
                self.moderators: seen,
                UserHandle(self.env, self.backend.bot_user): seen,
            },
        )

    @property
    def backend(self) -> Backend:
        """Return simcord's store, the single truth of this world."""
        return self.env.backend

    @asynccontextmanager
    async def running(self) -> AsyncIterator["World"]:
        """Start the world and stop it at the end."""
        await self.env.start()
        self.backend.subscribers.append(self._count)
        try:
            yield self
        finally:
            for answered in self.observer.waiting.values():
                answered.cancel()
            await self.env.shutdown()

    def _count(self, _event: str, _payload: Mapping[str, object]) -> None:
        self.changes += 1

    def note_request(self, method: str) -> None:
        """Take notice of a request of the bot: let go of whoever waits for the answer it gave.

        Ephemeral answers announce nothing on the gateway, so every write counts as a change.
        """
        if method != "GET":
            self.changes += 1
        for interaction_id, answered in tuple(self.observer.waiting.items()):
            record = self.backend.interactions.get(interaction_id)
            if record is not None and record.responded and not answered.done():
                answered.set_result(None)

    def trim(self) -> None:
        """Forget old records: simcord keeps every request and event, a demo may run for days."""
        for records in (self.backend.transcript, self.backend.http_requests):
            if len(records) > 2 * _KEPT_RECORDS:
                del records[:-_KEPT_RECORDS]

    def messages(self, channel_id: int) -> list[Message]:
        """Return the stored messages of a channel, oldest first."""
        stored = self.backend.messages.get(channel_id, {}).values()
        return sorted(stored, key=lambda message: message.id)
