"""Why a job waits, in one sentence."""

from backend.domain.tiers import Tier
from backend.scheduling.eta import Eta
from backend.scheduling.forecast import Place


def explain(place: Place, told: Eta) -> str:
    """Say what begins before a job, and when it will probably begin itself."""
    if place.position == 0:
        return f"Yours is next: {_when(told)}."
    counts = [
        f"{count} in {tier.value}"
        for tier, count in zip(Tier, place.ahead, strict=True)
        if count > 0
    ]
    own = f", {place.own_ahead} of them your own" if place.own_ahead else ""
    jobs = "job begins" if place.position == 1 else "jobs begin"
    return (
        f"{place.position} {jobs} before yours ({_listed(counts)}{own}), as turns go by tier and, "
        f"inside it, to whoever was drawn for least; {_when(told)}."
    )


def duration(seconds: float) -> str:
    """Say a duration as people do."""
    if seconds < 1:
        return "a moment"
    if seconds < 90:
        return f"{round(seconds)} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def _when(told: Eta) -> str:
    likely, surely = duration(told.p50_s), duration(told.p90_s)
    if likely == surely:
        return f"it probably begins within {surely}"
    return f"it probably begins in {likely}, and in nine cases of ten within {surely}"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
