"""A board of gauges as a table for people, in 80 columns, and as JSON for programs; pure."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Final

from backend.cli.terminal import Style, plain
from backend.domain.families import ModelFamily
from backend.domain.tiers import TIER_POLICIES, Tier
from backend.domain.workers import WorkerState
from backend.scheduling.gauges import Board, FamilyGauges, TierGauges

# The leader tells every second; figures older than this are said to be old.
OLD_S: Final = 5.0
ALARMING: Final = (WorkerState.UNHEALTHY, WorkerState.ERROR)
LEGEND: Final = (
    "sent: begins in a moment. share, due, Jain: of the last 5 minutes.",
    "p50, p90: jobs that began in the time they were told. promoted: out of turn.",
)
Cell = Callable[[TierGauges], str]
COLUMNS: Final[Sequence[tuple[str, int, Cell]]] = (
    ("wait", 6, lambda t: str(t.waiting)),
    ("sent", 5, lambda t: str(t.handed_out)),
    ("drawn", 6, lambda t: str(t.running)),
    ("oldest", 7, lambda t: duration(t.oldest_s) if t.waiting else "-"),
    ("share", 6, lambda t: percent(t.share)),
    ("due", 5, lambda t: percent(t.due_share)),
    ("Jain", 6, lambda t: "-" if t.jain is None else f"{t.jain:.2f}"),
    ("p50", 5, lambda t: percent(t.p50_coverage)),
    ("p90", 5, lambda t: percent(t.p90_coverage)),
    ("served", 7, lambda t: duration(t.ended_gpu_s)),
    ("begun", 6, lambda t: str(t.begun)),
    ("promoted", 9, lambda t: str(t.promoted)),
)


def table(board: Board, *, now: datetime, style: Style = plain) -> list[str]:
    """Return the lines of the table; `style` makes some of it bold or coloured."""
    lines = [_headline(board, now, style)]
    shown = [family for family in ModelFamily if _is_shown(board, family)]
    for family in shown:
        lines += ["", *_family(board, family, now.timestamp(), style)]
    if board.families and not shown:
        lines += ["", "Nobody waits, and no worker is there."]
    if shown:
        lines += ["", *(style(line, "dim") for line in LEGEND)]
    return lines


def as_json(board: Board) -> str:
    """Return the board as one JSON object; a family of which nothing is told has only workers."""
    families = {}
    for family in ModelFamily:
        told = board.families.get(family)
        figures = {} if told is None else asdict(told)
        families[family.value] = {
            "workers": board.workers.get(family, 0),
            "states": dict(board.states.get(family, {})),
            **figures,
        }
    return json.dumps({"is_led": board.is_led, "families": families})


def duration(seconds: float) -> str:
    """Write a time in at most six characters."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 100 * 3600:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86400}d"


def percent(part: float | None) -> str:
    """Write a share; a dash for what is not known."""
    return "-" if part is None else f"{part:.0%}"


def _headline(board: Board, now: datetime, style: Style) -> str:
    at = f"Impasto at {now.astimezone():%H:%M:%S}"
    if board.is_led:
        workers = sum(board.workers.values())
        slots = sum(gauges.slots for gauges in board.families.values())
        return style(f"{at}: {_workers(workers, slots)}.", "bold")
    if board.families:
        return style(f"{at}: no dispatcher leads, and nothing is handed out.", "alarm")
    return style(f"{at}: no dispatcher leads, and nobody knows what waits.", "alarm")


def _is_shown(board: Board, family: ModelFamily) -> bool:
    gauges = board.families.get(family)
    return gauges is not None and bool(
        board.workers.get(family)
        or gauges.slots
        or any(tier.waiting or tier.running or tier.begun for tier in gauges.tiers.values())
    )


def _family(board: Board, family: ModelFamily, now_s: float, style: Style) -> list[str]:
    gauges = board.families[family]
    workers = board.workers.get(family, 0)
    titles = f"{'':6}" + "".join(f"{title:>{width}}" for title, width, _ in COLUMNS)
    rows = [_row(tier, gauges.tiers.get(tier, TierGauges()), style) for tier in Tier]
    states = _states(board.states.get(family, {}), style)
    return [
        _summary(family, gauges, workers, now_s, style),
        *states,
        style(titles, "dim"),
        *rows,
    ]


def _summary(
    family: ModelFamily, gauges: FamilyGauges, workers: int, now_s: float, style: Style
) -> str:
    old_s = now_s - gauges.at_s
    age = f" ({duration(old_s)} ago)" if old_s > OLD_S else ""
    waits = f"{gauges.waiting} wait" if gauges.waiting != 1 else "1 waits"
    if gauges.slots == 0:
        is_bad = gauges.waiting > 0
        text = f"{family}: {waits}, no worker is there{age}"
        return style(text, "alarm" if is_bad else "bold")
    drained = ""
    if gauges.drain_s:
        drained = f", all drawn in about {duration(gauges.drain_s)}"
    return style(f"{family}: {waits}, {_workers(workers, gauges.slots)}{drained}{age}", "bold")


def _states(states: Mapping[WorkerState, int], style: Style) -> list[str]:
    """Say what the workers do, what is wrong first; nothing where nobody says."""
    if not states:
        return []
    parts = []
    for state in sorted(states, key=lambda one: (one not in ALARMING, one)):
        part = f"{states[state]} {state.replace('_', ' ')}"
        parts.append(style(part, "alarm") if state in ALARMING else part)
    return [f"workers: {', '.join(parts)}"]


def _row(tier: Tier, gauges: TierGauges, style: Style) -> str:
    promised_s = TIER_POLICIES[tier].longest_wait_s
    is_late = promised_s is not None and gauges.oldest_s > promised_s
    cells = [
        style(cell, "warning") if is_late and title == "oldest" else cell
        for title, cell in ((title, f"{cell(gauges):>{width}}") for title, width, cell in COLUMNS)
    ]
    return f"{tier.value:6}{''.join(cells)}"


def _workers(workers: int, slots: int) -> str:
    return f"{workers} worker{'' if workers == 1 else 's'}, {slots} slot{'' if slots == 1 else 's'}"
