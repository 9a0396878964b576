"""What lies before moderators, as cards; and what is told to whoever asked for it."""

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

import discord

from backend.domain.removals import PlaceKind, Removal, RemovalPlace
from backend.domain.requests import AccountId
from backend.domain.reviews import Decision, Review, ReviewKind, RulePrecision
from backend.domain.standing import AccountStanding
from backend.service.reviews import Measure, ReviewCard
from bot.presenters.prompts import plain
from bot.presenters.standing import moment, strikes_text

SEEN_ALONE = "Only you see this, and that you looked is on record."
NOTHING_HELD = "Nothing is waiting for a decision."
_PROMPT_CHARACTERS = 1000
_RULES_SHOWN = 20
# As many as a field of a card holds for certain.
_PLACES_SHOWN = 12
_COLOURS = {
    Decision.OPEN: discord.Colour(0xF0B232),
    Decision.RELEASED: discord.Colour(0x23A55A),
    Decision.KEPT: discord.Colour(0xDA373C),
    Decision.DISMISSED: discord.Colour(0x23A55A),
    Decision.REMOVED: discord.Colour(0xDA373C),
}
_TITLES = {
    Decision.OPEN: "Held job",
    Decision.RELEASED: "Released: back in line",
    Decision.KEPT: "Kept blocked",
    Decision.DISMISSED: "Reported picture: left where it is",
    Decision.REMOVED: "Removed everywhere",
}
_DONE = {
    Measure.WARN: "Warned.",
    Measure.STRIKE: "A strike was given.",
    Measure.MUTE: "Muted.",
    Measure.BAN: "Banned; what was in line or being drawn has ended.",
}


def review_embed(card: ReviewCard, *, asker: str) -> discord.Embed:
    """Return the card of one review; `asker` is who asked, as a mention or a name."""
    review, block = card.review, card.review.block
    embed = discord.Embed(
        title=_title(card),
        description=plain(card.job.request.prompt, _PROMPT_CHARACTERS) or "(no words)",
        colour=_COLOURS[review.decision],
        timestamp=review.opened_at,
    )
    embed.add_field(name="Asked by", value=asker)
    if review.kind is not ReviewKind.HELD:
        _add_report(embed, review)
    else:
        embed.add_field(name="Stage", value=block.stage)
        embed.add_field(name="Category", value=block.category or "none")
        embed.add_field(name="Rule", value=f"`{block.rule or 'none'}`")
        score = "none" if block.score is None else f"{block.score:.2f}"
        embed.add_field(name="Score", value=score)
        if not review.is_releasable and review.is_open:
            embed.add_field(name="Release", value="Not possible for this category.")
    if review.appeal is not None:
        embed.add_field(name="Appeal", value=plain(review.appeal.words, 900), inline=False)
    if review.is_open and review.due_at is not None:
        embed.add_field(name="Answer by", value=_due(review.due_at))
    if review.reason:
        embed.add_field(name="Why", value=plain(review.reason, 900), inline=False)
    if card.removal is not None:
        embed.add_field(name="Gone from", value=_places_text(card.removal), inline=False)
    if review.decided_by:
        own = ", about what is their own" if card.is_own else ""
        embed.add_field(name="Decided by", value=_name_of(review.decided_by) + own)
    embed.set_footer(text=f"{card.job.id} · {review.id}")
    return embed


def asker_name(account_id: AccountId, user_id: int | None) -> str:
    """Return how a card names the asker."""
    return f"<@{user_id}>" if user_id is not None else f"`{account_id}`"


def reminder_text(review: Review) -> str:
    """Return what moderators are told of what they should have answered by now."""
    what = "This appeal" if review.appeal else "This request for removal"
    due = f" <t:{int(review.due_at.timestamp())}:R>" if review.due_at else ""
    return f"{what} should have been answered{due}. Whoever asked is still waiting."


def answer_text(review: Review, *, user_id: int, link: str = "") -> str:
    """Return what is told to whoever asked for what was held, about a decision or an appeal.

    `link` leads to the message of the job, if there is one.
    """
    if review.decision is Decision.RELEASED:
        done = "let it through" if review.appeal is None else "agreed with your appeal"
        return (
            f"<@{user_id}> A moderator {done}: `{review.job_id}` is drawn now, "
            "at its old place in line."
        )
    of = "" if review.appeal is None else "your appeal for "
    why = f" They say: {plain(review.reason, 900)}" if review.reason else ""
    where = f"under it ({link})" if link else "under it"
    appeal = "" if review.appeal else f"Press *Appeal* {where} to ask for a second look. "
    return (
        f"A moderator looked at {of}`{review.job_id}`, and it stays held back.{why}\n"
        f"{appeal}You may rephrase it and ask again."
    )


def measure_text(measure: Measure, standing: AccountStanding, *, now: datetime) -> str:
    """Return what a moderator's measure came to."""
    return f"{_DONE[measure]} It comes to:\n{strikes_text(standing, now=now)}"


def rules_text(rules: Sequence[RulePrecision]) -> str:
    """Return how often moderators agreed with each rule, those that were wrong most often first."""
    decided = [rule for rule in rules if rule.precision is not None]
    decided.sort(key=lambda rule: (rule.precision or 0.0, -rule.held))
    if not decided:
        return "Nothing was decided yet."
    return "\n".join(
        f"`{rule.rule or rule.category}` · {rule.held} held · {rule.overturned} overturned · "
        f"{rule.upheld} upheld · right {rule.precision or 0.0:.0%}"
        for rule in decided[:_RULES_SHOWN]
    )


def _title(card: ReviewCard) -> str:
    review = card.review
    if review.is_open and review.kind is ReviewKind.REPORT:
        return "Reported picture"
    if review.is_open and review.kind is ReviewKind.REQUEST:
        return "Removal asked for"
    if review.is_open and review.appeal is not None:
        return "Appeal"
    if review.decision is Decision.RELEASED and review.appeal is not None:
        return "Overturned: back in line"
    if review.decision is Decision.KEPT and review.appeal is not None:
        return "Upheld"
    if card.removal is not None and not card.removal.is_finished:
        return "Being removed everywhere"
    return _TITLES[review.decision]


def _add_report(embed: discord.Embed, review: Review) -> None:
    embed.add_field(name="Picture", value=str((review.picture_index or 0) + 1))
    embed.add_field(name="Reports", value=str(review.voices))
    if review.words:
        embed.add_field(name="They say", value=plain(review.words, 900), inline=False)


def _places_text(removal: Removal) -> str:
    """Return each place with whether the picture is gone from it; what is not is told first.

    Files, of which there are many, come last.
    """

    def turn(place: RemovalPlace) -> tuple[bool, bool]:
        return place.confirmed_at is not None, place.kind is PlaceKind.OBJECT

    places = sorted(removal.places, key=turn)
    lines = [_place_line(place) for place in places[:_PLACES_SHOWN]]
    if more := len(places) - _PLACES_SHOWN:
        lines += [f"… and {more} more, all told in the audit log"] if more > 0 else []
    return "\n".join(lines)


def _place_line(place: RemovalPlace) -> str:
    mark = "⏳" if place.confirmed_at is None else "✅"
    match place.kind:
        case PlaceKind.FINGERPRINT:
            return f"{mark} new pictures like it, by its fingerprint"
        case PlaceKind.GALLERY:
            return f"{mark} the list of pictures of `{place.name.partition('/')[0]}`"
        case PlaceKind.OBJECT:
            return f"{mark} file `{place.name.rpartition('/')[2]}`"
        case PlaceKind.PREVIEW:
            return f"{mark} previews of `{place.name}`"
        case PlaceKind.MESSAGE:
            channel_id, _, message_id = place.name.partition("/")
            how = f": {place.proof}" if place.proof else ""
            return f"{mark} message `{message_id}` in <#{channel_id}>{how}"
        case _:
            assert_never(place.kind)


def _due(at: datetime) -> str:
    return f"{moment(at)} (<t:{int(at.timestamp())}:R>)"


def _name_of(account_id: AccountId) -> str:
    _, _, number = account_id.partition(":")
    is_discord = account_id.startswith("discord:") and number.isdigit()
    return asker_name(account_id, int(number) if is_discord else None)
