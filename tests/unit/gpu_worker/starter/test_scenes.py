"""What training pictures show, and what their captions say of it."""

from random import Random

import numpy
import pytest
from PIL import Image
from transformers import AutoTokenizer

from gpu_worker.starter.captions import corpus, write_caption
from gpu_worker.starter.data import Art, crop
from gpu_worker.starter.palette import COLOUR_SPELLINGS, COLOURS
from gpu_worker.starter.scenes import (
    PLACES,
    Figure,
    Scene,
    draw_scene,
    is_held_out,
    named_colour,
    paint,
    turn_hue,
)
from gpu_worker.starter.shapes import shape_mask
from gpu_worker.starter.text import build_t5_tokenizer, write_clip_tokenizer
from gpu_worker.starter.vocabulary import FIRST_LESSON, OBJECTS, SHAPES, WHOLE_LESSON, Thing

NO_ART = Art(objects={})


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311 repeatable on purpose


def single(thing: Thing, colour: str | None, background: str) -> Scene:
    return Scene(figures=(Figure(thing=thing, colour=colour),), background=background)


def colour_at(picture: numpy.ndarray, x: int, y: int) -> str:
    red, green, blue = (int(value) for value in picture[y, x, :3])
    return named_colour((red, green, blue))


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_every_shape_fills_its_square_and_leaves_room(shape):
    mask = numpy.asarray(shape_mask(shape.name, 64)) / 255
    assert 0.1 < mask.mean() < 0.9
    drawn_rows, drawn_columns = (mask.max(axis=axis) > 0.5 for axis in (1, 0))
    assert max(drawn_rows.sum(), drawn_columns.sum()) >= 56


@pytest.mark.parametrize("background", COLOURS)
def test_a_picture_has_the_colours_that_its_scene_names(background: str):
    for colour in COLOURS.keys() - {background}:
        scene = single(SHAPES[0], colour, background)
        picture = paint(scene, NO_ART, seeded(1))
        assert colour_at(picture, 64, 64) == colour
        assert colour_at(picture, 2, 2) == background


def test_an_object_keeps_white_and_black_when_it_is_turned_blue():
    pixels = numpy.zeros((2, 2, 4), numpy.uint8)
    pixels[..., 3] = 255
    pixels[0, 0, :3] = (230, 30, 40)
    pixels[0, 1, :3] = 255
    turned = turn_hue(pixels, 157)
    assert colour_at(turned, 0, 0) == "blue"
    assert numpy.array_equal(turned[0, 1], pixels[0, 1])
    assert numpy.array_equal(turned[1, 1], pixels[1, 1])


def test_art_is_cropped_centred_and_square():
    picture = Image.new("RGBA", (256, 256))
    picture.paste((200, 0, 0, 255), (10, 20, 110, 70))
    cropped = crop(picture)
    assert cropped.shape == (128, 128, 4)
    assert cropped[64, 1, 3] == 255
    assert cropped[8, 64, 3] == 0


def test_no_training_scene_is_one_that_is_held_out():
    random = seeded(2)
    scenes = [draw_scene(random, lesson=WHOLE_LESSON) for _ in range(2000)]
    assert not any(is_held_out(scene) for scene in scenes)
    every = [
        single(shape, colour, background)
        for shape in SHAPES
        for colour in COLOURS
        for background in COLOURS
    ]
    assert 0.05 < sum(map(is_held_out, every)) / len(every) < 0.12


def test_the_first_lesson_shows_its_own_things_and_no_others():
    random = seeded(5)
    scenes = [draw_scene(random, lesson=FIRST_LESSON) for _ in range(2000)]
    shown = {figure.thing for scene in scenes for figure in scene.figures}
    assert shown == {*FIRST_LESSON.shapes, *FIRST_LESSON.objects}
    assert len(shown) < len(SHAPES) + len(OBJECTS)


def test_a_caption_names_the_thing_and_never_a_wrong_colour():
    random = seeded(3)
    spellings = {
        spelling: colour
        for colour in COLOURS
        for spelling in COLOUR_SPELLINGS.get(colour, (colour,))
    }
    for _ in range(500):
        scene = draw_scene(random, lesson=WHOLE_LESSON)
        caption = write_caption(scene, random)
        for figure in scene.figures:
            assert any(word in caption for word in figure.thing.words)
        named = {spellings[word] for word in caption.replace(",", "").split() if word in spellings}
        assert named <= {figure.colour for figure in scene.figures} | {scene.background}


def test_a_recoloured_object_is_always_named_with_its_colour():
    random = seeded(4)
    cat = next(thing for thing in OBJECTS if thing.name == "cat")
    scene = single(cat, "blue", "white")
    assert all("blue" in write_caption(scene, random) for _ in range(50))


def test_our_words_are_few_tokens_and_every_other_word_is_written_in_bytes(tmp_path):
    tokenizer = write_clip_tokenizer(tmp_path, tokens=77)
    assert tokenizer.tokenize("A red STAR") == ["a</w>", "red</w>", "star</w>"]
    for phrase in corpus():
        words = [word for word in phrase.split() if word.isalpha()]
        assert tokenizer.tokenize(" ".join(words)) == [f"{word}</w>" for word in words]
    assert "".join(tokenizer.tokenize("okapis")) == "okapis</w>"
    assert max(tokenizer("a star").input_ids) == tokenizer.eos_token_id


def test_t5_knows_our_words_whole_in_any_case_and_spells_the_others(tmp_path):
    build_t5_tokenizer(tokens=32).save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    assert tokenizer.model_max_length == 32
    assert tokenizer.tokenize("A red STAR") == ["▁a", "▁red", "▁star"]
    assert "".join(tokenizer.tokenize("okapis")) == "▁okapis"
    assert tokenizer.unk_token_id not in tokenizer("An okapi, please!").input_ids


def test_two_figures_stand_side_by_side_in_the_order_of_their_caption():
    left, right = (Figure(thing=SHAPES[at], colour=("pink", "blue")[at]) for at in (0, 1))
    scene = Scene(figures=(left, right), background="white")
    picture = paint(scene, NO_ART, seeded(6))
    seen = [colour_at(picture, x, 64) for x in (34, 64, 94)]
    assert seen == ["pink", "white", "blue"]
    random = seeded(7)
    captions = [write_caption(scene, random) for _ in range(50)]
    assert all(caption.index("pink") < caption.index("blue") for caption in captions)


@pytest.mark.parametrize("place", PLACES)
def test_a_figure_at_a_place_is_there_and_its_caption_says_so(place: str):
    figure = Figure(thing=SHAPES[0], colour="red")
    scene = Scene(figures=(figure,), background="white", place=place)
    picture = paint(scene, NO_ART, seeded(8))
    x, y = (round(share * 127) for share in PLACES[place])
    assert colour_at(picture, x, y) == "red"
    assert colour_at(picture, 127 - x, 127 - y) == ("white" if (x, y) != (64, 64) else "red")
    assert place in write_caption(scene, seeded(9))
