"""The moderators' desk: a card for everything to be decided, kept true, and word to who appealed.

What is shown is compared with what the store says, every few seconds and at once when somebody did
something here. A card is claimed before it is posted; where a process died in between, the card is
looked for in the channel before another is posted.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import discord
import structlog

from backend.domain.deliveries import DiscordMessage
from backend.domain.errors import JobNotFound
from backend.domain.jobs import Job
from backend.domain.removals import Removal, RemovalPlace
from backend.domain.reviews import Decision, Review
from backend.service.moderation_ports import Card, Reminder
from backend.service.reviews import ReviewCard
from backend.service.services import Services
from bot.delivery.closed_doors import ClosedDoors, StillClosed
from bot.delivery.nonces import nonce_of
from bot.delivery.posting import Obstacle, obstacle_of
from bot.delivery.request_cards import RequestCards
from bot.identity import user_id_of
from bot.presenters.reviews import answer_text, reminder_text
from bot.views.answers import only
from bot.views.review_buttons import card_embed, review_buttons, veiled_files

SWEEP_INTERVAL_S = 5.0
_AT_ONCE = 100
_LOOKED_BACK = 100
# What was decided longer ago, while no bot ran, is news to nobody; answers to appeals always are.
_NEWS = timedelta(days=1)
# Unknown message, unknown channel.
_NOT_THERE = frozenset({10008, 10003})
_log = structlog.get_logger(__name__)


class Desk:
    """Posts and edits cards. `owns_guild` says which guilds are this process's to post in."""

    def __init__(
        self,
        *,
        client: discord.Client,
        services: Services,
        owns_guild: Callable[[int | None], bool] = lambda _guild_id: True,
        sweep_interval_s: float = SWEEP_INTERVAL_S,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._services = services
        self._owns_guild = owns_guild
        self._sweep_interval_s = sweep_interval_s
        self._doors = ClosedDoors(clock=clock)
        self._requests = RequestCards(
            client=client,
            moderation=services.moderation,
            owns_guild=owns_guild,
            doors=self._doors,
        )
        self._clock = clock
        self._wanted = asyncio.Event()

    def kick(self) -> None:
        """Look at once rather than in a few seconds."""
        self._wanted.set()

    async def run(self) -> None:
        """Sweep until cancelled; started by the entry point, not by the bot."""
        await self._client.wait_until_ready()
        while True:
            self._wanted.clear()
            try:
                await self.sweep()
            except Exception:  # noqa: BLE001 - the edge of a background task; the next sweep may work
                _log.warning("desk.sweep_failed", exc_info=True)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), self._sweep_interval_s)

    async def sweep(self) -> None:
        """Make every card true, remind of what is overdue, and tell of what was decided."""
        # Before the cards, which show what is gone.
        removals = self._services.moderation.removals
        for removal, place in await removals.messages_left(but_in=self._doors.closed()):
            await self._delete(removal, place)
        cards = self._services.moderation.cards
        channels = await cards.channels()
        if channels:
            await self._requests.post(channels)
            for review, card in await cards.stale(_AT_ONCE):
                await self._guarded(self._show(review, card, channels), review)
            for reminder in await cards.to_remind(self._clock(), _AT_ONCE):
                await self._guarded(self._remind(reminder, channels), reminder.review)
        since = discord.utils.utcnow() - _NEWS
        for review in await cards.untold(_AT_ONCE, since=since):
            await self._guarded(self._tell(review), review)

    async def _guarded(self, work: "asyncio.Future[None] | object", review: Review) -> None:
        """Let what goes wrong with one review not keep the others from being shown."""
        try:
            with contextlib.suppress(StillClosed):
                await work  # type: ignore[misc]  # a coroutine
        except (discord.HTTPException, JobNotFound):
            _log.warning("desk.not_shown", review_id=review.id, exc_info=True)

    async def _show(self, review: Review, card: Card | None, channels: Mapping[int, int]) -> None:
        job = (await self._services.generations.snapshot(review.job_id)).job
        guild_id = _guild_for(job, channels)
        if not self._owns_guild(guild_id):
            return
        removal = await self._services.moderation.removals.of_review(review)
        shown = ReviewCard(review=review, job=job, removal=removal)
        if card is None:
            wanted = Card(subject_id=review.id, channel_id=channels[guild_id])
            card = await self._services.moderation.cards.claim(wanted)
            placed = await self._post(card, shown)
        elif card.message_id is None:
            card = replace(card, channel_id=channels[guild_id])
            placed = await self._found(card) or await self._post(card, shown)
        else:
            placed = await self._edit(card, shown, home=channels[guild_id])
        await self._services.moderation.cards.mark_shown(
            replace(placed, shown_version=review.version)
        )

    async def _post(self, card: Card, shown: ReviewCard) -> Card:
        channel = self._client.get_partial_messageable(card.channel_id)
        with self._doors.at(card.channel_id):
            veiled = await self._services.moderation.looking.on_card(shown.review)
            message = await channel.send(
                embed=card_embed(shown, veiled),
                files=veiled_files(veiled),
                view=review_buttons(shown) or discord.utils.MISSING,
                allowed_mentions=only(None),
                # Sent twice after a crash, it still appears once.
                nonce=nonce_of(card.subject_id),
            )
        return replace(card, message_id=message.id)

    async def _found(self, card: Card) -> Card | None:
        """Return the card where another process posted it and died before it could say so."""
        me = self._client.user.id if self._client.user else 0
        with self._doors.at(card.channel_id):
            channel = await self._client.fetch_channel(card.channel_id)
            if not isinstance(channel, discord.abc.Messageable):
                return None
            async for message in channel.history(limit=_LOOKED_BACK):
                footers = [embed.footer.text or "" for embed in message.embeds]
                if message.author.id == me and any(card.subject_id in one for one in footers):
                    return replace(card, message_id=message.id)
        return None

    async def _edit(self, card: Card, shown: ReviewCard, *, home: int) -> Card:
        """Make a card true; one that cannot be reached any more comes anew, where cards are now."""
        channel = self._client.get_partial_messageable(card.channel_id)
        try:
            with self._doors.at(card.channel_id):
                veiled = await self._services.moderation.looking.on_card(shown.review)
                await channel.get_partial_message(card.message_id or 0).edit(
                    embed=card_embed(shown, veiled),
                    attachments=veiled_files(veiled),
                    view=review_buttons(shown),
                    allowed_mentions=only(None),
                )
        except StillClosed:
            if home == card.channel_id:
                raise
        except discord.HTTPException as error:
            obstacle = obstacle_of(error)
            has_moved = obstacle is Obstacle.NOT_LET_IN and home != card.channel_id
            if obstacle is not Obstacle.MESSAGE_GONE and not has_moved:
                raise
        else:
            return card
        return (
            await self._post(replace(card, channel_id=home), shown)
            if shown.review.is_open
            else card
        )

    async def _remind(self, reminder: Reminder, channels: Mapping[int, int]) -> None:
        """Say beside its card that an answer is overdue."""
        job = (await self._services.generations.snapshot(reminder.review.job_id)).job
        if not self._owns_guild(_guild_for(job, channels)):
            return
        card = reminder.card
        channel = self._client.get_partial_messageable(card.channel_id)
        shown = channel.get_partial_message(card.message_id or 0)
        with self._doors.at(card.channel_id):
            await channel.send(
                reminder_text(reminder.review),
                reference=shown.to_reference(fail_if_not_exists=False),
                allowed_mentions=only(None),
                nonce=nonce_of(f"r{reminder.count}{card.subject_id}"),
            )
        await self._services.moderation.cards.mark_reminded(reminder, self._clock())

    async def _delete(self, removal: Removal, place: RemovalPlace) -> None:
        """Delete a message that shows a removed picture; one that is gone is proof as well.

        So is a channel that is: nobody reads in it any more.
        """
        channel_id, _, message_id = place.name.partition("/")
        channel = self._client.get_partial_messageable(int(channel_id))
        try:
            with self._doors.at(channel.id):
                await channel.get_partial_message(int(message_id)).delete()
            proof = "deleted"
        except StillClosed:
            return
        except discord.HTTPException as error:
            if error.code not in _NOT_THERE:
                _log.warning("desk.not_deleted", removal_id=removal.id, code=error.code)
                return
            proof = f"not there ({error.code})"
        removals = self._services.moderation.removals
        await removals.message_gone(removal, place, proof=proof)

    async def _tell(self, review: Review) -> None:
        """Tell whoever asked what was decided: in the channel what is good news, else alone.

        Accounts of other surfaces read it where they asked. Of what nobody may release, nobody is
        told more than that it is held.
        """
        message = await self._services.messages.get(review.job_id)
        if not self._owns_guild(message.guild_id if message else None):
            return
        job = (await self._services.generations.snapshot(review.job_id)).job
        user_id = user_id_of(job.request.requester.account_id)
        if user_id is not None and review.is_releasable:
            text = answer_text(review, user_id=user_id, link=_link_to(message))
            is_public = review.decision is Decision.RELEASED and message is not None
            if not (is_public and message and await self._reply(message.channel_id, review, text)):
                await self._write_to(user_id, text)
        await self._services.moderation.cards.mark_told(review.id)

    async def _reply(self, channel_id: int, review: Review, text: str) -> bool:
        message = await self._services.messages.get(review.job_id)
        channel = self._client.get_partial_messageable(channel_id)
        if message is None:
            return False
        lost = channel.get_partial_message(message.message_id)
        try:
            await channel.send(
                text,
                reference=lost.to_reference(fail_if_not_exists=False),
                allowed_mentions=only(message.asker_id),
                nonce=nonce_of(f"t{review.version}{review.id}"),
            )
        except discord.HTTPException as error:
            if obstacle_of(error) is None:
                raise
            return False
        return True

    async def _write_to(self, user_id: int, text: str) -> None:
        try:
            direct = await self._client.create_dm(discord.Object(user_id))
            await direct.send(text, allowed_mentions=only(None))
        except discord.HTTPException as error:
            if obstacle_of(error) is None:
                raise
            _log.info("desk.not_told", code=error.code)


def _link_to(message: DiscordMessage | None) -> str:
    if message is None:
        return ""
    guild = message.guild_id or "@me"
    return f"https://discord.com/channels/{guild}/{message.channel_id}/{message.message_id}"


def _guild_for(job: Job, channels: Mapping[int, int]) -> int:
    """Return the guild whose moderators see a job: its own, else the first that has a channel."""
    place = job.request.requester.place
    if place is not None and place.guild_id.isdigit() and int(place.guild_id) in channels:
        return int(place.guild_id)
    return min(channels)
