"""*Appeal* under what is held, and *Report* under what is shown: each asks why, and says it on."""

from typing import Any

import discord

from backend.domain.jobs import Job
from backend.domain.requests import JobId
from backend.domain.reviews import APPEAL_WORDS_MAX, REPORT_WORDS_MAX
from bot.presenters.standing import moment
from bot.views.answers import acknowledge, answering, say
from bot.views.custom_ids import job_custom_id, job_pattern
from bot.views.lasting_buttons import JobButton
from bot.views.workshop import workshop_of

_APPEAL, _REPORT = "appeal", "report"


class AppealButton(JobButton, template=job_pattern(_APPEAL)):
    """*Appeal*: ask moderators for a second look, once for each time something is held."""

    @staticmethod
    def face(job_id: JobId) -> discord.ui.Button[Any]:
        return discord.ui.Button(
            label="Appeal",
            style=discord.ButtonStyle.primary,
            custom_id=job_custom_id(_APPEAL, job_id),
        )

    async def callback(self, interaction: discord.Interaction) -> None:
        async with answering(interaction):
            workshop = workshop_of(interaction.client)
            requester = workshop.identity.requester(interaction)
            await workshop.services.moderation.appeals.must_be_open(self._job_id, requester)
            await interaction.response.send_modal(AppealModal(self._job_id))


class AppealModal(discord.ui.Modal):
    """Why the asker thinks that a block is wrong.

    A restart while it is open loses what was typed; the button that opened it still works.
    """

    def __init__(self, job_id: JobId) -> None:
        super().__init__(title="Ask for a second look")
        self._job_id = job_id
        self._words: discord.ui.TextInput[AppealModal] = discord.ui.TextInput(
            custom_id="words",
            style=discord.TextStyle.paragraph,
            placeholder="What is this picture for?",
            max_length=APPEAL_WORDS_MAX,
        )
        self.add_item(discord.ui.Label(text="Why should it be drawn", component=self._words))

    async def on_submit(self, interaction: discord.Interaction) -> None:
        """Put the appeal before moderators."""
        async with answering(interaction):
            await acknowledge(interaction, thinking=True, ephemeral=True)
            workshop = workshop_of(interaction.client)
            review = await workshop.services.moderation.appeals.appeal(
                self._job_id, workshop.identity.requester(interaction), words=self._words.value
            )
            await workshop.services.messages.reopen(self._job_id)
            workshop.refresh_cards()
            due = f" A person answers by {moment(review.appeal.due_at)}." if review.appeal else ""
            await interaction.edit_original_response(
                content=f"Your appeal is before the moderators.{due} "
                "If they agree with you, it is drawn by itself, at its old place in line."
            )


class ReportButton(JobButton, template=job_pattern(_REPORT)):
    """*Report*: report a picture of a job."""

    @staticmethod
    def face(job_id: JobId) -> discord.ui.Button[Any]:
        return discord.ui.Button(label="Report", custom_id=job_custom_id(_REPORT, job_id), row=4)

    async def callback(self, interaction: discord.Interaction) -> None:
        async with answering(interaction):
            await ask_for_report(interaction, self._job_id)


async def ask_for_report(
    interaction: discord.Interaction, job_id: JobId, *, index: int | None = None
) -> None:
    """Ask which picture of a job is reported, unless that is known, and why.

    Raises:
        JobNotFound, JobNotDelivered: there are no pictures to report.

    """
    generations = workshop_of(interaction.client).services.generations
    job, _ = await generations.image(job_id, index or 0)
    await interaction.response.send_modal(ReportModal(job, index))


class ReportModal(discord.ui.Modal):
    """Which picture is reported, and why; whose it is never learns who reported it."""

    def __init__(self, job: Job, index: int | None) -> None:
        super().__init__(title="Report a picture")
        self._job_id = job.id
        self._index = index
        images = job.images
        self._which: discord.ui.Select[ReportModal] | None = None
        if index is None and len(images) > 1:
            self._which = discord.ui.Select(
                custom_id="which",
                options=[
                    discord.SelectOption(label=f"Picture {one.index + 1}", value=str(one.index))
                    for one in images
                ],
            )
            self.add_item(discord.ui.Label(text="Which picture", component=self._which))
        self._words: discord.ui.TextInput[ReportModal] = discord.ui.TextInput(
            custom_id="words",
            style=discord.TextStyle.paragraph,
            max_length=REPORT_WORDS_MAX,
            required=False,
        )
        self.add_item(discord.ui.Label(text="What is wrong with it", component=self._words))

    async def on_submit(self, interaction: discord.Interaction) -> None:
        """Put the picture before moderators."""
        async with answering(interaction):
            await acknowledge(interaction, thinking=True, ephemeral=True)
            workshop = workshop_of(interaction.client)
            await workshop.services.moderation.appeals.report(
                self._job_id,
                self._picture(),
                workshop.identity.requester(interaction),
                words=self._words.value,
            )
            workshop.refresh_cards()
            await say(interaction, "Thank you. A moderator looks at it; nobody is told it was you.")

    def _picture(self) -> int:
        if self._which is not None and self._which.values:
            return int(self._which.values[0])
        return self._index or 0
