"""Jobs that wear other adapters take their steps apart, each in its own."""

from collections.abc import Sequence
from functools import partial

import pytest

from gpu_worker.engine.loop import Engine
from gpu_worker.family import Family
from gpu_worker.render.drawing import DrawOrder, Run
from gpu_worker.render.pipeline import Renderer
from gpu_worker.samplers import open_sampler
from gpu_worker.state import BadRequest, ModelMissing
from tests.fakes.engines import draw_alone, ignore
from tests.unit.gpu_worker.conftest import a_render_job


class NotingRenderer(Renderer):
    """Notes what is worn at each look, and by whom it is shared."""

    def __init__(self, family: Family) -> None:
        self.worn: tuple[str, ...] = ()
        self.looks: list[tuple[tuple[str, ...], int]] = []
        super().__init__(
            family=family,
            open_sampler=partial(
                open_sampler, family=family.name, scheduler_config=family.scheduler_config
            ),
            dress=self.dress,
        )

    def dress(self, adapters: Sequence[str]) -> None:
        self.worn = tuple(adapters)
        if "nowhere" in adapters:
            raise ModelMissing("There is no LoRA named nowhere here.")

    def step(self, runs: Sequence[Run]) -> None:
        super().step(runs)
        self.looks.append((self.worn, len(runs)))


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
    with pytest.raises(ModelMissing):
        draw_alone(renderer, an_order(1, "nowhere"))
    assert draw_alone(renderer, an_order(2)).pictures
    assert draw_alone(renderer, an_order(3, "fox")).pictures
    assert [worn for worn, _ in renderer.looks] == [(), (), ("fox",), ("fox",)]


def test_a_worker_without_a_wardrobe_refuses_a_job_with_adapters(renderer: Renderer):
    with pytest.raises(BadRequest, match="wears no LoRAs"):
        draw_alone(renderer, an_order(1, "fox"))
