"""The ControlNet options of `/imagine`: what steers a picture, and which there are."""

from typing import Final

import discord
from discord import app_commands

from backend.domain.errors import PictureOperationInvalid
from backend.domain.requests import ControlImage, Requester
from bot.views.attachments import take_in
from bot.views.workshop import workshop_of

SCALE_USUAL: Final = 1.0
_CHOICES_MAX: Final = 25


async def take_in_control(
    interaction: discord.Interaction,
    requester: Requester,
    *,
    name: str | None,
    picture: discord.Attachment | None,
    scale: float | None,
) -> tuple[ControlImage, ...]:
    """Return the ControlNet that the options name, shown the attached picture; none if none is.

    Raises:
        PictureOperationInvalid: there is a picture without a ControlNet, or the other way round.
        ImpastoError: the picture cannot be taken in.

    """
    if name is None and picture is None and scale is None:
        return ()
    if not name or picture is None:
        raise PictureOperationInvalid(
            "A ControlNet and the picture that it is shown go together.",
            way_out="Give both options, controlnet and control_image.",
        )
    uploads = workshop_of(interaction.client).services.uploads
    upload_id = await take_in(uploads, picture, requester)
    strength = SCALE_USUAL if scale is None else scale
    return (ControlImage(upload_id=upload_id, controlnet=name, scale=strength),)


async def suggest_controlnets(
    interaction: discord.Interaction, typed: str
) -> list[app_commands.Choice[str]]:
    """Offer the ControlNets that workers have now, as far as they match what is typed."""
    names = await workshop_of(interaction.client).services.fleet.controlnets()
    wanted = typed.casefold()
    fitting = [name for name in names if wanted in name.casefold()]
    return [app_commands.Choice(name=name, value=name) for name in fitting[:_CHOICES_MAX]]
