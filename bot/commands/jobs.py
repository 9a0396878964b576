"""`/show` and `/cancel`: a job by its id."""

import discord
from discord import app_commands
from discord.ext import commands

from backend.domain.deliveries import DiscordMessage
from backend.domain.jobs import JobState
from backend.domain.requests import JobId
from backend.service.job_view import JobView
from bot.presenters.results import job_text
from bot.views.answers import acknowledge, answering, only, say
from bot.views.job_message import answer_with_job, note_message
from bot.views.own_jobs import suggest_own_jobs
from bot.views.pictures import grid_uploads, is_too_large
from bot.views.result_buttons import buttons_for
from bot.views.workshop import workshop_of


class Jobs(commands.Cog):
    """What members do with jobs they have already."""

    @app_commands.command(name="show", description="Show one of your jobs again.")
    @app_commands.describe(job_id="The id under the pictures, gen_…")
    async def show(self, interaction: discord.Interaction, job_id: str) -> None:
        """Show a job here: its pictures with live buttons, or how far it is."""
        async with answering(interaction):
            await acknowledge(interaction, thinking=True)
            workshop = workshop_of(interaction.client)
            requester = workshop.identity.requester(interaction)
            view = await workshop.services.generations.view(JobId(job_id.strip()), requester)
            if view.job.state is JobState.DELIVERED:
                await _answer_with_pictures(interaction, view)
                return
            known = await workshop.services.messages.get(view.job.id)
            if known is None and not view.job.is_terminal:
                await answer_with_job(interaction, view, buttons=buttons_for(view.job))
                return
            await interaction.edit_original_response(
                content=_snapshot_text(view, known, asker_id=interaction.user.id),
                view=buttons_for(view.job),
                allowed_mentions=only(interaction.user.id),
            )

    @app_commands.command(name="cancel", description="End one of your jobs that is not finished.")
    @app_commands.describe(job_id="The id under the progress bar, gen_…")
    async def cancel(self, interaction: discord.Interaction, job_id: str) -> None:
        """End a job of the asker's."""
        async with answering(interaction):
            await acknowledge(interaction, thinking=True, ephemeral=True)
            workshop = workshop_of(interaction.client)
            requester = workshop.identity.requester(interaction)
            view = await workshop.services.generations.cancel(JobId(job_id.strip()), requester)
            workshop.follow(view.job.id)
            await interaction.edit_original_response(
                content=f"🛑 Cancelled `{view.job.id}`. {view.receipt}"
            )

    @show.autocomplete("job_id")
    @cancel.autocomplete("job_id")
    async def suggest(
        self, interaction: discord.Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        """Offer the asker's newest jobs; for `/cancel` only those that are not finished."""
        is_cancel = interaction.command is not None and interaction.command.name == "cancel"
        return await suggest_own_jobs(interaction, typed, unfinished_only=is_cancel)


async def _answer_with_pictures(interaction: discord.Interaction, view: JobView) -> None:
    generations = workshop_of(interaction.client).services.generations
    asker_id = interaction.user.id
    text = job_text(view, asker_id=asker_id)
    limit_bytes = interaction.filesize_limit
    async for upload in grid_uploads(generations, view.job, limit_bytes=limit_bytes):
        try:
            message = await interaction.edit_original_response(
                content=f"{text}\n{upload.note}" if upload.note else text,
                attachments=upload.files(),
                view=buttons_for(view.job),
                allowed_mentions=only(asker_id),
            )
        except discord.HTTPException as error:
            if not is_too_large(error):
                raise
        else:
            shown = [image.index for image in view.job.images]
            await note_message(interaction, view.job.id, message, shown=shown)
            return
    await say(interaction, "The pictures could not be shown here.")


def _snapshot_text(view: JobView, known: DiscordMessage | None, *, asker_id: int) -> str:
    """Return how a job stands, and where its live message is."""
    text = job_text(view, asker_id=asker_id)
    if known is None or view.job.is_terminal:
        return text
    guild = known.guild_id or "@me"
    link = f"https://discord.com/channels/{guild}/{known.channel_id}/{known.message_id}"
    return f"{text}\nIts message: {link}"


async def setup(bot: commands.Bot) -> None:
    """Add the commands to the bot."""
    await bot.add_cog(Jobs())
