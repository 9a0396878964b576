"""How much of the line the workers of a family are handed at a time."""

# One job per slot to draw and one to look ahead to: a worker never idles between jobs, and a job
# that arrives a moment later still competes for every place but these.
LOOK_AHEAD = 2


def window_for(slots: int) -> int:
    """Return how many unbegun jobs a tier's queue may hold for so many live slots."""
    return LOOK_AHEAD * max(0, slots)
