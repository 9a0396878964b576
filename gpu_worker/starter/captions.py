"""Writes captions the way people write prompts: short, long, sloppy, with words of no meaning."""

from collections.abc import Iterator
from random import Random

from gpu_worker.starter.palette import COLOUR_SPELLINGS, COLOURS
from gpu_worker.starter.scenes import PLACES, Figure, Scene
from gpu_worker.starter.vocabulary import OBJECTS, SHAPES, Thing

_OPENINGS = (
    *("a picture of", "a drawing of", "an image of", "a photo of", "an icon of", "draw", "a cute"),
    *("a simple", "a beautiful", "one", "the", "my", "a big", "a small", "a little", "a funny"),
)
_ENDINGS = (
    *(
        "emoji",
        "icon",
        "3d",
        "3d style",
        "high quality",
        "detailed",
        "masterpiece",
        "4k",
        "cartoon",
    ),
    *("digital art", "clean", "minimal", "cute", "beautiful", "studio light", "please"),
)
_BACKGROUNDS = (
    *("on a {} background",) * 5,
    *("on {}", "{} background", "with a {} background", "in front of a {} background"),
    *(", {} background", "against a {} backdrop", "over a {} background"),
)
_PAIRS = (
    *("{} and {}",) * 3,
    *("{} next to {}", "{} beside {}", "{} with {}", "{} on the left and {} on the right"),
)
_PLACES = ("in the {}", "in the {} corner", "at the {}", "on the {}")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def write_caption(scene: Scene, random: Random) -> str:
    """Write one of the many captions that a scene could have."""
    caption = _subject(scene, random)
    # White is what a prompt without a background gets, so it is often left unsaid.
    if scene.background != "white" or random.random() < 0.4:
        pattern = random.choice(_BACKGROUNDS)
        colour = _spell(scene.background, random)
        place = pattern.format(colour)
        if colour[0] in "aeiou":
            place = place.replace(" a ", " an ")
        turned = pattern.startswith("{}") and random.random() < 0.3
        caption = f"{place}, {caption}" if turned else f"{caption} {place}".replace(" ,", ",")
    while random.random() < 0.15:
        caption = f"{caption}, {random.choice(_ENDINGS)}"
    if random.random() < 0.05:
        length = random.randint(3, 9)
        caption = f"{caption} {''.join(random.choice(_LETTERS) for _ in range(length))}"
    return caption


def _subject(scene: Scene, random: Random) -> str:
    if len(scene.figures) == 2:
        left, right = (_with_article(_words(figure, random)) for figure in scene.figures)
        return random.choice(_PAIRS).format(left, right)
    (figure,) = scene.figures
    words = _words(figure, random)
    if scene.place is not None:
        return f"{_with_article(words)} {random.choice(_PLACES).format(scene.place)}"
    choice = random.random()
    if choice < 0.6:
        return _with_article(words)
    if choice < 0.8:
        return words
    opening = random.choice(_OPENINGS)
    joins = opening.endswith(" of") or opening == "draw"
    return f"{opening} {_with_article(words)}" if joins else f"{opening} {words}"


def _words(figure: Figure, random: Random) -> str:
    """Name a figure, and its colour unless that goes without saying."""
    name = _name(figure.thing, random)
    colour = figure.colour
    # A shape in its usual colour may go without the word; nothing else may.
    if figure.thing.is_shape and colour == figure.thing.colour and random.random() < 0.5:
        colour = None
    return f"{_spell(colour, random)} {name}" if colour else name


def _with_article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _name(thing: Thing, random: Random) -> str:
    return thing.name if random.random() < 0.65 else random.choice(thing.words)


def _spell(colour: str, random: Random) -> str:
    return random.choice(COLOUR_SPELLINGS.get(colour, (colour,)))


def corpus() -> Iterator[str]:
    """Give every word that captions are made of, for the tokenizer."""
    for thing in (*SHAPES, *OBJECTS):
        yield from thing.words
    for colour in COLOURS:
        yield from COLOUR_SPELLINGS.get(colour, (colour,))
    yield from PLACES
    for phrase in (*_OPENINGS, *_ENDINGS, *_BACKGROUNDS, *_PAIRS, *_PLACES):
        yield phrase.replace("{}", "a").replace(",", "")
