"""Posts a card for each request for removal that nothing matches, so that a person sees it in time.

A request that matches pictures is before the moderators as reviews of these, and has no card here.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import discord
import structlog

from backend.domain.removals import RemovalRequest
from backend.service.moderation_ports import Card
from backend.service.services import Moderation
from bot.delivery.closed_doors import ClosedDoors, StillClosed
from bot.delivery.nonces import nonce_of
from bot.presenters.removal_requests import request_embed
from bot.views.answers import only
from bot.views.request_buttons import request_buttons

_log = structlog.get_logger(__name__)


class RequestCards:
    """Posts what is not posted yet. `owns_guild` says which guilds are this process's."""

    def __init__(
        self,
        *,
        client: discord.Client,
        moderation: Moderation,
        owns_guild: Callable[[int | None], bool],
        doors: ClosedDoors,
    ) -> None:
        self._doors = doors
        self._client = client
        self._moderation = moderation
        self._owns_guild = owns_guild

    async def post(self, channels: Mapping[int, int]) -> None:
        """Post cards in the first guild that has a channel: requests are nobody's guild's."""
        guild_id = min(channels)
        if not self._owns_guild(guild_id):
            return
        for request in await self._moderation.requests.unseen():
            try:
                await self._post(request, channels[guild_id])
            except StillClosed:
                return
            except discord.HTTPException:
                # The next sweep tries again.
                _log.warning("request_card.not_posted", request_id=request.id, exc_info=True)

    async def _post(self, request: RemovalRequest, channel_id: int) -> None:
        wanted = Card(subject_id=request.id, channel_id=channel_id)
        card = replace(await self._moderation.cards.claim(wanted), channel_id=channel_id)
        channel = self._client.get_partial_messageable(channel_id)
        with self._doors.at(channel_id):
            message = await channel.send(
                embed=request_embed(request),
                view=request_buttons(request),
                allowed_mentions=only(None),
                # Sent twice after a crash, it still appears once.
                nonce=nonce_of(request.id),
            )
        await self._moderation.cards.mark_shown(
            replace(card, message_id=message.id, shown_version=0)
        )
