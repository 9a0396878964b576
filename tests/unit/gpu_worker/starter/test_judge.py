"""What the judge says of pictures whose truth is known; the committed weights are asked."""

from pathlib import Path
from random import Random

import numpy
import pytest
import torch

from gpu_worker.starter.data import Art
from gpu_worker.starter.judge import Judge, likeness, load_judge, score
from gpu_worker.starter.judge.checking import count_hits
from gpu_worker.starter.judge.exam import ask, set_exam, shape_scenes, unseen_scenes
from gpu_worker.starter.judge.fitting import Fit, fit_judge
from gpu_worker.starter.judge.lessons import paint_mush, paint_plain
from gpu_worker.starter.judge.mush import spoil
from gpu_worker.starter.judge.network import FOLDER, NOTHING, PLAIN, JudgeNetwork, save_judge
from gpu_worker.starter.scenes import Figure, Scene, is_held_out, paint
from gpu_worker.starter.styles import STYLES
from gpu_worker.starter.vocabulary import FIRST_LESSON, OBJECTS, SHAPES, WHOLE_LESSON

NO_ART = Art(objects={})
SHAPE_SCENES = shape_scenes(WHOLE_LESSON)


@pytest.fixture(scope="module")
def judge() -> Judge:
    return load_judge()


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311 repeatable on purpose


def painted(scenes: list[Scene], *, side: int = 128) -> list[numpy.ndarray]:
    random = seeded(3)
    return [paint(scene, NO_ART, random, side=side) for scene in scenes]


def shape(name: str, colour: str) -> Figure:
    return Figure(thing=next(thing for thing in SHAPES if thing.name == name), colour=colour)


@pytest.mark.parametrize("side", [64, 128, 192])
def test_a_painted_shape_is_known_with_its_colour_and_ground_at_any_size(judge: Judge, side: int):
    result = score(judge, SHAPE_SCENES, painted(SHAPE_SCENES, side=side))
    assert (result.top_1, result.top_5, result.colour, result.background) == (1, 1, 1, 1)


def test_another_shape_colour_or_ground_than_was_asked_for_counts_as_wrong(judge: Judge):
    shown = painted([Scene(figures=(shape("star", "red"),), background="blue")])
    asked = [
        Scene(figures=(shape("heart", "red"),), background="blue"),
        Scene(figures=(shape("star", "yellow"),), background="blue"),
        Scene(figures=(shape("star", "red"),), background="green"),
    ]
    other_shape, other_colour, other_ground = (score(judge, [scene], shown) for scene in asked)
    assert (other_shape.top_1, other_shape.colour, other_shape.background) == (0, 1, 1)
    assert (other_colour.top_1, other_colour.colour, other_colour.background) == (1, 0, 1)
    assert (other_ground.top_1, other_ground.colour, other_ground.background) == (1, 1, 0)


def test_an_empty_ground_shows_nothing_known(judge: Judge):
    grounds = [numpy.full((128, 128, 3), level, dtype=numpy.uint8) for level in (20, 140, 250)]
    assert [opinion.thing for opinion in judge.look(grounds)] == [NOTHING] * 3


def test_spoiled_shapes_are_rarely_taken_for_what_they_were(judge: Judge):
    random = seeded(5)
    pictures = painted(SHAPE_SCENES, side=64)
    others = pictures[7:] + pictures[:7]
    spoiled = [spoil(*pair, random) for pair in zip(pictures, others, strict=True)]
    result = score(judge, SHAPE_SCENES, spoiled)
    assert result.top_1 < 0.25
    assert result.sureness < 0.25


def test_each_of_two_figures_is_judged_by_itself_and_in_its_order(judge: Judge):
    pair = shape("star", "yellow"), shape("heart", "red")
    scene = Scene(figures=pair, background="blue")
    swapped = Scene(figures=pair[::-1], background="blue")
    pictures = painted([scene])
    assert score(judge, [scene], pictures).top_1 == 1
    assert score(judge, [swapped], pictures).top_1 == 0
    assert score(judge, [swapped], pictures).background == 1


def test_a_shape_at_a_place_is_looked_for_there(judge: Judge):
    figures = (shape("cross", "red"),)
    there = Scene(figures=figures, background="white", place="top left")
    elsewhere = Scene(figures=figures, background="white", place="bottom right")
    pictures = painted([there])
    assert score(judge, [there], pictures).top_1 == 1
    assert score(judge, [elsewhere], pictures).top_1 == 0


def test_likeness_falls_as_a_picture_fades_into_another(judge: Judge):
    scenes = [scene for scene in SHAPE_SCENES if scene.background != "white"]
    pictures = painted(scenes)
    blank = [numpy.broadcast_to(one[1, 1], one.shape) for one in pictures]
    faded = [
        (one * 0.3 + ground * 0.7).astype(numpy.uint8)
        for one, ground in zip(pictures, blank, strict=True)
    ]
    means = [sum(likeness(judge, scenes, some)) for some in (pictures, faded, blank)]
    assert means == sorted(means, reverse=True)


@pytest.mark.parametrize("name", STYLES)
def test_a_style_is_told_from_the_plain_art(judge: Judge, name: str):
    plain = painted(SHAPE_SCENES)
    styled = [STYLES[name](picture) for picture in plain]
    assert sum(one.style == PLAIN for one in judge.look(plain)) >= 0.9 * len(plain)
    assert sum(one.style == name for one in judge.look(styled)) >= 0.75 * len(plain)


def test_there_is_nothing_to_say_of_no_pictures(judge: Judge):
    with pytest.raises(ValueError, match="no picture"):
        score(judge, [], [])


def test_the_judge_knows_the_whole_vocabulary_and_is_small(judge: Judge):
    names = {thing.name for thing in (*SHAPES, *OBJECTS)}
    assert set(judge.words.things) == {*names, NOTHING}
    assert sum(weight.numel() for weight in judge.network.parameters()) <= 500_000
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) <= 1_200_000


def test_a_judge_is_read_as_it_was_written(judge: Judge, tmp_path: Path):
    again = load_judge(save_judge(judge, tmp_path))
    pictures = painted(SHAPE_SCENES[:4])
    assert again.look(pictures) == judge.look(pictures)


def some_art() -> Art:
    """Give every object a pattern of its own."""
    noise = numpy.random.default_rng(0)
    opaque = numpy.full((128, 128), 255, numpy.uint8)
    patterns = noise.integers(0, 255, (len(OBJECTS), 6, 6, 3), numpy.uint8)
    large = patterns.repeat(22, axis=1).repeat(22, axis=2)[:, :128, :128]
    drawings = [numpy.dstack([pattern, opaque]) for pattern in large]
    names = [thing.name for thing in OBJECTS]
    return Art(objects=dict(zip(names, drawings, strict=True)), others=tuple(drawings[:10]))


def test_a_fit_from_other_art_knows_that_art():
    art, random = some_art(), seeded(2)
    fitted = fit_judge(Fit(painted=900, soft=0), art, autoencoder=None)
    hits = count_hits(fitted, [paint_plain(art, random) for _ in range(60)])
    assert hits["thing"] > 0.5
    assert hits["background"] > 0.9
    assert count_hits(fitted, [paint_mush(art, random) for _ in range(20)])["thing"] > 0.5


@pytest.mark.parametrize("lesson", [WHOLE_LESSON, FIRST_LESSON])
def test_an_exam_asks_for_the_taught_except_where_it_says_so(lesson):
    exam = set_exam(lesson)
    taught = [*exam["shapes"], *exam["objects"]]
    assert not any(is_held_out(scene) for scene in taught)
    assert {scene.figures[0].thing for scene in taught} == {*lesson.shapes, *lesson.objects}
    unseen = unseen_scenes(lesson)
    assert len(set(unseen)) == 20
    assert all(is_held_out(scene) for scene in unseen)
    known = {*lesson.shapes, *lesson.objects}
    assert all(
        figure.thing in known for part in exam.values() for s in part for figure in s.figures
    )


def test_a_scene_is_asked_for_in_plain_words():
    star, heart = shape("star", "red"), shape("heart", "orange")
    apple = Figure(thing=OBJECTS[0])
    assert ask(Scene(figures=(star,), background="white")) == "a red star"
    assert ask(Scene(figures=(apple,), background="blue")) == "an apple on a blue background"
    both = Scene(figures=(star, heart), background="white")
    assert ask(both) == "a red star and an orange heart"
    corner = Scene(figures=(star,), background="orange", place="top left")
    assert ask(corner) == "a red star in the top left on an orange background"


def test_the_network_gives_every_word_a_score():
    words = load_judge().words
    heads = JudgeNetwork(words)(torch.zeros(2, 3, 64, 64))
    counts = [len(words.things), len(words.colours), len(words.backgrounds), len(words.styles)]
    assert [tuple(head.shape) for head in heads] == [(2, count) for count in counts]
