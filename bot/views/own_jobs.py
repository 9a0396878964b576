"""Offers a member's own jobs while they type a job's id."""

import discord
from discord import app_commands

from bot.presenters.standing import job_choice
from bot.views.workshop import workshop_of

_CHOICES_MAX = 25


async def suggest_own_jobs(
    interaction: discord.Interaction, typed: str, *, unfinished_only: bool
) -> list[app_commands.Choice[str]]:
    """Offer the asker's newest jobs that match what is typed."""
    workshop = workshop_of(interaction.client)
    requester = workshop.identity.requester(interaction)
    jobs = await workshop.services.generations.recent(requester, limit=_CHOICES_MAX)
    return [
        app_commands.Choice(name=job_choice(job), value=str(job.id))
        for job in jobs
        if not (unfinished_only and job.is_terminal)
        and typed.lower() in f"{job.id} {job.request.prompt}".lower()
    ]
