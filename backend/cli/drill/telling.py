"""What a drill says: one JSON object for programs, a table for people, a log for afterwards."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import structlog

from backend.cli.drill.ledger import quantile
from backend.cli.drill.outcome import Outcome
from backend.cli.drill.plan import FaultKind
from backend.cli.drill.recovery import Blow
from backend.cli.terminal import say


def tell(outcome: Outcome, *, as_json: bool) -> None:
    """Print the books."""
    if as_json:
        say(json.dumps(asdict(outcome.ledger)))
        return
    for name, value in asdict(outcome.ledger).items():
        say(f"{name:16} {'-' if value is None else value}")
    if outcome.untold:
        say(f"{outcome.untold} jobs have committed events that were never published.")
    if outcome.unshown:
        say(f"{outcome.unshown} Discord messages do not show their job's end.")
    say("")
    say(f"{'fault':24}{'times':>6}{'idle':>6}{'recovery p50':>14}{'p95':>8}{'all in hand p95':>17}")
    for kind in FaultKind:
        blows = [blow for blow in outcome.blows if blow.kind is kind]
        if blows:
            say(_row(kind, blows))
    settling_s = [blow.settling_s for blow in outcome.blows if blow.settling_s is not None]
    p50_s, p95_s = (_seconds(quantile(settling_s, share)) for share in (0.5, 0.95))
    say(f"\nAll work in hand moved again: p50 {p50_s} s, p95 {p95_s} s.")


def _row(kind: FaultKind, blows: Sequence[Blow]) -> str:
    recovery_s = [blow.recovery_s for blow in blows if blow.recovery_s is not None]
    settling_s = [blow.settling_s for blow in blows if blow.settling_s is not None]
    idle = len(blows) - len(recovery_s)
    return (
        f"{kind:24}{len(blows):>6}{idle:>6}{_seconds(quantile(recovery_s, 0.5)):>14}"
        f"{_seconds(quantile(recovery_s, 0.95)):>8}{_seconds(quantile(settling_s, 0.95)):>17}"
    )


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Write what this process itself logs to a file: standard output is the ledger's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    before = structlog.get_config()
    with path.open("a", encoding="utf-8") as file:
        structlog.configure(
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
            logger_factory=structlog.PrintLoggerFactory(file=file),
        )
        try:
            yield
        finally:
            structlog.configure(**before)
