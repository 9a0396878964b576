"""*Draw it again* under a recipe: the very same pictures; it survives restarts."""

import re
from typing import Any, Self

import discord

from backend.domain.requests import JobId
from backend.service.recipes import request_again
from bot.views.answers import acknowledge, answering
from bot.views.custom_ids import job_custom_id, job_pattern
from bot.views.job_message import post_followup
from bot.views.recipe_buttons import EXACT
from bot.views.result_buttons import buttons_for
from bot.views.workshop import workshop_of


class ExactButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=job_pattern(EXACT)):
    """*Draw it again*: the very pictures of a job once more, and whether they are the same."""

    def __init__(self, job_id: JobId) -> None:
        super().__init__(
            discord.ui.Button(label="Draw it again", custom_id=job_custom_id(EXACT, job_id))
        )
        self._job_id = job_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(JobId(match["job_id"]))

    async def callback(self, interaction: discord.Interaction) -> None:
        async with answering(interaction):
            await acknowledge(interaction)
            workshop = workshop_of(interaction.client)
            generations = workshop.services.generations
            requester = workshop.identity.requester(interaction)
            origin = await generations.view(self._job_id, requester)
            view = await generations.submit(
                request_again(origin.job, requester, idempotency_key=f"discord:{interaction.id}")
            )
            await post_followup(interaction, view, buttons=buttons_for(view.job))
