"""What stands under a card: decide about the picture, and about whoever asked; for moderators only.

*Overturn* is the second click between a block and its picture; the first is the asker's *Appeal*.
"""

import re
from io import BytesIO
from typing import Any, Self

import discord

from backend.domain.requests import Requester
from backend.domain.reviews import ReviewId, ReviewKind
from backend.service.reviews import Measure, ReviewCard, Reviews
from bot.identity import user_id_of
from bot.presenters.reviews import SEEN_ALONE, asker_name, measure_text, review_embed
from bot.views.answers import acknowledge, answering, say
from bot.views.custom_ids import review_custom_id, review_pattern
from bot.views.pictures import is_too_large, picture_uploads
from bot.views.workshop import workshop_of

_RELEASE, _KEEP, _DISMISS, _MEASURE = "release", "keep", "dismiss", "measure"
_REMOVE, _LOOK = "remove", "look"
_VEILED = "veiled.webp"
_REASON_MAX = 500
_MEASURES = {
    Measure.WARN: "Warn",
    Measure.STRIKE: "Give a strike",
    Measure.MUTE: "Mute",
    Measure.BAN: "Ban",
}


class ReviewButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"(?!)"):
    """A button that knows its review by its id, and so survives restarts."""

    def __init__(self, review_id: ReviewId, *, is_appealed: bool = False) -> None:
        super().__init__(self.face(review_id, is_appealed=is_appealed))
        self._review_id = review_id

    @staticmethod
    def face(review_id: ReviewId, *, is_appealed: bool) -> discord.ui.Button[Any]:
        """Return how the button looks, with an id that its template matches."""
        raise NotImplementedError

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(ReviewId(match["review_id"]))


class ReleaseButton(ReviewButton, template=review_pattern(_RELEASE)):
    """*Release*, or *Overturn* after an appeal: put the held job back in line."""

    @staticmethod
    def face(review_id: ReviewId, *, is_appealed: bool) -> discord.ui.Button[Any]:
        return discord.ui.Button(
            label="Overturn" if is_appealed else "Release",
            style=discord.ButtonStyle.success,
            custom_id=review_custom_id(_RELEASE, review_id),
        )

    async def callback(self, interaction: discord.Interaction) -> None:
        async with answering(interaction):
            await acknowledge(interaction)
            reviews, requester = _asked(interaction)
            card = await reviews.release(self._review_id, requester)
            workshop_of(interaction.client).follow(card.job.id)
            await _show_decided(interaction, card)


class KeepButton(ReviewButton, template=review_pattern(_KEEP)):
    """*Keep blocked*, or *Uphold* after an appeal: ask why, and leave the job held."""

    @staticmethod
    def face(review_id: ReviewId, *, is_appealed: bool) -> discord.ui.Button[Any]:
        return discord.ui.Button(
            label="Uphold" if is_appealed else "Keep blocked",
            style=discord.ButtonStyle.danger,
            custom_id=review_custom_id(_KEEP, review_id),
        )

    async def callback(self, interaction: discord.Interaction) -> None:
        async with answering(interaction):
            reviews, requester = _asked(interaction)
            found = await reviews.card(self._review_id, requester)
            is_appealed = found.review.appeal is not None
            await interaction.response.send_modal(
                KeepModal(self._review_id, is_appealed=is_appealed)
            )


class DismissButton(ReviewButton, template=review_pattern(_DISMISS)):
    """*Leave it*: close the review of a report; the picture stays where it is."""

    @staticmethod
    def face(review_id: ReviewId, *, is_appealed: bool) -> discord.ui.Button[Any]:
        del is_appealed
        return discord.ui.Button(label="Leave it", custom_id=review_custom_id(_DISMISS, review_id))

    async def callback(self, interaction: discord.Interaction) -> None:
        async with answering(interaction):
            await acknowledge(interaction)
            reviews, requester = _asked(interaction)
            await _show_decided(interaction, await reviews.dismiss(self._review_id, requester))


class RemoveButton(ReviewButton, template=review_pattern(_REMOVE)):
    """*Remove everywhere*: ask why, and take the picture out of every place it is in."""

    @staticmethod
    def face(review_id: ReviewId, *, is_appealed: bool) -> discord.ui.Button[Any]:
        del is_appealed
        return discord.ui.Button(
            label="Remove everywhere",
            style=discord.ButtonStyle.danger,
            custom_id=review_custom_id(_REMOVE, review_id),
        )

    async def callback(self, interaction: discord.Interaction) -> None:
        async with answering(interaction):
            reviews, requester = _asked(interaction)
            await reviews.card(self._review_id, requester)
            await interaction.response.send_modal(RemoveModal(self._review_id))


class LookButton(ReviewButton, template=review_pattern(_LOOK)):
    """*Show it clearly*: the picture as it is, to the one who pressed, which goes on record."""

    @staticmethod
    def face(review_id: ReviewId, *, is_appealed: bool) -> discord.ui.Button[Any]:
        del is_appealed
        return discord.ui.Button(
            label="Show it clearly", custom_id=review_custom_id(_LOOK, review_id)
        )

    async def callback(self, interaction: discord.Interaction) -> None:
        async with answering(interaction):
            await acknowledge(interaction, thinking=True, ephemeral=True)
            services = workshop_of(interaction.client).services
            _, requester = _asked(interaction)
            job, image = await services.moderation.looking.clear(self._review_id, requester)
            uploads = picture_uploads(
                services.generations, job, image, limit_bytes=interaction.filesize_limit
            )
            async for upload in uploads:
                try:
                    await interaction.edit_original_response(
                        content=upload.note or SEEN_ALONE, attachments=upload.files()
                    )
                except discord.HTTPException as error:
                    if not is_too_large(error):
                        raise
                else:
                    return


class RemoveModal(discord.ui.Modal):
    """Why a picture is removed everywhere; sending it is the confirmation."""

    def __init__(self, review_id: ReviewId) -> None:
        super().__init__(title="Remove this picture everywhere")
        self._review_id = review_id
        self._reason = _reason_input()
        self.add_item(discord.ui.Label(text="Why", component=self._reason))

    async def on_submit(self, interaction: discord.Interaction) -> None:
        """Begin the removal and close the review."""
        async with answering(interaction):
            await acknowledge(interaction)
            reviews, requester = _asked(interaction)
            card = await reviews.remove(self._review_id, requester, reason=self._reason.value)
            await _show_decided(interaction, card)


class MeasureSelect(
    discord.ui.DynamicItem[discord.ui.Select[Any]], template=review_pattern(_MEASURE)
):
    """Warn, strike, mute or ban whoever asked for what a review is of."""

    def __init__(self, review_id: ReviewId) -> None:
        super().__init__(
            discord.ui.Select(
                custom_id=review_custom_id(_MEASURE, review_id),
                placeholder="Whoever asked for it …",
                options=[
                    discord.SelectOption(label=label, value=measure.value)
                    for measure, label in _MEASURES.items()
                ],
            )
        )
        self._review_id = review_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(ReviewId(match["review_id"]))

    async def callback(self, interaction: discord.Interaction) -> None:
        async with answering(interaction):
            reviews, requester = _asked(interaction)
            await reviews.card(self._review_id, requester)
            measure = Measure(self.item.values[0])
            await interaction.response.send_modal(MeasureModal(self._review_id, measure))


class KeepModal(discord.ui.Modal):
    """Why a block stays, in words that its asker reads; whoever appealed is owed some."""

    def __init__(self, review_id: ReviewId, *, is_appealed: bool) -> None:
        super().__init__(title="Uphold the block" if is_appealed else "Keep it blocked")
        self._review_id = review_id
        self._reason = _reason_input(is_required=is_appealed)
        self.add_item(
            discord.ui.Label(text="Why, in words its asker reads", component=self._reason)
        )

    async def on_submit(self, interaction: discord.Interaction) -> None:
        """Close the review."""
        async with answering(interaction):
            await acknowledge(interaction)
            await _keep(interaction, self._review_id, reason=self._reason.value)


class MeasureModal(discord.ui.Modal):
    """Why somebody is warned, struck, muted or banned, in words that they read."""

    def __init__(self, review_id: ReviewId, measure: Measure) -> None:
        super().__init__(title=_MEASURES[measure])
        self._review_id = review_id
        self._measure = measure
        self._reason = _reason_input()
        self.add_item(discord.ui.Label(text="Why, in words they read", component=self._reason))

    async def on_submit(self, interaction: discord.Interaction) -> None:
        """Do it, and say to the moderator alone what came of it."""
        async with answering(interaction):
            await acknowledge(interaction, thinking=True, ephemeral=True)
            reviews, requester = _asked(interaction)
            standing = await reviews.discipline(
                self._review_id, self._measure, requester, reason=self._reason.value
            )
            text = measure_text(self._measure, standing, now=discord.utils.utcnow())
            await say(interaction, text)


def review_buttons(card: ReviewCard) -> discord.ui.View | None:
    """Return what stands under an open card; what may never be released has no *Release*."""
    review = card.review
    if not review.is_open:
        return None
    view = discord.ui.View(timeout=None)
    is_appealed = review.appeal is not None
    if review.is_releasable:
        view.add_item(ReleaseButton(review.id, is_appealed=is_appealed))
    if review.kind is ReviewKind.HELD:
        view.add_item(KeepButton(review.id, is_appealed=is_appealed))
    else:
        view.add_item(RemoveButton(review.id))
        view.add_item(DismissButton(review.id))
        if review.may_be_seen:
            view.add_item(LookButton(review.id))
    view.add_item(MeasureSelect(review.id))
    return view


def card_embed(card: ReviewCard, veiled: bytes | None = None) -> discord.Embed:
    """Return the card of a review, naming the asker as Discord can; `veiled` is its picture."""
    account_id = card.job.request.requester.account_id
    embed = review_embed(card, asker=asker_name(account_id, user_id_of(account_id)))
    return embed.set_image(url=f"attachment://{_VEILED}") if veiled else embed


def veiled_files(veiled: bytes | None) -> list[discord.File]:
    """Return what goes with a card that shows its picture, for one attempt to send."""
    if veiled is None:
        return []
    described = "The reported picture, small, grey and blurred"
    return [discord.File(BytesIO(veiled), filename=_VEILED, description=described)]


def _asked(interaction: discord.Interaction) -> tuple[Reviews, Requester]:
    """Return whom a moderator asks, and as whom."""
    workshop = workshop_of(interaction.client)
    return workshop.services.moderation.reviews, workshop.identity.requester(interaction)


async def _keep(interaction: discord.Interaction, review_id: ReviewId, *, reason: str) -> None:
    reviews, requester = _asked(interaction)
    card = await reviews.keep(review_id, requester, reason=reason)
    await workshop_of(interaction.client).forget(card.job.id)
    await _show_decided(interaction, card)


async def _show_decided(interaction: discord.Interaction, card: ReviewCard) -> None:
    workshop_of(interaction.client).refresh_cards()
    # What is decided needs no picture any more.
    await interaction.edit_original_response(
        embed=card_embed(card), view=review_buttons(card), attachments=[]
    )


def _reason_input(*, is_required: bool = True) -> discord.ui.TextInput[Any]:
    return discord.ui.TextInput(
        custom_id="reason",
        style=discord.TextStyle.paragraph,
        max_length=_REASON_MAX,
        required=is_required,
    )
