"""Puts a thing on a background: the facts that a caption may tell, and the picture they make."""

from dataclasses import dataclass
from random import Random

import numpy
from PIL import Image

from gpu_worker.starter.data import Art
from gpu_worker.starter.palette import COLOURS, HUES, Colour, mean_distance
from gpu_worker.starter.shapes import shape_mask
from gpu_worker.starter.vocabulary import OBJECTS, SHAPES, Lesson, Thing

SIDE = 128
_HELD_OUT_EVERY = 11
_JITTER = 5
# Little play: a network of this size, given an hour of a CPU, draws one place well or many badly.
_SHAPE_SHARE, _OBJECT_SHARE, _SHIFT = 0.68, 0.86, 1


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a picture shows."""

    thing: Thing
    colour: str | None  # of the thing; an object in its own colours has none
    background: str


def is_held_out(scene: Scene) -> bool:
    """Whether no training picture shows this combination, so that a test can ask for it."""
    names = list(COLOURS)
    things = [thing.name for thing in (*SHAPES, *OBJECTS)]
    colour = names.index(scene.colour) if scene.colour else 5
    number = things.index(scene.thing.name) * 5 + colour * 3 + names.index(scene.background)
    return scene.background != "white" and number % _HELD_OUT_EVERY == 0


def draw_scene(random: Random, *, lesson: Lesson, shapes: float = 0.4) -> Scene:
    """Choose a scene to train on, of a lesson's things; `shapes` is their share."""
    while True:
        if lesson.objects and random.random() >= shapes:
            scene = _object_scene(random, lesson)
        else:
            scene = _shape_scene(random, lesson)
        if not is_held_out(scene):
            return scene


def _shape_scene(random: Random, lesson: Lesson) -> Scene:
    thing = random.choice(lesson.shapes)
    background = _background(random)
    colour = thing.colour if random.random() < 0.2 else random.choice(list(COLOURS))
    if colour is None or colour == background:
        colour = random.choice([name for name in COLOURS if name != background])
    return Scene(thing=thing, colour=colour, background=background)


def _object_scene(random: Random, lesson: Lesson) -> Scene:
    thing = random.choice(lesson.objects)
    colour = None
    if thing.takes_colour and random.random() < 0.4:
        colour = random.choice(list(HUES))
    return Scene(thing=thing, colour=colour, background=_background(random))


def _background(random: Random) -> str:
    return "white" if random.random() < 0.25 else random.choice(list(COLOURS))


def paint(scene: Scene, art: Art, random: Random, *, side: int = SIDE) -> numpy.ndarray:
    """Paint a scene: [side, side, RGB] of 8 bits."""
    ground = _jittered(COLOURS[scene.background], random)
    if scene.thing.is_shape:
        size = round(side * _SHAPE_SHARE) + random.randint(-2, 2)
        mask = numpy.asarray(shape_mask(scene.thing.name, size), dtype=numpy.float32)
        flat = numpy.array(_jittered(COLOURS[scene.colour or "black"], random), numpy.float32)
        drawing = numpy.broadcast_to(flat, (size, size, 3))
        return _lay(drawing, mask / 255, ground, random, side=side)
    size = round(side * _OBJECT_SHARE) + random.randint(-1, 1)
    pixels = art.objects[scene.thing.name]
    if scene.colour is not None:
        pixels = turn_hue(pixels, HUES[scene.colour])
    return _lay_art(pixels, size, ground, random, side=side)


def paint_other(art: Art, random: Random, *, side: int = SIDE) -> numpy.ndarray:
    """Paint a drawing that has no word, at any size on any colour."""
    ground: Colour = (random.randint(0, 255), random.randint(0, 255), random.randint(0, 255))
    size = random.randint(side // 2, side)
    return _lay_art(random.choice(art.others), size, ground, random, side=side)


def turn_hue(pixels: numpy.ndarray, hue: int) -> numpy.ndarray:
    """Give the coloured parts of a drawing one hue; white, black and gray stay."""
    hsv = numpy.array(Image.fromarray(pixels[..., :3]).convert("HSV"))
    coloured = hsv[..., 1] > 60
    hsv[..., 0] = numpy.where(coloured, hue, hsv[..., 0])
    turned = numpy.asarray(Image.fromarray(hsv, "HSV").convert("RGB"))
    return numpy.dstack([turned, pixels[..., 3]])


def _lay_art(
    pixels: numpy.ndarray, size: int, ground: Colour, random: Random, *, side: int
) -> numpy.ndarray:
    weighted = (
        Image.fromarray(pixels).convert("RGBa").resize((size, size), Image.Resampling.BILINEAR)
    )
    drawing = numpy.asarray(weighted.convert("RGBA"), dtype=numpy.float32)
    return _lay(drawing[..., :3], drawing[..., 3] / 255, ground, random, side=side)


def _lay(
    drawing: numpy.ndarray, alpha: numpy.ndarray, ground: Colour, random: Random, *, side: int
) -> numpy.ndarray:
    """Lay a drawing near the middle of a coloured ground."""
    size = alpha.shape[0]
    slack = min((side - size) // 2, _SHIFT)
    left, top = ((side - size) // 2 + random.randint(-slack, slack) for _ in range(2))
    canvas = numpy.empty((side, side, 3), dtype=numpy.float32)
    canvas[:] = ground
    window = canvas[top : top + size, left : left + size]
    window += (drawing - window) * alpha[..., None]
    return canvas.round().astype(numpy.uint8)


def _jittered(colour: Colour, random: Random) -> Colour:
    red, green, blue = (
        min(255, max(0, value + random.randint(-_JITTER, _JITTER))) for value in colour
    )
    return (red, green, blue)


def named_colour(colour: Colour) -> str:
    """Return the name of the nearest colour."""
    return min(COLOURS, key=lambda name: mean_distance(COLOURS[name], colour))
