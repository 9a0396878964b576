"""What is asked before a picture is worked on: which part, from how far, and in which words."""

from typing import Any

import discord

from backend.domain.errors import PictureOperationInvalid
from backend.domain.jobs import Job
from backend.domain.requests import JobId, Mask, PictureRef
from backend.domain.rework import Rework
from bot.presenters.regions import boxes_of
from bot.views.answers import acknowledge, answering
from bot.views.attachments import take_in
from bot.views.job_message import post_followup
from bot.views.workshop import workshop_of

_WORDS_MAX = 4000
_WORDS_LABEL = "What should be seen"


class RegionModal(discord.ui.Modal):
    """What *Vary (Region)* asks: which part, in words or as a mask, and what is to be seen.

    A restart while it is open loses what was typed; the button that opened it still works.
    """

    def __init__(self, job: Job, index: int) -> None:
        super().__init__(title="Draw a part anew")
        self._job_id = job.id
        self._index = index
        self._where: discord.ui.TextInput[RegionModal] = discord.ui.TextInput(
            custom_id="where",
            placeholder="top left · middle · right half · left, bottom right",
            max_length=100,
            required=False,
        )
        self._mask: discord.ui.FileUpload[RegionModal] = discord.ui.FileUpload(
            custom_id="mask", required=False, max_values=1
        )
        self._words = _words_of(job)
        self.add_item(discord.ui.Label(text="Which part", component=self._where))
        self.add_item(
            discord.ui.Label(
                text="Or a mask",
                description="A picture, white where this one is drawn anew",
                component=self._mask,
            )
        )
        self.add_item(discord.ui.Label(text=_WORDS_LABEL, component=self._words))

    async def on_submit(self, interaction: discord.Interaction) -> None:
        """Put the job in line."""
        async with answering(interaction):
            await acknowledge(interaction)
            mask = await self._read_mask(interaction)
            rework = Rework.redraw(mask, prompt=self._words.value)
            await _ask(interaction, self._job_id, self._index, rework)

    async def _read_mask(self, interaction: discord.Interaction) -> Mask:
        boxes = boxes_of(self._where.value) if self._where.value or not self._mask.values else ()
        if not self._mask.values:
            return Mask(boxes=boxes)
        workshop = workshop_of(interaction.client)
        requester = workshop.identity.requester(interaction)
        upload_id = await take_in(workshop.services.uploads, self._mask.values[0], requester)
        return Mask(picture=PictureRef(upload_id=upload_id), boxes=boxes)


class ZoomModal(discord.ui.Modal):
    """What *Custom Zoom* asks: from how far, and what is to be seen around the picture.

    A restart while it is open loses what was typed; the button that opened it still works.
    """

    def __init__(self, job: Job, index: int) -> None:
        super().__init__(title="See it from further away")
        self._job_id = job.id
        self._index = index
        self._zoom: discord.ui.TextInput[ZoomModal] = discord.ui.TextInput(
            custom_id="zoom", default="1.8", max_length=8
        )
        self._words = _words_of(job)
        self.add_item(discord.ui.Label(text="How far, from 1.1 to 2", component=self._zoom))
        self.add_item(discord.ui.Label(text=_WORDS_LABEL, component=self._words))

    async def on_submit(self, interaction: discord.Interaction) -> None:
        """Put the job in line."""
        async with answering(interaction):
            await acknowledge(interaction)
            rework = Rework.zoom_out(_number(self._zoom.value), prompt=self._words.value)
            await _ask(interaction, self._job_id, self._index, rework)


def _words_of(job: Job) -> discord.ui.TextInput[Any]:
    return discord.ui.TextInput(
        custom_id="words",
        style=discord.TextStyle.paragraph,
        default=job.spec.typed.positive_text[:_WORDS_MAX],
        max_length=_WORDS_MAX,
    )


async def _ask(interaction: discord.Interaction, job_id: JobId, index: int, rework: Rework) -> None:
    workshop = workshop_of(interaction.client)
    view = await workshop.services.generations.rework(
        job_id,
        index,
        workshop.identity.requester(interaction),
        rework,
        idempotency_key=f"discord:{interaction.id}",
    )
    await post_followup(interaction, view, buttons=workshop.buttons_for(view.job))


def _number(text: str) -> float:
    try:
        return float(text.strip().removesuffix("x").replace(",", "."))
    except ValueError:
        raise PictureOperationInvalid(
            f"“{text.strip()[:20]}” is no number.", way_out="Write for example 1.5."
        ) from None
