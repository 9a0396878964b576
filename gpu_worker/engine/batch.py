"""What the next tick does, and for whom; pure, and asked anew at every step boundary.

Tiers take turns by their weights, in pixels the network looks at. Inside a tier the oldest job
leads; jobs that fit its look of the network come along. Whose turn it is may be put off for a few
ticks where it wears other LoRAs than were worn in the last.
"""

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from backend.contracts import TIER_POLICIES, Tier
from gpu_worker.engine.seat import TIERS_BY_URGENCY, Seat, Stage

# Eight guided pictures of a million pixels: larger batches hardly gain, and slow every job in them.
MOST_PIXELS = 16 * 1024 * 1024
# Embeddings and latents of so many lie ready; those who come later wait to begin.
MOST_BEGUN = 16
# For so many ticks in a row: changing clothes takes about as long as a step.
MOST_PUT_OFF = 4


@dataclass(frozen=True, kw_only=True)
class Tick:
    """One piece of work between two boundaries; only a step is shared."""

    stage: Stage
    numbers: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Shares:
    """How far each tier's clock has run: pixels served, over its weight.

    A tier that was away comes back at the clock of those who stayed: nobody saves turns up. The
    last step wore `outfit`, and for `put_off` steps somebody whose turn it is has waited for those
    who wear it.
    """

    clocks: Mapping[Tier, float] = field(default_factory=dict)
    now: float = 0.0
    outfit: Hashable = None
    put_off: int = 0

    def lead(self, present: Collection[Tier]) -> Tier:
        """Return the tier whose turn it is; the more urgent one where two are even."""
        return min(present, key=lambda tier: (self._clock(tier), TIERS_BY_URGENCY.index(tier)))

    def charge(self, lead: Tier, pixels: Mapping[Tier, int]) -> "Shares":
        """Return the shares after a tick that `lead` had, and that served tiers so many pixels."""
        served = {
            tier: self._clock(tier) + count / TIER_POLICIES[tier].weight
            for tier, count in pixels.items()
        }
        return replace(self, clocks={**self.clocks, **served}, now=self._clock(lead))

    def choose_lead(self, rightful: Seat, begun: Sequence[Seat]) -> tuple[Seat, "Shares"]:
        """Return who leads the next step, and the shares with it: `rightful`, or who is dressed.

        A turbo job is never put off, nor anybody for more than `MOST_PUT_OFF` ticks in a row.
        """
        dressed = [
            seat for seat in begun if seat.stage is Stage.DRAWING and seat.outfit == self.outfit
        ]
        has_to_wait = rightful.outfit != self.outfit and rightful.tier is not Tier.TURBO
        if dressed and has_to_wait and self.put_off < MOST_PUT_OFF:
            lead = min(dressed, key=lambda seat: seat.urgency)
            return lead, replace(self, put_off=self.put_off + 1)
        return rightful, replace(self, outfit=rightful.outfit, put_off=0)

    def _clock(self, tier: Tier) -> float:
        return max(self.clocks.get(tier, 0.0), self.now)


def choose_tick(
    seats: Sequence[Seat], shares: Shares, *, most_pixels: int = MOST_PIXELS
) -> tuple[Tick, Shares]:
    """Return what to do next for these jobs, one at least, and the shares after it.

    A job begins as soon as it may: only then can it come along. A job larger than `most_pixels`
    is drawn alone.
    """
    beginner = _choose_beginner(seats)
    if beginner is not None:
        return Tick(stage=Stage.WAITING, numbers=(beginner.number,)), shares
    begun = [seat for seat in seats if seat.stage is not Stage.WAITING]
    tier = shares.lead({seat.tier for seat in begun})
    peers = sorted((seat for seat in begun if seat.tier is tier), key=lambda seat: seat.number)
    for peer in peers:
        # What is left of it is short, and somebody waits for the picture.
        if peer.stage is Stage.FINISHING:
            tick = Tick(stage=Stage.FINISHING, numbers=(peer.number,))
            return tick, shares.charge(tier, {tier: peer.row_pixels})
    lead, shares = shares.choose_lead(peers[0], begun)
    chosen = _choose_company(lead, begun, most_pixels)
    pixels: dict[Tier, int] = {}
    for seat in chosen:
        pixels[seat.tier] = pixels.get(seat.tier, 0) + seat.pixels
    tick = Tick(stage=Stage.DRAWING, numbers=tuple(seat.number for seat in chosen))
    return tick, shares.charge(tier, pixels)


def _choose_beginner(seats: Sequence[Seat]) -> Seat | None:
    waiting = [seat for seat in seats if seat.stage is Stage.WAITING]
    if len(seats) - len(waiting) >= MOST_BEGUN:
        waiting = [seat for seat in waiting if seat.tier is Tier.TURBO]
    return min(waiting, key=lambda seat: seat.urgency, default=None)


def _choose_company(lead: Seat, begun: Sequence[Seat], most_pixels: int) -> list[Seat]:
    """Return the leader, and after it those that share its look, the most urgent first."""
    chosen, pixels = [lead], lead.pixels
    for seat in sorted(begun, key=lambda seat: seat.urgency):
        # A turbo job's step is not made longer by those it may not wait for.
        slows = lead.tier is Tier.TURBO and seat.tier is Tier.RELAX
        if seat is lead or seat.stage is not Stage.DRAWING or seat.key != lead.key or slows:
            continue
        if pixels + seat.pixels <= most_pixels:
            chosen.append(seat)
            pixels += seat.pixels
    return chosen
