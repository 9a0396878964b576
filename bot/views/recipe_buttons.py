"""*Recipe* under a job's pictures: how they were made; it survives restarts."""

import re
from io import BytesIO
from typing import Any, Self

import discord

from backend.domain.requests import JobId
from backend.service.recipes import DOCUMENT, document_of
from bot.presenters.recipes import recipe_text
from bot.views.answers import acknowledge, answering, only
from bot.views.custom_ids import job_custom_id, job_pattern
from bot.views.workshop import workshop_of

_RECIPE = "recipe"
EXACT = "exact"


class RecipeButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=job_pattern(_RECIPE)):
    """*Recipe*: tell its owner how a job's pictures were made, with the whole of it as a file."""

    def __init__(self, job_id: JobId) -> None:
        super().__init__(
            discord.ui.Button(label="Recipe", custom_id=job_custom_id(_RECIPE, job_id), row=1)
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
            requester = workshop.identity.requester(interaction)
            job = (await workshop.services.generations.view(self._job_id, requester)).job
            document = document_of(job)
            data = DOCUMENT.dump_json(document, indent=2)
            view = discord.ui.View(timeout=None)
            view.add_item(
                discord.ui.Button(label="Draw it again", custom_id=job_custom_id(EXACT, job.id))
            )
            await interaction.followup.send(
                recipe_text(job, document.recipe),
                file=discord.File(BytesIO(data), filename=f"impasto-{job.id}-recipe.json"),
                view=view,
                ephemeral=True,
                allowed_mentions=only(None),
            )
