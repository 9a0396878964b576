"""Why a job waits, in one sentence for the one who asks."""

from collections.abc import Sequence

from backend.domain.families import ModelFamily
from backend.domain.tiers import Tier
from backend.scheduling.forecast import Place


def explain(
    place: Place, *, family: ModelFamily, slots: int, running: int, running_max: int | None = None
) -> str:
    """Say what begins before a job.

    `running` is how many of its owner's are drawn in its tier, `running_max` how many may be.
    """
    if slots == 0:
        return f"No {family} worker is there right now; it begins when one comes."
    if running_max is not None and running >= running_max and place.own_ahead == 0:
        return (
            f"You have {running} running in {place.tier}, the most at once; it is next after one."
        )
    drawing = f"{_many(slots, 'picture')} {'is' if slots == 1 else 'are'} drawn at a time"
    if place.position == 0:
        return f"It is next for {family}, where {drawing}."
    by_tier = [f"{count} {tier}" for tier, count in zip(Tier, place.ahead, strict=True) if count]
    own = f", {place.own_ahead} of them yours" if place.own_ahead else ""
    verb = "begins" if place.position == 1 else "begin"
    return (
        f"{_listed(by_tier)} {'job' if place.position == 1 else 'jobs'}{own} {verb} before it "
        f"on {family}, where {drawing}."
    )


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
