"""How the learning rate goes over a run, as a share of the highest."""

import math

_WARM_UP_STEPS = 100
_FALL_SHARE = 0.25


def rate_share(step: int, steps: int) -> float:
    """Return the learning rate's share: up in 100 steps, level, down over the last quarter."""
    rise = min(1.0, (step + 1) / _WARM_UP_STEPS)
    left = (steps - step) / (steps * _FALL_SHARE)
    return rise * max(0.02, min(1.0, left))


def cosine_share(step: int, steps: int, *, warm_up_steps: int) -> float:
    """Return the learning rate's share: a short rise, then half a cosine down."""
    rise = min(1.0, (step + 1) / warm_up_steps)
    return rise * max(0.01, (1 + math.cos(math.pi * step / steps)) / 2)
