"""Who stands aside while a turbo job is drawn; pure, and asked anew at every step boundary."""

from collections.abc import Sequence

from backend.contracts import Tier
from gpu_worker.engine.seat import Seat, Stage

# A parked job keeps its latents and embeddings in the device's memory.
MOST_PARKED = 2
# As many as ten pictures of thirty steps; after that a job has its turns whoever comes.
MOST_TICKS_ASIDE = 300


def choose_aside(seats: Sequence[Seat]) -> frozenset[int]:
    """Return the numbers of the jobs that take no part in this tick.

    While a turbo job is in flight, relax jobs stand aside: those begun are parked, two at most, and
    none of the others begins. None does so for longer than `MOST_TICKS_ASIDE` in its life. Nobody
    else is parked. Parked jobs resume before a job of their tier begins.
    """
    resuming = {seat.tier for seat in seats if seat.is_parked}
    begins_later = {
        seat.number for seat in seats if seat.stage is Stage.WAITING and seat.tier in resuming
    }
    if not any(seat.tier is Tier.TURBO for seat in seats):
        return frozenset(begins_later)
    patient = [
        seat for seat in seats if seat.tier is Tier.RELAX and seat.ticks_aside < MOST_TICKS_ASIDE
    ]
    waiting = {seat.number for seat in patient if seat.stage is Stage.WAITING}
    begun = [seat for seat in patient if seat.stage is not Stage.WAITING]
    begun.sort(key=lambda seat: (not seat.is_parked, seat.number))
    return frozenset(begins_later | waiting | {seat.number for seat in begun[:MOST_PARKED]})
