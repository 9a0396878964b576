"""An engine of one order: how a test has a single job drawn."""

from gpu_worker.engine.loop import Engine
from gpu_worker.render.drawing import Artist, Drawing, DrawOrder, OnStep


def ignore(done: int, steps: int) -> None:
    """Take a step for granted."""


def draw_alone(artist: Artist, order: DrawOrder, on_step: OnStep = ignore) -> Drawing:
    """Draw an order with nobody beside it, on an engine's thread; raise what it raises."""
    engine = Engine(open_artist=lambda: artist)
    engine.start()
    try:
        return engine.submit(order, on_step).result()
    finally:
        engine.close()
