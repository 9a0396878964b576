"""Counts how many pictures show what was asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from gpu_worker.starter.judge.network import Judge, Opinion
from gpu_worker.starter.scenes import PLACES, Figure, Scene

_TOP = 5
# A figure that leaves room for others is half as large; so is what we look at then.
_WINDOW = 0.5


@dataclass(frozen=True, kw_only=True)
class Score:
    """Shares of 0..1 over the figures of some pictures; `None` where nothing was asked."""

    pictures: int
    top_1: float  # the asked thing is the likeliest
    top_5: float  # … or among the five likeliest
    sureness: float  # how likely the asked thing is held to be, on average
    colour: float | None  # of figures that were asked for in a colour
    background: float


def score(judge: Judge, scenes: Sequence[Scene], pictures: Sequence[numpy.ndarray]) -> Score:
    """Judge pictures [side, side, RGB] of 8 bits by the scenes that they were asked to show.

    Raises:
        ValueError: there is nothing to judge, or not one picture a scene.

    """
    opinions = _look(judge, scenes, pictures)
    pairs = [
        pair
        for scene, some in zip(scenes, opinions, strict=True)
        for pair in zip(scene.figures, some, strict=True)
    ]
    if not pairs:
        raise ValueError("there is no picture to judge")
    coloured = [is_in_colour(*pair) for pair in pairs if pair[0].colour is not None]
    return Score(
        pictures=len(scenes),
        top_1=_share([figure.thing.name == opinion.thing for figure, opinion in pairs]),
        top_5=_share([is_among_best(*pair) for pair in pairs]),
        sureness=sum(opinion.things[figure.thing.name] for figure, opinion in pairs) / len(pairs),
        colour=_share(coloured) if coloured else None,
        background=_share(
            [
                opinion.background == scene.background
                for scene, some in zip(scenes, opinions, strict=True)
                for opinion in some
            ]
        ),
    )


def likeness(
    judge: Judge, scenes: Sequence[Scene], pictures: Sequence[numpy.ndarray]
) -> list[float]:
    """Return for each picture how likely its figures, their colours and the ground are, in 0..1.

    The product of what each head holds likely: it moves where a share of hits does not yet.
    """
    return [
        _likely(scene, some)
        for scene, some in zip(scenes, _look(judge, scenes, pictures), strict=True)
    ]


def is_among_best(figure: Figure, opinion: Opinion) -> bool:
    """Whether the asked thing is among the five likeliest."""
    return figure.thing.name in list(opinion.things)[:_TOP]


def is_in_colour(figure: Figure, opinion: Opinion) -> bool:
    """Whether the likeliest colour with a name is the asked one."""
    return figure.colour == opinion.colour


def windows(scene: Scene, picture: numpy.ndarray) -> list[numpy.ndarray]:
    """Cut out what shows each figure, so that each fills its window as a lone one would."""
    if len(scene.figures) > 1:
        return [_cut(picture, PLACES[place]) for place in ("left", "right")]
    return [picture if scene.place is None else _cut(picture, PLACES[scene.place])]


def _cut(picture: numpy.ndarray, middle: tuple[float, float]) -> numpy.ndarray:
    height, width = picture.shape[:2]
    left, top = (
        round(length * min(1 - _WINDOW, max(0.0, share - _WINDOW / 2)))
        for share, length in zip(middle, (width, height), strict=True)
    )
    return picture[top : top + round(height * _WINDOW), left : left + round(width * _WINDOW)]


def _look(
    judge: Judge, scenes: Sequence[Scene], pictures: Sequence[numpy.ndarray]
) -> list[list[Opinion]]:
    """Return an opinion of each figure of each scene."""
    cut = [windows(scene, picture) for scene, picture in zip(scenes, pictures, strict=True)]
    opinions = iter(judge.look([window for some in cut for window in some]))
    return [[next(opinions) for _ in some] for some in cut]


def _likely(scene: Scene, opinions: Sequence[Opinion]) -> float:
    product = 1.0
    for figure, opinion in zip(scene.figures, opinions, strict=True):
        product *= opinion.things[figure.thing.name] * opinion.backgrounds[scene.background]
        if figure.colour is not None:
            product *= opinion.colours[figure.colour]
    return product


def _share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits)
