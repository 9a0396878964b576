"""The same questions for every starter model: what to ask for, in what words."""

from collections.abc import Mapping, Sequence
from itertools import product
from random import Random

from gpu_worker.starter.palette import COLOURS, HUES
from gpu_worker.starter.scenes import PLACES, Figure, Scene, is_held_out
from gpu_worker.starter.vocabulary import Lesson, Thing

# Grounds that no thing is lost on; one in three is the white that a prompt without one gets.
_GROUNDS = ("white", "blue", "yellow", "white", "green", "purple", "white", "pink", "teal", "gray")
_UNSEEN_SHAPES, _UNSEEN_COLOURED = 5, 5


def set_exam(lesson: Lesson, *, rounds: int = 1) -> Mapping[str, list[Scene]]:
    """Return the parts of an exam by name; `rounds` is how often each object is asked for."""
    return {
        "shapes": shape_scenes(lesson),
        "objects": [scene for number in range(rounds) for scene in object_scenes(lesson, number)],
        "never seen": unseen_scenes(lesson),
        "colours exchanged": exchanged_scenes(lesson),
        "two side by side": pair_scenes(lesson),
        "at a place": placed_scenes(lesson),
    }


def ask(scene: Scene) -> str:
    """Write a scene as the plainest prompt."""
    words = " and ".join(_name(figure) for figure in scene.figures)
    if scene.place is not None:
        words = f"{words} in the {scene.place}"
    if scene.background == "white":
        return words
    return f"{words} on {_with_article(scene.background)} background"


def _name(figure: Figure) -> str:
    name = figure.thing.name
    return _with_article(f"{figure.colour} {name}" if figure.colour else name)


def _with_article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def shape_scenes(lesson: Lesson) -> list[Scene]:
    """Ask for each shape three times, in colours and on grounds that were taught together."""
    random = Random("shapes")  # noqa: S311 repeatable on purpose
    pairs = [pair for pair in product(COLOURS, COLOURS) if pair[0] != pair[1]]
    return [
        _first_taught(_scenes(thing, random.sample(pairs, len(pairs))))
        for thing in lesson.shapes
        for _ in range(3)
    ]


def object_scenes(lesson: Lesson, number: int = 0) -> list[Scene]:
    """Ask for each object in its own colours, on grounds in turn; another `number`, others."""
    return [
        _first_taught(
            _scenes(thing, [(None, ground) for ground in _turned(_GROUNDS, index + 3 * number)])
        )
        for index, thing in enumerate(lesson.objects)
    ]


def unseen_scenes(lesson: Lesson, *, count: int = 20) -> list[Scene]:
    """Ask for what no training picture showed: shapes, recoloured objects, objects as they are."""
    random = Random("unseen")  # noqa: S311 repeatable on purpose
    paintable = [thing for thing in lesson.objects if thing.takes_colour]
    plain = count - _UNSEEN_SHAPES - _UNSEEN_COLOURED
    kinds: tuple[tuple[Sequence[Thing], Sequence[str | None], int], ...] = (
        (lesson.shapes, list(COLOURS), _UNSEEN_SHAPES),
        (paintable, list(HUES), _UNSEEN_COLOURED),
        (lesson.objects, [None], plain),
    )
    scenes: list[Scene] = []
    for things, colours, many in kinds:
        pairs = [pair for pair in product(colours, COLOURS) if pair[0] != pair[1]]
        # Some things have been seen on every ground.
        possible = [
            [scene for scene in _scenes(thing, pairs) if is_held_out(scene)] for thing in things
        ]
        chosen = random.sample([some for some in possible if some], many)
        scenes += [random.choice(some) for some in chosen]
    return scenes


def exchanged_scenes(lesson: Lesson) -> list[Scene]:
    """Ask for things in one colour on another, and the other way round."""
    random = Random("exchanged")  # noqa: S311 repeatable on purpose
    paintable = [thing for thing in (*lesson.shapes, *lesson.objects) if thing.takes_colour]
    scenes = []
    for thing in random.sample(paintable, 12):
        one, other = random.sample(list(HUES), 2)
        scenes += _scenes(thing, [(one, other), (other, one)])
    return scenes


def pair_scenes(lesson: Lesson, *, count: int = 12) -> list[Scene]:
    """Ask for two things side by side: of shapes, of a shape and an object, of objects."""
    random = Random("pairs")  # noqa: S311 repeatable on purpose
    scenes: list[Scene] = []
    while len(scenes) < count:
        kinds = (lesson.shapes, lesson.objects)[len(scenes) % 2], lesson.shapes
        one, other = (random.choice(kind) for kind in kinds)
        colours = random.sample(list(HUES), 3)
        figures = (
            Figure(thing=one, colour=colours[0] if one.is_shape else None),
            Figure(thing=other, colour=colours[1] if other.is_shape else None),
        )
        if one is not other:
            scenes.append(Scene(figures=figures, background=colours[2]))
    return scenes


def placed_scenes(lesson: Lesson) -> list[Scene]:
    """Ask for a shape at each of the named places."""
    random = Random("places")  # noqa: S311 repeatable on purpose
    scenes = []
    for place in PLACES:
        colour, ground = random.sample(list(HUES), 2)
        figure = Figure(thing=random.choice(lesson.shapes), colour=colour)
        scenes.append(Scene(figures=(figure,), background=ground, place=place))
    return scenes


def _scenes(thing: Thing, pairs: Sequence[tuple[str | None, str]]) -> list[Scene]:
    return [
        Scene(figures=(Figure(thing=thing, colour=colour),), background=background)
        for colour, background in pairs
    ]


def _first_taught(scenes: Sequence[Scene]) -> Scene:
    return next(scene for scene in scenes if not is_held_out(scene))


def _turned(words: Sequence[str], by: int) -> list[str]:
    start = by % len(words)
    return [*words[start:], *words[:start]]
