"""*Recipe* under a job's pictures, and *Draw it again* under a recipe."""

from io import BytesIO
from typing import Any

import discord

from backend.domain.requests import JobId
from backend.service.recipes import DOCUMENT, document_of, request_again
from bot.presenters.recipes import recipe_text
from bot.views.answers import acknowledge, answering, only
from bot.views.custom_ids import job_custom_id, job_pattern
from bot.views.job_message import post_followup
from bot.views.lasting_buttons import JobButton
from bot.views.workshop import workshop_of

_RECIPE, _EXACT = "recipe", "exact"


class RecipeButton(JobButton, template=job_pattern(_RECIPE)):
    """*Recipe*: tell its owner how a job's pictures were made, with the whole of it as a file."""

    @staticmethod
    def face(job_id: JobId) -> discord.ui.Button[Any]:
        return discord.ui.Button(label="Recipe", custom_id=job_custom_id(_RECIPE, job_id), row=1)

    async def callback(self, interaction: discord.Interaction) -> None:
        async with answering(interaction):
            await acknowledge(interaction)
            workshop = workshop_of(interaction.client)
            requester = workshop.identity.requester(interaction)
            job = (await workshop.services.generations.view(self._job_id, requester)).job
            document = document_of(job)
            data = DOCUMENT.dump_json(document, indent=2)
            view = discord.ui.View(timeout=None)
            view.add_item(ExactButton(job.id))
            await interaction.followup.send(
                recipe_text(job, document.recipe),
                file=discord.File(BytesIO(data), filename=f"impasto-{job.id}-recipe.json"),
                view=view,
                ephemeral=True,
                allowed_mentions=only(None),
            )


class ExactButton(JobButton, template=job_pattern(_EXACT)):
    """*Draw it again*: the very pictures of a job once more, and whether they are the same."""

    @staticmethod
    def face(job_id: JobId) -> discord.ui.Button[Any]:
        return discord.ui.Button(label="Draw it again", custom_id=job_custom_id(_EXACT, job_id))

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
            await post_followup(interaction, view, buttons=workshop.buttons_for(view.job))
