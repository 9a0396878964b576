"""The committed starter models draw what is asked for: a judge apart from them looks at it."""

import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path

import numpy
import pytest
import torch

import gpu_worker
from backend.contracts import FAMILY_SAMPLERS, ModelFamily, Sampler
from gpu_worker.compose.composer import load_model
from gpu_worker.families import open_family
from gpu_worker.render.drawing import DrawOrder
from gpu_worker.render.pipeline import Renderer
from gpu_worker.samplers import open_sampler
from gpu_worker.starter.judge import Judge, likeness, load_judge, score
from gpu_worker.starter.judge.exam import ask
from gpu_worker.starter.scenes import Figure, Scene
from gpu_worker.starter.vocabulary import FIRST_LESSON
from tests.fakes.engines import draw_alone
from tests.integration.gpu_worker.conftest import a_render_job

ROOT = Path(gpu_worker.__file__).parents[1]
MODELS = ROOT / "gpu_worker" / "starter" / "models"
FAMILIES = [family for family in ModelFamily if (MODELS / family).is_dir()]
GUIDED_BY_TWO_LOOKS = [family for family in FAMILIES if family is not ModelFamily.FLUX]
PAIRS = [(family, sampler) for family in FAMILIES for sampler in FAMILY_SAMPLERS[family]]
THINGS = {thing.name: thing for thing in (*FIRST_LESSON.shapes, *FIRST_LESSON.objects)}


def scene(name: str, background: str, colour: str | None = None) -> Scene:
    return Scene(figures=(Figure(thing=THINGS[name], colour=colour),), background=background)


STAR = scene("star", "blue", "red")
EASY = (STAR, scene("apple", "teal"))
HARD = (
    scene("cat", "pink", "green"),
    scene("rocket", "yellow"),
    scene("moon", "gray", "purple"),
    scene("frog", "teal", "red"),
)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def judge() -> Judge:
    return load_judge()


@cache
def open_renderer(family: ModelFamily) -> Renderer:
    model = load_model(family, str(MODELS / family), device="cpu", dtype="float32")
    opened = open_family(family, model)
    return Renderer(
        family=opened,
        open_sampler=partial(open_sampler, family=family, scheduler_config=opened.scheduler_config),
    )


def draw(
    family: ModelFamily, prompt: str, *, count: int = 4, **fields: object
) -> list[numpy.ndarray]:
    """Draw pictures of seeds one after another, as a worker draws them."""
    job = a_render_job(family=family, prompt=prompt, image_count=count, seed=1, **fields)
    drawing = draw_alone(open_renderer(family), DrawOrder(job=job))
    return [numpy.asarray(picture) for picture in drawing.pictures]


def draw_all(
    family: ModelFamily, scenes: Sequence[Scene], **fields: object
) -> tuple[list[Scene], list[numpy.ndarray]]:
    pictures = [(one, picture) for one in scenes for picture in draw(family, ask(one), **fields)]
    asked, drawn = zip(*pictures, strict=True)
    return list(asked), list(drawn)


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def test_every_folder_loads_in_stock_diffusers_where_this_project_is_not():
    program = f"""
        import sys

        # An editable install may have put the project in reach.
        sys.path = [path for path in sys.path if path != {str(ROOT)!r}]
        sys.meta_path = [one for one in sys.meta_path if "editable" not in repr(one).lower()]
        import importlib.util

        assert importlib.util.find_spec("gpu_worker") is None

        from diffusers import DiffusionPipeline

        for folder in {[str(MODELS / family) for family in FAMILIES]!r}:
            pipeline = DiffusionPipeline.from_pretrained(folder)
            pipeline.set_progress_bar_config(disable=True)
            size = dict(width=128, height=128, num_inference_steps=2)
            picture = pipeline("a red star on a blue background", **size).images[0]
            assert picture.size == (128, 128)
            assert len(picture.getcolors(1 << 16)) > 1
            print(type(pipeline).__name__)
    """
    environment = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PATH": ""}
    done = subprocess.run(  # noqa: S603 a program of ours
        [sys.executable, "-I", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        cwd="/",
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == len(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_red_star_on_a_blue_background_is_one(judge: Judge, family: ModelFamily):
    (opinion,) = judge.look(draw(family, ask(STAR), count=1))
    assert (opinion.thing, opinion.colour, opinion.background) == ("star", "red", "blue")


def test_guidance_brings_pictures_nearer_to_their_prompts(judge: Judge):
    loose, guided = (
        mean(
            likeness(
                judge,
                *draw_all(ModelFamily.SDXL, HARD, count=3, steps=12, guidance=scale),
            )
        )
        for scale in (1.0, 3.0)
    )
    assert 1 - guided < (1 - loose) / 2


@pytest.mark.parametrize("family", FAMILIES)
def test_much_guidance_drives_the_contrast_up(family: ModelFamily):
    loose, strict = (
        mean([float(picture.std()) for picture in draw_all(family, EASY, count=2, **fields)[1]])
        for fields in ({"guidance": 1.0}, {"guidance": 8.0})
    )
    assert strict > loose


@pytest.mark.parametrize("family", GUIDED_BY_TWO_LOOKS)
def test_a_negative_prompt_keeps_away_what_would_often_be_drawn(judge: Judge, family: ModelFamily):
    # An empty prompt leaves the choice; as in what they were taught, white is the commonest ground.
    free, kept_off = (
        mean([opinion.backgrounds["white"] for opinion in judge.look(pictures)])
        for pictures in (
            draw(family, "", count=10, steps=12, negative_prompt=negative)
            for negative in ("", "white background")
        )
    )
    assert free > 0.3
    assert kept_off < free / 2


@pytest.mark.parametrize(("family", "sampler"), PAIRS)
def test_each_sampler_arrives_at_what_was_asked_for(
    judge: Judge, family: ModelFamily, sampler: Sampler
):
    hasty = likeness(judge, *draw_all(family, EASY, sampler=sampler, steps=1, count=1))
    asked, pictures = draw_all(family, EASY, sampler=sampler, steps=16, count=2)
    assert mean(likeness(judge, asked, pictures)) > mean(hasty)
    result = score(judge, asked, pictures)
    assert (result.top_5, result.background) == (1, 1)
