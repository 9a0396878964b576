"""The buttons under a single picture: larger, varied, from further away, longer on a side."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import discord

from backend.domain.jobs import Job
from backend.domain.requests import JobId, UpscaleKind
from backend.domain.results import ImageRef
from backend.domain.rework import Direction, Rework, Variation, is_square
from bot.views.answers import acknowledge, answering
from bot.views.custom_ids import job_custom_id, job_pattern
from bot.views.job_message import post_followup
from bot.views.lasting_buttons import PictureButton
from bot.views.picture_modals import RegionModal, ZoomModal
from bot.views.workshop import workshop_of

_REGION, _ZOOM = "region", "zoom"


@dataclass(frozen=True, kw_only=True)
class _Face:
    """How a button looks, and what it asks of a picture."""

    row: int
    make: Callable[[ImageRef], Rework]
    label: str | None = None
    emoji: str | None = None


def _always(rework: Rework) -> Callable[[ImageRef], Rework]:
    return lambda _image: rework


_FACES: Final[Mapping[str, _Face]] = {
    "up-subtle": _Face(
        label="Upscale (Subtle)", row=0, make=_always(Rework.enlarge(UpscaleKind.SUBTLE))
    ),
    "up-creative": _Face(
        label="Upscale (Creative)", row=0, make=_always(Rework.enlarge(UpscaleKind.CREATIVE))
    ),
    "vary-subtle": _Face(label="Vary (Subtle)", row=1, make=_always(Rework.vary(Variation.SUBTLE))),
    "vary-strong": _Face(label="Vary (Strong)", row=1, make=_always(Rework.vary(Variation.STRONG))),
    "zoom-2x": _Face(label="Zoom Out 2x", row=2, make=_always(Rework.zoom_out(2.0))),
    "zoom-15x": _Face(label="Zoom Out 1.5x", row=2, make=_always(Rework.zoom_out(1.5))),
    "square": _Face(
        label="Make Square",
        row=2,
        make=lambda image: Rework.make_square(width=image.width, height=image.height),
    ),
    "pan-left": _Face(emoji="⬅️", row=3, make=_always(Rework.pan(Direction.LEFT))),
    "pan-right": _Face(emoji="➡️", row=3, make=_always(Rework.pan(Direction.RIGHT))),
    "pan-up": _Face(emoji="⬆️", row=3, make=_always(Rework.pan(Direction.UP))),
    "pan-down": _Face(emoji="⬇️", row=3, make=_always(Rework.pan(Direction.DOWN))),
}
_ANY_FACE: Final = "(?P<action>" + "|".join(_FACES) + ")"


class ReworkButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=job_pattern(_ANY_FACE)):
    """A button that asks for something to be done with one picture."""

    def __init__(self, action: str, job_id: JobId, index: int) -> None:
        face = _FACES[action]
        super().__init__(
            discord.ui.Button(
                label=face.label,
                emoji=face.emoji,
                custom_id=job_custom_id(action, job_id, index),
                row=face.row,
            )
        )
        self._make = face.make
        self._job_id = job_id
        self._index = index

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["action"], JobId(match["job_id"]), int(match["index"]))

    async def callback(self, interaction: discord.Interaction) -> None:
        async with answering(interaction):
            await acknowledge(interaction)
            workshop = workshop_of(interaction.client)
            generations = workshop.services.generations
            _, image = await generations.image(self._job_id, self._index)
            view = await generations.rework(
                self._job_id,
                self._index,
                workshop.identity.requester(interaction),
                self._make(image),
                idempotency_key=f"discord:{interaction.id}",
            )
            await post_followup(interaction, view, buttons=workshop.buttons_for(view.job))


class RegionButton(PictureButton, template=job_pattern(_REGION)):
    """Vary (Region): ask which part is drawn anew, and as what."""

    @staticmethod
    def face(job_id: JobId, index: int) -> discord.ui.Button[Any]:
        return discord.ui.Button(
            label="Vary (Region)", custom_id=job_custom_id(_REGION, job_id, index), row=1
        )

    async def callback(self, interaction: discord.Interaction) -> None:
        async with answering(interaction):
            generations = workshop_of(interaction.client).services.generations
            job, _ = await generations.image(self._job_id, self._index)
            await interaction.response.send_modal(RegionModal(job, self._index))


class ZoomButton(PictureButton, template=job_pattern(_ZOOM)):
    """Custom Zoom: ask from how far, and what is seen around the picture."""

    @staticmethod
    def face(job_id: JobId, index: int) -> discord.ui.Button[Any]:
        return discord.ui.Button(
            label="Custom Zoom", custom_id=job_custom_id(_ZOOM, job_id, index), row=2
        )

    async def callback(self, interaction: discord.Interaction) -> None:
        async with answering(interaction):
            generations = workshop_of(interaction.client).services.generations
            job, _ = await generations.image(self._job_id, self._index)
            await interaction.response.send_modal(ZoomModal(job, self._index))


def picture_view(job: Job, image: ImageRef) -> discord.ui.View:
    """Return all buttons of a single picture, in four rows; the first has room for three more."""
    view = discord.ui.View(timeout=None)
    for action in ("up-subtle", "up-creative", "vary-subtle", "vary-strong"):
        view.add_item(ReworkButton(action, job.id, image.index))
    view.add_item(RegionButton(job.id, image.index))
    for action in ("zoom-2x", "zoom-15x"):
        view.add_item(ReworkButton(action, job.id, image.index))
    view.add_item(ZoomButton(job.id, image.index))
    if not is_square(width=image.width, height=image.height):
        view.add_item(ReworkButton("square", job.id, image.index))
    for action in ("pan-left", "pan-right", "pan-up", "pan-down"):
        view.add_item(ReworkButton(action, job.id, image.index))
    return view
