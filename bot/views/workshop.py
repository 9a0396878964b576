"""What commands and buttons need of the bot they run in; every interaction brings it along."""

from typing import Protocol, runtime_checkable

import discord

from backend.domain.jobs import Job
from backend.domain.requests import JobId
from backend.service.services import Services
from bot.identity import Identity


@runtime_checkable
class Workshop(Protocol):
    """The bot as commands and buttons see it."""

    services: Services
    identity: Identity

    def follow(self, job_id: JobId, *, shown: str = "") -> None:
        """Look after the message of a job from now on; `shown` is what it shows already."""

    def buttons_for(self, job: Job) -> discord.ui.View | None:
        """Return the buttons that belong under a job as it is now."""

    async def forget(self, job_id: JobId) -> None:
        """Stop looking after the message of a job that will not move any more."""

    def refresh_cards(self) -> None:
        """Look at once what moderators are to be shown, and who is to be told."""


def workshop_of(client: discord.Client) -> Workshop:
    """Return the client as the workshop it is.

    Raises:
        TypeError: the client is another bot.

    """
    if not isinstance(client, Workshop):
        raise TypeError(f"{type(client).__name__} is not a workshop")
    return client
