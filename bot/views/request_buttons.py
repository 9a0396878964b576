"""What stands under the card of a request for removal that nothing matches; for moderators only."""

import re
from typing import Any, Self

import discord

from backend.domain.removals import RemovalRequest, RequestId
from bot.presenters.removal_requests import seen_embed
from bot.views.answers import acknowledge, answering
from bot.views.custom_ids import review_custom_id, review_pattern
from bot.views.workshop import workshop_of

_SEEN = "request-seen"


class SeenButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=review_pattern(_SEEN)):
    """*Seen*: put on record that a moderator has looked at the request."""

    def __init__(self, request_id: RequestId) -> None:
        super().__init__(
            discord.ui.Button(label="Seen", custom_id=review_custom_id(_SEEN, request_id))
        )
        self._request_id = request_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(RequestId(match["review_id"]))

    async def callback(self, interaction: discord.Interaction) -> None:
        async with answering(interaction):
            await acknowledge(interaction)
            workshop = workshop_of(interaction.client)
            requester = workshop.identity.requester(interaction)
            await workshop.services.moderation.requests.see(self._request_id, requester)
            shown = interaction.message.embeds if interaction.message else []
            seen = [seen_embed(embed, by=interaction.user.id) for embed in shown]
            await interaction.edit_original_response(embeds=seen, view=None)


def request_buttons(request: RemovalRequest) -> discord.ui.View:
    """Return what stands under the card of a request."""
    view = discord.ui.View(timeout=None)
    view.add_item(SeenButton(request.id))
    return view
