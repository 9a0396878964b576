"""Puts figures on a background: the facts that a caption may tell, and the picture they make."""

from dataclasses import dataclass
from random import Random

import numpy
from PIL import Image

from gpu_worker.starter.data import Art
from gpu_worker.starter.palette import COLOURS, HUES, Colour, mean_distance
from gpu_worker.starter.shapes import shape_mask
from gpu_worker.starter.vocabulary import OBJECTS, SHAPES, Lesson, Thing

SIDE = 128
PLACES: dict[str, tuple[float, float]] = {
    "top left": (0.27, 0.27),
    "top right": (0.73, 0.27),
    "bottom left": (0.27, 0.73),
    "bottom right": (0.73, 0.73),
    "left": (0.27, 0.5),
    "right": (0.73, 0.5),
    "top": (0.5, 0.27),
    "bottom": (0.5, 0.73),
}
_HELD_OUT_EVERY = 11
_JITTER = 5
# Little play: a network of this size, given an hour of a CPU, draws one place well or many badly.
_SHAPE_SHARE, _OBJECT_SHARE, _SHIFT = 0.68, 0.86, 1
_SMALL = 0.5  # of its usual size, for a figure that leaves room for others
_MIDDLE = (0.5, 0.5)
_PAIRS, _PLACED = 0.1, 0.15


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A thing, in a colour; an object in its own colours has none."""

    thing: Thing
    colour: str | None = None


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a picture shows: one figure in the middle or at a named place, or two side by side."""

    figures: tuple[Figure, ...]
    background: str
    place: str | None = None


def is_held_out(scene: Scene) -> bool:
    """Whether no training picture shows this combination, so that a test can ask for it."""
    names = list(COLOURS)
    things = [thing.name for thing in (*SHAPES, *OBJECTS)]
    number = names.index(scene.background)
    for factor, figure in enumerate(scene.figures, start=1):
        colour = names.index(figure.colour) if figure.colour else 5
        number += factor * (things.index(figure.thing.name) * 5 + colour * 3)
    return scene.background != "white" and number % _HELD_OUT_EVERY == 0


def draw_scene(random: Random, *, lesson: Lesson, shapes: float = 0.3) -> Scene:
    """Choose a scene to train on, of a lesson's things; `shapes` is their share."""
    while True:
        background = _background(random)
        place = None
        if random.random() < _PAIRS:
            figures = tuple(_figure(random, lesson, background, shapes) for _ in range(2))
        else:
            figures = (_figure(random, lesson, background, shapes),)
            if figures[0].thing.is_shape and random.random() < _PLACED:
                place = random.choice(list(PLACES))
        scene = Scene(figures=figures, background=background, place=place)
        is_twice = len({figure.thing.name for figure in figures}) < len(figures)
        if not is_twice and not is_held_out(scene):
            return scene


def _figure(random: Random, lesson: Lesson, background: str, shapes: float) -> Figure:
    if lesson.objects and random.random() >= shapes:
        thing = random.choice(lesson.objects)
        is_coloured = thing.takes_colour and random.random() < 0.4
        return Figure(thing=thing, colour=random.choice(list(HUES)) if is_coloured else None)
    thing = random.choice(lesson.shapes)
    colour = thing.colour if random.random() < 0.2 else random.choice(list(COLOURS))
    if colour is None or colour == background:
        colour = random.choice([name for name in COLOURS if name != background])
    return Figure(thing=thing, colour=colour)


def _background(random: Random) -> str:
    return "white" if random.random() < 0.25 else random.choice(list(COLOURS))


def paint(scene: Scene, art: Art, random: Random, *, side: int = SIDE) -> numpy.ndarray:
    """Paint a scene: [side, side, RGB] of 8 bits."""
    canvas = numpy.empty((side, side, 3), dtype=numpy.float32)
    canvas[:] = _jittered(COLOURS[scene.background], random)
    scale = 1.0 if len(scene.figures) == 1 and scene.place is None else _SMALL
    for figure, middle in zip(scene.figures, _middles(scene), strict=True):
        drawing, alpha = _draw_figure(figure, art, random, side=side, scale=scale)
        _lay(canvas, drawing, alpha, middle, random)
    return canvas.round().astype(numpy.uint8)


def _middles(scene: Scene) -> list[tuple[float, float]]:
    """Return where each figure goes, as shares of the sides."""
    if len(scene.figures) > 1:
        return [PLACES["left"], PLACES["right"]]
    return [_MIDDLE if scene.place is None else PLACES[scene.place]]


def _draw_figure(
    figure: Figure, art: Art, random: Random, *, side: int, scale: float
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return a figure's colours [size, size, 3] and how much they cover [size, size] in 0..1."""
    if figure.thing.is_shape:
        size = round(side * _SHAPE_SHARE * scale) + random.randint(-2, 2)
        mask = numpy.asarray(shape_mask(figure.thing.name, size), dtype=numpy.float32)
        flat = numpy.array(_jittered(COLOURS[figure.colour or "black"], random), numpy.float32)
        return numpy.broadcast_to(flat, (size, size, 3)), mask / 255
    pixels = art.objects[figure.thing.name]
    if figure.colour is not None:
        pixels = turn_hue(pixels, HUES[figure.colour])
    return _scaled(pixels, round(side * _OBJECT_SHARE * scale) + random.randint(-1, 1))


def paint_other(art: Art, random: Random, *, side: int = SIDE) -> numpy.ndarray:
    """Paint a drawing that has no word, at any size on any colour."""
    canvas = numpy.empty((side, side, 3), dtype=numpy.float32)
    canvas[:] = [random.randint(0, 255) for _ in range(3)]
    drawing, alpha = _scaled(random.choice(art.others), random.randint(side // 2, side))
    _lay(canvas, drawing, alpha, _MIDDLE, random)
    return canvas.round().astype(numpy.uint8)


def turn_hue(pixels: numpy.ndarray, hue: int) -> numpy.ndarray:
    """Give the coloured parts of a drawing one hue; white, black and gray stay."""
    hsv = numpy.array(Image.fromarray(pixels[..., :3]).convert("HSV"))
    coloured = hsv[..., 1] > 60
    hsv[..., 0] = numpy.where(coloured, hue, hsv[..., 0])
    turned = numpy.asarray(Image.fromarray(hsv, "HSV").convert("RGB"))
    return numpy.dstack([turned, pixels[..., 3]])


def _scaled(pixels: numpy.ndarray, size: int) -> tuple[numpy.ndarray, numpy.ndarray]:
    weighted = (
        Image.fromarray(pixels).convert("RGBa").resize((size, size), Image.Resampling.BILINEAR)
    )
    drawing = numpy.asarray(weighted.convert("RGBA"), dtype=numpy.float32)
    return drawing[..., :3], drawing[..., 3] / 255


def _lay(
    canvas: numpy.ndarray,
    drawing: numpy.ndarray,
    alpha: numpy.ndarray,
    middle: tuple[float, float],
    random: Random,
) -> None:
    """Lay a drawing on a canvas, with its middle near a point given as shares of the sides."""
    side, size = canvas.shape[0], alpha.shape[0]
    left, top = (
        min(side - size, max(0, round(share * side - size / 2) + random.randint(-_SHIFT, _SHIFT)))
        for share in middle
    )
    window = canvas[top : top + size, left : left + size]
    window += (drawing - window) * alpha[..., None]


def _jittered(colour: Colour, random: Random) -> Colour:
    red, green, blue = (
        min(255, max(0, value + random.randint(-_JITTER, _JITTER))) for value in colour
    )
    return (red, green, blue)


def named_colour(colour: Colour) -> str:
    """Return the name of the nearest colour."""
    return min(COLOURS, key=lambda name: mean_distance(COLOURS[name], colour))
