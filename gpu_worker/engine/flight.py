"""A job in flight: what was ordered, who is told, and how far it has come."""

from concurrent.futures import Future
from dataclasses import dataclass, field

from gpu_worker.engine.seat import Seat, Stage
from gpu_worker.render.drawing import Drawing, DrawOrder, OnStep, Run


@dataclass(kw_only=True, eq=False)
class Flight:
    """One order from its arrival to its drawing."""

    number: int
    order: DrawOrder
    on_step: OnStep
    ended: Future[Drawing] = field(default_factory=Future)
    run: Run | None = None
    is_parked: bool = False
    ticks_aside: int = 0

    def begun(self) -> Run:
        """Return the run of a job that has begun."""
        if self.run is None:
            raise RuntimeError("asked for the run of a job that has not begun")
        return self.run

    def seat(self) -> Seat:
        """Return what choosing needs to know."""
        if self.run is None:
            return Seat(
                number=self.number,
                tier=self.order.job.tier,
                stage=Stage.WAITING,
                ticks_aside=self.ticks_aside,
            )
        return Seat(
            number=self.number,
            tier=self.order.job.tier,
            stage=Stage.DRAWING if self.run.done < self.run.steps else Stage.FINISHING,
            key=self.run.key,
            outfit=self.run.outfit,
            rows=self.run.rows,
            row_pixels=self.run.row_pixels,
            is_parked=self.is_parked,
            ticks_aside=self.ticks_aside,
        )

    def stand_aside(self, *, is_aside: bool) -> None:
        """Note whether it takes part in this tick."""
        self.is_parked = is_aside and self.run is not None
        self.ticks_aside += is_aside

    def tell(self) -> None:
        """Tell how far it is; whoever listens may raise to end it."""
        run = self.begun()
        self.on_step(run.done, run.steps)
