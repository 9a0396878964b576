"""What is asked before a picture is worked on: which part, from how far, and in which words."""

from collections.abc import Callable

import discord

from backend.domain.errors import PictureOperationInvalid
from backend.domain.jobs import Job
from backend.domain.requests import Mask
from backend.domain.rework import Rework
from bot.presenters.regions import boxes_of
from bot.views.answers import acknowledge, answering
from bot.views.job_message import post_followup
from bot.views.workshop import workshop_of

_WORDS_MAX = 4000


class PictureModal(discord.ui.Modal):
    """Asks one question and for words, and puts a job in line.

    `read` makes of both answers what is to be done. A restart while it is open loses what was
    typed; the button that opened it still works.
    """

    def __init__(
        self,
        job: Job,
        index: int,
        *,
        title: str,
        question: "discord.ui.TextInput[PictureModal]",
        read: Callable[[str, str], Rework],
    ) -> None:
        super().__init__(title=title)
        self._job_id = job.id
        self._index = index
        self._read = read
        self._question = question
        self._words: discord.ui.TextInput[PictureModal] = discord.ui.TextInput(
            label="What should be seen",
            style=discord.TextStyle.paragraph,
            default=job.spec.positive_text[:_WORDS_MAX],
            max_length=_WORDS_MAX,
        )
        self.add_item(self._question)
        self.add_item(self._words)

    async def on_submit(self, interaction: discord.Interaction) -> None:
        """Put the job in line."""
        async with answering(interaction):
            await acknowledge(interaction)
            workshop = workshop_of(interaction.client)
            view = await workshop.services.generations.rework(
                self._job_id,
                self._index,
                workshop.identity.requester(interaction),
                self._read(self._question.value, self._words.value),
                idempotency_key=f"discord:{interaction.id}",
            )
            await post_followup(interaction, view, buttons=workshop.buttons_for(view.job))


def region_modal(job: Job, index: int) -> PictureModal:
    """Return what *Vary (Region)* asks."""
    return PictureModal(
        job,
        index,
        title="Draw a part anew",
        question=discord.ui.TextInput(
            label="Which part",
            placeholder="top left · middle · right half · left, bottom right",
            max_length=100,
        ),
        read=lambda where, words: Rework.redraw(Mask(boxes=boxes_of(where)), prompt=words),
    )


def zoom_modal(job: Job, index: int) -> PictureModal:
    """Return what *Custom Zoom* asks."""
    return PictureModal(
        job,
        index,
        title="See it from further away",
        question=discord.ui.TextInput(label="How far, from 1.1 to 2", default="1.8", max_length=8),
        read=lambda zoom, words: Rework.zoom_out(_number(zoom), prompt=words),
    )


def _number(text: str) -> float:
    try:
        return float(text.strip().removesuffix("x").replace(",", "."))
    except ValueError:
        raise PictureOperationInvalid(
            f"“{text.strip()[:20]}” is no number.", way_out="Write for example 1.5."
        ) from None
