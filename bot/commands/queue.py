"""`/queue why`: the reason for a job's place in line, in one sentence."""

import discord
from discord import app_commands
from discord.ext import commands

from backend.domain.errors import JobNotFound
from backend.domain.requests import JobId, Requester
from bot.presenters.queue_status import why_text
from bot.views.answers import acknowledge, answering
from bot.views.own_jobs import suggest_own_jobs
from bot.views.workshop import Workshop, workshop_of


class Queue(commands.GroupCog, name="queue", description="How the line stands."):
    """What members can ask about the line."""

    @app_commands.command(name="why", description="Why your job is where it is in line.")
    @app_commands.describe(job_id="The id under your message, gen_…; your newest job without it")
    async def why(self, interaction: discord.Interaction, job_id: str | None = None) -> None:
        """Explain the place of a job of the asker's."""
        async with answering(interaction):
            await acknowledge(interaction, thinking=True, ephemeral=True)
            workshop = workshop_of(interaction.client)
            requester = workshop.identity.requester(interaction)
            chosen = JobId(job_id.strip()) if job_id else await _newest(workshop, requester)
            view = await workshop.services.generations.view(chosen, requester)
            await interaction.edit_original_response(content=why_text(view))

    @why.autocomplete("job_id")
    async def suggest(
        self, interaction: discord.Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        """Offer the asker's jobs that are not finished."""
        return await suggest_own_jobs(interaction, typed, unfinished_only=True)


async def _newest(workshop: Workshop, requester: Requester) -> JobId:
    jobs = await workshop.services.generations.recent(requester)
    unfinished = [job for job in jobs if not job.is_terminal] or jobs
    if not unfinished:
        raise JobNotFound
    return unfinished[0].id


async def setup(bot: commands.Bot) -> None:
    """Add the commands to the bot."""
    await bot.add_cog(Queue())
