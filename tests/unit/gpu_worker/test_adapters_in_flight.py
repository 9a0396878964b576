"""Jobs that wear other adapters take their steps apart, each in its own."""

from collections.abc import Sequence
from functools import partial

import pytest

from backend.contracts import PromptPart, PromptTerm, RenderNote
from gpu_worker.engine.loop import Engine
from gpu_worker.family import Family
from gpu_worker.render.drawing import DrawOrder, Run
from gpu_worker.render.dresser import Outfit, call_styles
from gpu_worker.render.pipeline import Renderer
from gpu_worker.samplers import open_sampler
from gpu_worker.state import AdapterMissing, BadRequest
from tests.fakes.engines import draw_alone, ignore
from tests.unit.gpu_worker.conftest import a_render_job


class NotingDresser:
    """Notes what is worn; there is no LoRA named nowhere, and one is called by a word."""

    def __init__(self) -> None:
        self.worn: tuple[str, ...] = ()

    def dress_encoders(self, outfit: Outfit) -> Outfit:
        if any(use.name == "nowhere" for use in outfit):
            raise AdapterMissing("There is no LoRA named nowhere here.")
        return outfit

    def dress_network(self, outfit: Outfit) -> None:
        self.worn = tuple(use.name for use in outfit)

    def words_for(self, outfit: Outfit) -> Sequence[str]:
        return [f"{use.name} style" for use in outfit if use.name == "owl"]


class NotingRenderer(Renderer):
    """Notes what is worn at each look, and by whom it is shared."""

    def __init__(self, family: Family) -> None:
        self.dresser = NotingDresser()
        self.looks: list[tuple[tuple[str, ...], int]] = []
        super().__init__(
            family=family,
            open_sampler=partial(
                open_sampler, family=family.name, scheduler_config=family.scheduler_config
            ),
            dresser=self.dresser,
        )

    def step(self, runs: Sequence[Run]) -> None:
        super().step(runs)
        self.looks.append((self.dresser.worn, len(runs)))


def an_order(seed: int, *adapters: str) -> DrawOrder:
    return DrawOrder(job=a_render_job(seed=seed, adapters=adapters, steps=2))


def test_jobs_share_a_look_only_in_the_same_adapters(sdxl: Family):
    renderer = NotingRenderer(sdxl)
    engine = Engine(open_artist=lambda: renderer)
    orders = [an_order(1), an_order(2, "fox"), an_order(3, "fox"), an_order(4)]
    drawn = [engine.submit(order, ignore) for order in orders]
    engine.start()
    engine.close()
    assert all(one.result(timeout=0).pictures for one in drawn)
    assert renderer.looks == [((), 2)] * 2 + [(("fox",), 2)] * 2


def test_adapters_that_cannot_be_worn_end_their_own_job_alone(sdxl: Family):
    renderer = NotingRenderer(sdxl)
    with pytest.raises(AdapterMissing):
        draw_alone(renderer, an_order(1, "nowhere"))
    assert draw_alone(renderer, an_order(2)).pictures
    assert draw_alone(renderer, an_order(3, "fox")).pictures
    assert [worn for worn, _ in renderer.looks] == [(), (), ("fox",), ("fox",)]


def test_a_worker_without_a_wardrobe_refuses_a_job_with_adapters(renderer: Renderer):
    with pytest.raises(BadRequest, match="wears no LoRAs"):
        draw_alone(renderer, an_order(1, "fox"))


def test_the_words_of_a_style_are_added_and_told_of(sdxl: Family):
    drawn = draw_alone(NotingRenderer(sdxl), an_order(1, "owl"))
    assert RenderNote.WORDS_ADDED in drawn.notes
    spoken = DrawOrder(job=a_render_job(seed=1, prompt="a fox in the snow, owl style", steps=2))
    assert drawn.pictures == draw_alone(NotingRenderer(sdxl), spoken).pictures
    assert draw_alone(NotingRenderer(sdxl), an_order(1)).notes == ()


@pytest.mark.parametrize(
    ("prompt", "words", "called"),
    [
        ("a fox", ["pxl"], "a fox, pxl"),
        ("a Pxl fox", ["pxl"], "a Pxl fox"),
        ("a pxls fox", ["pxl", "sharp edges"], "a pxls fox, pxl, sharp edges"),
        ("a fox", [], "a fox"),
        ("a (c++) fox", ["c++"], "a (c++) fox"),
    ],
)
def test_only_words_that_are_missing_are_added(prompt: str, words: list[str], called: str):
    assert call_styles(a_render_job(prompt=prompt), words).prompt == called


def test_words_are_added_to_the_first_part_at_their_plain_weight():
    parts = (
        PromptPart(terms=(PromptTerm(text="a fox"),), weight=2.0),
        PromptPart(terms=(PromptTerm(text="owl style snow", weight=1.3),)),
    )
    job = a_render_job(prompt="a fox::2 (owl style snow:1.3)", parts=parts)
    assert call_styles(job, ["owl style"]) is job
    first, second = call_styles(job, ["ink", "snow"]).parts
    assert [term.text for term in first.terms] == ["a fox", ", ink"]
    assert (first.weight, second) == (2.0, parts[1])
