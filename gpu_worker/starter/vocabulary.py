"""What the starter models are taught to draw: shapes drawn by us, objects from emoji art."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Thing:
    """Something with a name, an everyday look, and the words that people use for it."""

    name: str
    words: tuple[str, ...]
    colour: str | None = None  # of a shape that is asked for without one
    codepoint: str = ""  # of an object's art; a shape has none
    takes_colour: bool = False  # whether "a blue …" recolours it

    @property
    def is_shape(self) -> bool:
        return not self.codepoint


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What a run is taught; the tokenizer knows all words, so that a later run can widen it."""

    shapes: tuple[Thing, ...]
    objects: tuple[Thing, ...]

    def without_objects(self) -> "Lesson":
        return Lesson(shapes=self.shapes, objects=())


def _shape(name: str, colour: str, *words: str) -> Thing:
    return Thing(name=name, words=(name, *words), colour=colour, takes_colour=True)


def _object(codepoint: str, *words: str) -> Thing:
    return Thing(name=words[0], words=words, codepoint=codepoint)


def _paintable(codepoint: str, *words: str) -> Thing:
    return Thing(name=words[0], words=words, codepoint=codepoint, takes_colour=True)


SHAPES: tuple[Thing, ...] = (
    _shape("circle", "blue", "dot", "disc", "ball"),
    _shape("square", "green", "box"),
    _shape("triangle", "orange"),
    _shape("star", "yellow"),
    _shape("heart", "red", "love heart"),
    _shape("diamond", "teal", "rhombus"),
    _shape("moon", "yellow", "crescent moon", "crescent"),
    _shape("cross", "red", "plus sign"),
    _shape("ring", "purple", "hoop"),
    _shape("hexagon", "teal"),
    _shape("arrow", "black"),
    _shape("cloud", "blue"),
)

OBJECTS: tuple[Thing, ...] = (
    _paintable("1f34e", "apple"),
    _object("1f34c", "banana"),
    _object("1f353", "strawberry"),
    _object("1f34b", "lemon"),
    _object("1f383", "pumpkin", "halloween pumpkin", "jack o lantern"),
    _object("1f355", "pizza", "slice of pizza"),
    _object("1f354", "hamburger", "burger", "cheeseburger"),
    _object("1f366", "ice cream", "ice cream cone"),
    _paintable("1f431", "cat", "kitten", "kitty", "cat face"),
    _object("1f436", "dog", "puppy", "dog face"),
    _object("1f437", "pig", "piglet"),
    _object("1f43c", "panda", "panda bear"),
    _paintable("1f438", "frog", "toad"),
    _object("1f427", "penguin"),
    _paintable("1f41f", "fish"),
    _object("1f3e0", "house", "home"),
    _paintable("1f697", "car", "automobile"),
    _object("1f680", "rocket", "spaceship", "space ship"),
    _object("1f333", "tree"),
    _object("1f335", "cactus"),
    _paintable("1f337", "tulip", "flower"),
    _object("1f33b", "sunflower"),
    _paintable("1f344", "mushroom", "toadstool"),
    _object("2600-fe0f", "sun", "sunshine"),
    _object("1f916", "robot"),
    _object("1f47b", "ghost"),
    _object("1f642", "smiley", "smiley face", "happy face", "emoji"),
    _object("1f451", "crown"),
    _paintable("1f388", "balloon"),
    _object("26c4", "snowman"),
)

WHOLE_LESSON = Lesson(shapes=SHAPES, objects=OBJECTS)

_LATER = frozenset(
    (
        *("hexagon", "arrow"),
        *("lemon", "pumpkin", "ice cream", "pig", "sunflower"),
    )
)

# Enough to learn outlines by; what is added after them takes a quarter of the time.
FIRST_LESSON = Lesson(
    shapes=tuple(thing for thing in SHAPES if thing.name not in _LATER),
    objects=tuple(thing for thing in OBJECTS if thing.name not in _LATER),
)
