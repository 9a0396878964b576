"""Engines for a while: how a test has jobs drawn."""

from collections.abc import Iterator
from contextlib import contextmanager

from gpu_worker.engine.loop import Engine
from gpu_worker.render.drawing import Artist, Drawing, DrawOrder, OnStep


def ignore(done: int, steps: int) -> None:
    """Take a step for granted."""


@contextmanager
def running(artist: Artist) -> Iterator[Engine]:
    """Run an engine with this artist until the block ends."""
    engine = Engine(open_artist=lambda: artist)
    engine.start()
    try:
        yield engine
    finally:
        engine.close()


def draw_alone(artist: Artist, order: DrawOrder, on_step: OnStep = ignore) -> Drawing:
    """Draw an order with nobody beside it, on an engine's thread; raise what it raises."""
    with running(artist) as engine:
        return engine.submit(order, on_step).result()
