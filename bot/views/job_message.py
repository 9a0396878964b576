"""The first showing of a job: its message is posted, remembered, and followed from then on."""

from collections.abc import Collection

import discord

from backend.domain.deliveries import DiscordMessage
from backend.domain.requests import JobId
from backend.service.job_view import JobView
from bot.presenters.results import job_text
from bot.views.answers import only
from bot.views.workshop import workshop_of


async def answer_with_job(
    interaction: discord.Interaction, view: JobView, *, buttons: discord.ui.View | None
) -> None:
    """Show a job in the waiting answer to a slash command."""
    asker_id = interaction.user.id
    text = job_text(view, asker_id=asker_id)
    message = await interaction.edit_original_response(
        content=text, view=buttons, allowed_mentions=only(asker_id)
    )
    await _remember(interaction, view, message_id=message.id, shown=text)


async def post_followup(
    interaction: discord.Interaction, view: JobView, *, buttons: discord.ui.View | None
) -> None:
    """Show a job in a new message after a button was pressed."""
    asker_id = interaction.user.id
    text = job_text(view, asker_id=asker_id)
    message = await interaction.followup.send(
        text,
        view=buttons if buttons is not None else discord.utils.MISSING,
        allowed_mentions=only(asker_id),
        wait=True,
    )
    await _remember(interaction, view, message_id=message.id, shown=text)


async def note_message(
    interaction: discord.Interaction,
    job_id: JobId,
    message: discord.Message,
    *,
    shown: Collection[int],
) -> None:
    """Note a message that shows these pictures of a job, so that they can be removed from it."""
    removals = workshop_of(interaction.client).services.moderation.removals
    await removals.note_message(job_id, message.channel.id, message.id, shown=shown)


async def _remember(
    interaction: discord.Interaction, view: JobView, *, message_id: int, shown: str
) -> None:
    workshop = workshop_of(interaction.client)
    await workshop.services.messages.save(
        DiscordMessage(
            job_id=view.job.id,
            application_id=interaction.application_id,
            channel_id=interaction.channel_id or 0,
            message_id=message_id,
            guild_id=interaction.guild_id,
            asker_id=interaction.user.id,
            token=interaction.token,
            token_created_at=discord.utils.utcnow(),
            shown_version=-1,
        )
    )
    # What happened before the message was known is caught up with now.
    workshop.follow(view.job.id, shown=shown)
