"""What the starter models are taught to draw: shapes drawn by us, objects from emoji art."""

from dataclasses import dataclass
from enum import StrEnum


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


class LessonName(StrEnum):
    """How much of the vocabulary a run is taught."""

    FIRST = "first"
    WHOLE = "whole"


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
    _object("1f98a", "fox", "red fox"),
    _object("1f43b", "bear", "brown bear"),
    _object("1f430", "rabbit", "bunny", "hare"),
    _object("1f981", "lion"),
    _object("1f42f", "tiger"),
    _object("1f435", "monkey", "ape"),
    _object("1f42e", "cow"),
    _object("1f42d", "mouse"),
    _object("1f428", "koala"),
    _object("1f43a", "wolf"),
    _object("1f984", "unicorn"),
    _object("1f418", "elephant"),
    _object("1f992", "giraffe"),
    _object("1f434", "horse", "pony"),
    _object("1f989", "owl"),
    _object("1f425", "chick", "baby chick"),
    _object("1f986", "duck"),
    _object("1f9a9", "flamingo"),
    _paintable("1f426", "bird"),
    _object("1f422", "turtle", "tortoise"),
    _object("1f40d", "snake"),
    _paintable("1f409", "dragon"),
    _paintable("1f995", "dinosaur", "dino", "brontosaurus"),
    _paintable("1f433", "whale"),
    _object("1f42c", "dolphin"),
    _object("1f988", "shark"),
    _paintable("1f419", "octopus"),
    _object("1f980", "crab"),
    _object("1f40c", "snail"),
    _paintable("1f98b", "butterfly"),
    _object("1f41d", "bee", "honeybee"),
    _object("1f41e", "ladybug", "ladybird"),
    _paintable("1f339", "rose"),
    _object("1f332", "pine tree", "christmas tree", "fir tree", "spruce"),
    _object("1f334", "palm tree", "palm"),
    _object("1f341", "leaf", "maple leaf", "autumn leaf"),
    _object("1f347", "grapes", "bunch of grapes"),
    _object("1f349", "watermelon", "melon"),
    _object("1f34d", "pineapple"),
    _object("1f350", "pear"),
    _object("1f352", "cherries", "cherry"),
    _object("1f345", "tomato"),
    _object("1f951", "avocado"),
    _object("1f955", "carrot"),
    _object("1f33d", "corn", "ear of corn", "maize"),
    _object("1f95e", "pancakes", "pancake"),
    _object("1f9c0", "cheese", "piece of cheese"),
    _object("1f35f", "fries", "french fries", "chips"),
    _object("1f363", "sushi"),
    _object("1f369", "donut", "doughnut"),
    _object("1f36a", "cookie", "biscuit"),
    _object("1f382", "cake", "birthday cake"),
    _paintable("1f9c1", "cupcake", "muffin"),
    _object("1f36d", "lollipop"),
    _object("2615", "coffee", "cup of coffee", "cup of tea", "hot chocolate"),
    _object("1f37a", "beer", "mug of beer", "beer mug"),
    _object("1f30d", "earth", "planet earth", "globe", "world"),
    _object("1f3d4-fe0f", "mountain", "snowy mountain", "mountains"),
    _object("1f30b", "volcano"),
    _object("1f3f0", "castle"),
    _paintable("26fa", "tent"),
    _object("1f682", "train", "steam train", "locomotive"),
    _paintable("1f68c", "bus"),
    _object("1f692", "fire truck", "fire engine"),
    _paintable("1f6b2", "bicycle", "bike"),
    _object("26f5", "sailboat", "boat", "sailing boat"),
    _object("1f6a2", "ship", "cruise ship"),
    _object("2708-fe0f", "airplane", "plane", "aeroplane"),
    _object("1f681", "helicopter"),
    _object("1f6f8", "ufo", "flying saucer"),
    _object("1fa90", "planet", "saturn", "ringed planet"),
    _object("1f308", "rainbow"),
    _paintable("2602-fe0f", "umbrella"),
    _object("2744-fe0f", "snowflake"),
    _object("1f525", "fire", "flame", "campfire"),
    _object("1f4a7", "water drop", "drop of water", "raindrop"),
    _object("1f453", "glasses", "eyeglasses"),
    _paintable("1f455", "shirt", "t-shirt", "tshirt"),
    _object("1f45f", "shoe", "sneaker", "running shoe"),
    _object("1f3a9", "top hat", "hat"),
    _object("1f48d", "diamond ring", "engagement ring"),
    _paintable("1f48e", "gem", "gemstone", "jewel", "crystal"),
    _object("1f514", "bell"),
    _paintable("1f3b8", "guitar"),
    _object("1f4f1", "phone", "smartphone", "mobile phone"),
    _object("1f4bb", "laptop", "computer"),
    _object("1f4fa", "television", "tv"),
    _object("1f4f7", "camera"),
    _object("1f4a1", "light bulb", "lightbulb", "bulb", "lamp"),
    _object("1f4da", "books", "stack of books", "pile of books"),
    _object("270f-fe0f", "pencil"),
    _object("1f512", "padlock", "lock"),
    _object("1f511", "key"),
    _object("1f4a3", "bomb"),
    _object("1f480", "skull"),
    _object("1f47d", "alien"),
    _paintable("1f381", "gift", "present", "gift box"),
    _object("1f9f8", "teddy bear", "stuffed bear"),
    _object("26bd", "soccer ball", "football"),
    _object("1f3c0", "basketball"),
    _object("1f3c6", "trophy", "gold cup"),
    _object("23f0", "alarm clock", "clock"),
)

WHOLE_LESSON = Lesson(shapes=SHAPES, objects=OBJECTS)

# What outlines are learned by: the first of each kind. The transformers stop here, see their cards.
FIRST_LESSON = Lesson(shapes=SHAPES, objects=OBJECTS[:44])
