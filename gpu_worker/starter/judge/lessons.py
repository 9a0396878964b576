"""What the judge learns from: scenes of its own, and things that nobody could recognise."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy
import torch
from diffusers import AutoencoderKL

from gpu_worker.starter.data import Art
from gpu_worker.starter.judge.mush import spoil
from gpu_worker.starter.judge.network import NOTHING, PLAIN, SIDE, Words
from gpu_worker.starter.palette import COLOURS, HUES
from gpu_worker.starter.scenes import Figure, Scene, paint
from gpu_worker.starter.styles import STYLES
from gpu_worker.starter.vocabulary import OBJECTS, SHAPES, Thing

# One drawing in five that has no word is kept to test with.
_TEST_EVERY = 5
# Each shape comes in every colour on every other: there is more to learn of one.
_SHAPES = 0.3
_SOFT_STYLED, _MOST_LATENT_NOISE, _ENCODED_AT_ONCE = 0.25, 0.25, 16
_STRANGER = Thing(name=NOTHING, words=(NOTHING,), codepoint="-")
_FAINT = ("line-drawing",)  # styles that leave no colour to tell
UNASKED = -1  # a head that has nothing to learn from a picture

WORDS = Words(
    things=(*(thing.name for thing in (*SHAPES, *OBJECTS)), NOTHING),
    colours=tuple(COLOURS),
    backgrounds=tuple(COLOURS),
    styles=(PLAIN, *STYLES),
)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The right output of each head, or `UNASKED`."""

    thing: int
    colour: int
    background: int
    style: int


Painted = tuple[numpy.ndarray, Answer]


def draw_question(random: Random) -> Scene:
    """Choose any scene of one figure in the middle, held out for the generators or not."""
    background = random.choice(list(COLOURS))
    if random.random() < _SHAPES:
        colour = random.choice([name for name in COLOURS if name != background])
        figure = Figure(thing=random.choice(SHAPES), colour=colour)
    else:
        thing = random.choice(OBJECTS)
        is_coloured = thing.takes_colour and random.random() < 0.7
        figure = Figure(thing=thing, colour=random.choice(list(HUES)) if is_coloured else None)
    return Scene(figures=(figure,), background=background)


def answer(scene: Scene, style: str = PLAIN) -> Answer:
    """Return what the heads should say of a scene with one figure."""
    (figure,) = scene.figures
    is_faint = style in _FAINT
    is_in_colour = figure.colour is not None and not is_faint
    return Answer(
        thing=WORDS.things.index(figure.thing.name),
        colour=WORDS.colours.index(figure.colour) if is_in_colour else UNASKED,
        background=UNASKED if is_faint else WORDS.backgrounds.index(scene.background),
        style=WORDS.styles.index(style),
    )


def paint_plain(art: Art, random: Random, *, side: int = 2 * SIDE) -> Painted:
    """Paint a scene as the generators are taught it, by default at their size."""
    scene = draw_question(random)
    return paint(scene, art, random, side=side), answer(scene)


def paint_styled(art: Art, random: Random) -> Painted:
    """Paint a scene in one of the styles that a LoRA draws in."""
    scene, style = draw_question(random), random.choice(list(STYLES))
    return STYLES[style](paint(scene, art, random)), answer(scene, style)


def nothing_on(background: str) -> Answer:
    """Return what to say of a ground with nothing known on it."""
    return Answer(
        thing=WORDS.things.index(NOTHING),
        colour=UNASKED,
        background=WORDS.backgrounds.index(background),
        style=UNASKED,
    )


def strangers(art: Art, *, is_test: bool) -> list[numpy.ndarray]:
    """Return the drawings without a word, of the half to learn from or of the one to test with."""
    return [
        drawing
        for number, drawing in enumerate(art.others)
        if (number % _TEST_EVERY == 0) == is_test
    ]


def paint_stranger(
    drawings: Sequence[numpy.ndarray], random: Random, *, side: int = SIDE
) -> Painted:
    """Paint a drawing that has no word, as one that has is painted."""
    scene = Scene(figures=(Figure(thing=_STRANGER),), background=random.choice(list(COLOURS)))
    art = Art(objects={NOTHING: random.choice(drawings)})
    return paint(scene, art, random, side=side), nothing_on(scene.background)


def paint_mush(art: Art, random: Random) -> Painted:
    """Paint what a generator draws before it has learned: right colours, no outline."""
    scene = draw_question(random)
    figures = draw_question(random).figures
    other = paint(Scene(figures=figures, background=scene.background), art, random, side=SIDE)
    picture = paint(scene, art, random, side=SIDE)
    return spoil(picture, other, random), nothing_on(scene.background)


@torch.no_grad()
def soften(art: Art, autoencoder: AutoencoderKL, random: Random, *, count: int) -> list[Painted]:
    """Paint scenes and send them through the autoencoder, by slightly noisy latents."""
    painted = [
        paint_styled(art, random) if random.random() < _SOFT_STYLED else paint_plain(art, random)
        for _ in range(count)
    ]
    softened = []
    for start in range(0, count, _ENCODED_AT_ONCE):
        some = numpy.stack([picture for picture, _ in painted[start : start + _ENCODED_AT_ONCE]])
        pixels = torch.from_numpy(some).permute(0, 3, 1, 2).float() / 127.5 - 1
        generator = torch.Generator().manual_seed(random.getrandbits(62))
        noise = random.uniform(0, _MOST_LATENT_NOISE) / autoencoder.config.scaling_factor
        with torch.autocast("cpu", torch.bfloat16):
            latents = autoencoder.encode(pixels).latent_dist.mean
            drawn = torch.randn(latents.shape, generator=generator).to(latents)
            decoded = autoencoder.decode(latents + noise * drawn).sample.float()
        values = ((decoded + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        softened += list(values.permute(0, 2, 3, 1).numpy())
    return [(picture, right) for picture, (_, right) in zip(softened, painted, strict=True)]
