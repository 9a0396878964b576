"""The buttons on a review card: *Release* and *Keep blocked*, for moderators only."""

import re
from typing import Any, Self

import discord

from backend.domain.reviews import ReviewId
from backend.service.reviews import ReviewCard
from bot.identity import user_id_of
from bot.presenters.reviews import asker_name, review_embed
from bot.views.answers import acknowledge, answering
from bot.views.custom_ids import review_custom_id, review_pattern
from bot.views.workshop import workshop_of

_RELEASE, _KEEP = "release", "keep"


class ReleaseButton(
    discord.ui.DynamicItem[discord.ui.Button[Any]], template=review_pattern(_RELEASE)
):
    """*Release*: put the held job back in line."""

    def __init__(self, review_id: ReviewId) -> None:
        super().__init__(
            discord.ui.Button(
                label="Release",
                style=discord.ButtonStyle.success,
                custom_id=review_custom_id(_RELEASE, review_id),
            )
        )
        self._review_id = review_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(ReviewId(match["review_id"]))

    async def callback(self, interaction: discord.Interaction) -> None:
        async with answering(interaction):
            await acknowledge(interaction)
            workshop = workshop_of(interaction.client)
            requester = workshop.identity.requester(interaction)
            card = await workshop.services.reviews.release(self._review_id, requester)
            workshop.follow(card.job.id)
            await _close_card(interaction, card)


class KeepButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=review_pattern(_KEEP)):
    """*Keep blocked*: close the review and leave the job held."""

    def __init__(self, review_id: ReviewId) -> None:
        super().__init__(
            discord.ui.Button(
                label="Keep blocked",
                style=discord.ButtonStyle.danger,
                custom_id=review_custom_id(_KEEP, review_id),
            )
        )
        self._review_id = review_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(ReviewId(match["review_id"]))

    async def callback(self, interaction: discord.Interaction) -> None:
        async with answering(interaction):
            await acknowledge(interaction)
            workshop = workshop_of(interaction.client)
            requester = workshop.identity.requester(interaction)
            card = await workshop.services.reviews.keep(self._review_id, requester)
            await workshop.forget(card.job.id)
            await _close_card(interaction, card)


def review_buttons(card: ReviewCard) -> discord.ui.View:
    """Return the buttons of an open card; what may never be released has no *Release*."""
    view = discord.ui.View(timeout=None)
    if card.review.is_releasable:
        view.add_item(ReleaseButton(card.review.id))
    view.add_item(KeepButton(card.review.id))
    return view


def card_embed(card: ReviewCard) -> discord.Embed:
    """Return the card of a held job, naming its asker as Discord can."""
    account_id = card.job.request.requester.account_id
    return review_embed(card, asker=asker_name(account_id, user_id_of(account_id)))


async def _close_card(interaction: discord.Interaction, card: ReviewCard) -> None:
    await interaction.edit_original_response(embed=card_embed(card), view=None)
