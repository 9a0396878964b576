"""The twelve colours that the starter models know by name."""

Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "red": (218, 38, 44),
    "orange": (245, 132, 30),
    "yellow": (250, 212, 48),
    "green": (48, 160, 72),
    "teal": (24, 152, 150),
    "blue": (42, 92, 216),
    "purple": (126, 58, 178),
    "pink": (248, 150, 190),
    "brown": (128, 80, 46),
    "black": (22, 22, 24),
    "white": (250, 250, 250),
    "gray": (140, 142, 146),
}

# What people write instead; each is taught as often as any other spelling.
COLOUR_SPELLINGS: dict[str, tuple[str, ...]] = {
    "red": ("red", "red", "red", "crimson"),
    "yellow": ("yellow", "yellow", "yellow", "golden"),
    "teal": ("teal", "teal", "turquoise", "cyan"),
    "purple": ("purple", "purple", "purple", "violet"),
    "gray": ("gray", "grey"),
}

# Hues, on the circle of 256, that a drawing can be turned to without losing its light and shade.
HUES: dict[str, int] = {
    "red": 253,
    "orange": 19,
    "yellow": 36,
    "green": 92,
    "teal": 127,
    "blue": 157,
    "purple": 197,
    "pink": 233,
}


def mean_distance(one: Colour, other: Colour) -> float:
    """Return how far apart two colours are, as the mean difference of their channels."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / 3
