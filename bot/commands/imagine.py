"""`/imagine`: ask for pictures in words."""

import re

import discord
from discord import app_commands
from discord.ext import commands

from backend.domain.errors import InvalidAspectRatio
from backend.domain.families import ModelFamily
from backend.domain.prompts import (
    IMAGE_COUNT_MAX,
    IMAGE_COUNT_MIN,
    SEED_MAX,
    STEPS_MAX,
    STEPS_MIN,
    AspectRatio,
    LoraRef,
)
from backend.domain.requests import GenerationRequest, ImagePrompt, SourceImage
from backend.domain.tiers import Tier
from bot.views.answers import acknowledge, answering
from bot.views.attachments import take_in
from bot.views.imagining import imagine
from bot.views.steering import suggest_controlnets, take_in_control
from bot.views.workshop import workshop_of

STRENGTH_MIN, STRENGTH_USUAL = 0.1, 0.7
_RATIO = re.compile(r"\s*(\d{1,4})\s*:\s*(\d{1,4})\s*")


class Imagine(commands.Cog):
    """The command that begins it all."""

    @app_commands.command(name="imagine", description="Make pictures from words.")
    @app_commands.describe(
        prompt="What you would like to see; may carry --ar 3:2, --seed 7, --no fog, --turbo",
        aspect_ratio="Width to height, for example 3:2",
        negative="What should not be in the picture",
        steps="How many denoising steps",
        seed="The same seed and words make the same picture",
        tier="Which line to wait in",
        count="How many pictures",
        family="Which model family draws",
        image="A picture to start from",
        strength="How far to depart from it: 0.1 hardly, 1 all the way",
        image_prompt="A picture whose look is taken up (where the model can)",
        controlnet="A ControlNet that steers, for example edges; it is shown control_image",
        control_image="What the ControlNet is shown: for edges, white lines on black",
        control_scale="How strongly the ControlNet steers: 0 not at all, 1 as usual, up to 2",
        tile="A seamless tile: its opposite edges meet",
        loras="Styles and how strongly each counts, for example pixel-art:0.8, line-drawing",
        dry="Only say what would be drawn, and what it costs",
        confirm="Yes, draw all the jobs that { } and --repeat stand for",
    )
    async def imagine(
        self,
        interaction: discord.Interaction,
        prompt: str,
        aspect_ratio: str | None = None,
        negative: str | None = None,
        steps: app_commands.Range[int, STEPS_MIN, STEPS_MAX] | None = None,
        seed: app_commands.Range[int, 0, SEED_MAX] | None = None,
        tier: Tier | None = None,
        count: app_commands.Range[int, IMAGE_COUNT_MIN, IMAGE_COUNT_MAX] | None = None,
        family: ModelFamily | None = None,
        image: discord.Attachment | None = None,
        strength: app_commands.Range[float, STRENGTH_MIN, 1.0] | None = None,
        image_prompt: discord.Attachment | None = None,
        controlnet: str | None = None,
        control_image: discord.Attachment | None = None,
        control_scale: app_commands.Range[float, 0.0, 2.0] | None = None,
        tile: bool = False,  # noqa: FBT001, FBT002 - an option of a slash command
        loras: str | None = None,
        *,
        dry: bool | None = None,
        confirm: bool | None = None,
    ) -> None:
        """Put a request in line and show its way from there."""
        async with answering(interaction):
            await acknowledge(interaction, thinking=True)
            workshop = workshop_of(interaction.client)
            requester = workshop.identity.requester(interaction)
            uploads = workshop.services.uploads
            start = await take_in(uploads, image, requester) if image else None
            look = await take_in(uploads, image_prompt, requester) if image_prompt else None
            controls = await take_in_control(
                interaction, requester, name=controlnet, picture=control_image, scale=control_scale
            )
            request = GenerationRequest(
                requester=requester,
                prompt=prompt,
                negative_prompt=negative or "",
                aspect_ratio=_ratio_of(aspect_ratio),
                steps=steps,
                seed=seed,
                tier=tier,
                image_count=count,
                family=family,
                source=SourceImage(upload_id=start, strength=strength or STRENGTH_USUAL)
                if start
                else None,
                image_prompts=(ImagePrompt(upload_id=look),) if look else (),
                controls=controls,
                is_tiled=tile,
                loras=_loras_of(loras or ""),
                idempotency_key=f"discord:{interaction.id}",
            )
            await imagine(interaction, request, is_dry=dry or False, is_confirmed=confirm or False)

    @imagine.autocomplete("controlnet")
    async def offer_controlnets(
        self, interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        """Offer the ControlNets there are."""
        return await suggest_controlnets(interaction, current)


def _loras_of(text: str) -> tuple[LoraRef, ...]:
    """Read `pixel-art:0.8, line-drawing`.

    Raises:
        InvalidLora: one of them is no name, or has a scale it cannot have.

    """
    return tuple(LoraRef.read(one) for one in text.split(",") if one.strip())


def _ratio_of(text: str | None) -> AspectRatio | None:
    """Read `3:2`.

    Raises:
        InvalidAspectRatio: it is no ratio, or too narrow.

    """
    if text is None:
        return None
    match = _RATIO.fullmatch(text)
    if match is None:
        raise InvalidAspectRatio(given=text)
    return AspectRatio(width=int(match[1]), height=int(match[2]))


async def setup(bot: commands.Bot) -> None:
    """Add the command to the bot."""
    await bot.add_cog(Imagine())
