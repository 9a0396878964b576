"""The buttons under a job: U1 to U4, V1 to V4, 🔄 and *Cancel*; they survive restarts.

A job of a single picture has that picture's own buttons.
"""

from typing import Any

import discord

from backend.domain.jobs import Job, JobState
from backend.domain.requests import JobId
from backend.domain.results import ImageRef
from backend.domain.reviews import NEVER_RELEASED
from bot.presenters.results import picture_text
from bot.views.answers import acknowledge, answering, only
from bot.views.appeal_buttons import AppealButton, ReportButton
from bot.views.custom_ids import job_custom_id, job_pattern
from bot.views.job_message import note_message, post_followup
from bot.views.lasting_buttons import JobButton, PictureButton
from bot.views.picture_buttons import picture_view
from bot.views.pictures import Upload, is_too_large, picture_uploads
from bot.views.recipe_buttons import RecipeButton
from bot.views.workshop import workshop_of

_PICK, _VARY, _REROLL, _CANCEL = "pick", "vary", "reroll", "cancel"
_PICTURES_SHOWN = 4


class PickButton(PictureButton, template=job_pattern(_PICK)):
    """U1 to U4: post one picture of the grid by itself, in full size."""

    @staticmethod
    def face(job_id: JobId, index: int) -> discord.ui.Button[Any]:
        return discord.ui.Button(
            label=f"U{index + 1}", custom_id=job_custom_id(_PICK, job_id, index), row=0
        )

    async def callback(self, interaction: discord.Interaction) -> None:
        async with answering(interaction):
            await acknowledge(interaction)
            generations = workshop_of(interaction.client).services.generations
            job, image = await generations.image(self._job_id, self._index)
            text = picture_text(job, image, asker_id=interaction.user.id)
            limit_bytes = interaction.filesize_limit
            buttons = picture_view(job, image)
            async for upload in picture_uploads(generations, job, image, limit_bytes=limit_bytes):
                if await _was_sent(interaction, job.id, image, text, upload, buttons):
                    return


class VaryButton(PictureButton, template=job_pattern(_VARY)):
    """V1 to V4: a new job of variations of one picture."""

    @staticmethod
    def face(job_id: JobId, index: int) -> discord.ui.Button[Any]:
        return discord.ui.Button(
            label=f"V{index + 1}", custom_id=job_custom_id(_VARY, job_id, index), row=1
        )

    async def callback(self, interaction: discord.Interaction) -> None:
        async with answering(interaction):
            await acknowledge(interaction)
            workshop = workshop_of(interaction.client)
            view = await workshop.services.generations.vary(
                self._job_id,
                self._index,
                workshop.identity.requester(interaction),
                idempotency_key=f"discord:{interaction.id}",
            )
            await post_followup(interaction, view, buttons=buttons_for(view.job))


class RerollButton(JobButton, template=job_pattern(_REROLL)):
    """🔄: a new job for the same words with another seed."""

    @staticmethod
    def face(job_id: JobId) -> discord.ui.Button[Any]:
        return discord.ui.Button(emoji="🔄", custom_id=job_custom_id(_REROLL, job_id), row=0)

    async def callback(self, interaction: discord.Interaction) -> None:
        async with answering(interaction):
            await acknowledge(interaction)
            workshop = workshop_of(interaction.client)
            view = await workshop.services.generations.reroll(
                self._job_id,
                workshop.identity.requester(interaction),
                idempotency_key=f"discord:{interaction.id}",
            )
            await post_followup(interaction, view, buttons=buttons_for(view.job))


class CancelButton(JobButton, template=job_pattern(_CANCEL)):
    """*Cancel*: end a job that is not finished; for its owner and for moderators."""

    @staticmethod
    def face(job_id: JobId) -> discord.ui.Button[Any]:
        return discord.ui.Button(label="Cancel", custom_id=job_custom_id(_CANCEL, job_id), row=0)

    async def callback(self, interaction: discord.Interaction) -> None:
        async with answering(interaction):
            await acknowledge(interaction)
            workshop = workshop_of(interaction.client)
            requester = workshop.identity.requester(interaction)
            await workshop.services.generations.cancel(self._job_id, requester)
            workshop.follow(self._job_id)


def buttons_for(job: Job) -> discord.ui.View | None:
    """Return the buttons that belong under a job as it is now."""
    view = discord.ui.View(timeout=None)
    match job.state:
        case JobState.QUEUED | JobState.RENDERING:
            view.add_item(CancelButton(job.id))
        case JobState.DELIVERED:
            return _buttons_of_pictures(job)
        case JobState.FAILED | JobState.CANCELLED:
            view.add_item(RerollButton(job.id))
        case JobState.BLOCKED:
            if job.block is None or job.block.category in NEVER_RELEASED:
                return None
            view.add_item(AppealButton(job.id))
    return view


def _buttons_of_pictures(job: Job) -> discord.ui.View:
    images = job.result.images[:_PICTURES_SHOWN] if job.result else ()
    view = discord.ui.View(timeout=None)
    if len(images) == 1:
        view = picture_view(job, images[0])
        view.add_item(RerollButton(job.id))
    else:
        for image in images:
            view.add_item(PickButton(job.id, image.index))
        view.add_item(RerollButton(job.id))
        for image in images:
            view.add_item(VaryButton(job.id, image.index))
    if job.result is not None and job.result.recipe is not None:
        view.add_item(RecipeButton(job.id))
    view.add_item(ReportButton(job.id))
    return view


async def _was_sent(
    interaction: discord.Interaction,
    job_id: JobId,
    image: ImageRef,
    text: str,
    upload: Upload,
    buttons: discord.ui.View,
) -> bool:
    """Post one picture; False if Discord finds it too large."""
    content = f"{text}\n{upload.note}" if upload.note else text
    try:
        message = await interaction.followup.send(
            content,
            files=upload.files(),
            view=buttons,
            allowed_mentions=only(interaction.user.id),
            wait=True,
        )
    except discord.HTTPException as error:
        if not is_too_large(error):
            raise
        return False
    await note_message(interaction, job_id, message, shown=[image.index])
    return True
