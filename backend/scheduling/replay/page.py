"""The figures of a comparison as one self-contained page: a table, and waits as curves."""

from collections.abc import Mapping, Sequence
from html import escape
from math import log10

from backend.domain.tiers import Tier
from backend.scheduling.replay.compare import PolicyFigures
from backend.scheduling.replay.policies import PolicyName

COLOURS = {
    PolicyName.OURS: "#0a7d5a",
    PolicyName.FIFO: "#b3541e",
    PolicyName.ROUND_ROBIN: "#6b4fa3",
    PolicyName.STRICT: "#b0305c",
    PolicyName.WEIGHTED_RANDOM: "#2d6da8",
}
WIDTH, HEIGHT, MARGIN = 360, 240, 40
WAIT_MIN_S, WAIT_MAX_S = 0.1, 10000.0
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem;
  color: #1c1c1c; background: #fff }
table { border-collapse: collapse } th, td { padding: .25rem .75rem; text-align: right }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left } tr { border-bottom: 1px solid #ddd }
figure { display: inline-block; margin: 1rem 1rem 0 0 } svg text { font-size: 11px; fill: #555 }
@media (prefers-color-scheme: dark) { body { background: #16181a; color: #e8e8e8 }
  tr { border-color: #333 } svg text { fill: #aaa } }
"""


def make_page(figures: Mapping[PolicyName, PolicyFigures], *, title: str) -> str:
    """Return the page."""
    plots = "".join(_plot(tier, figures) for tier in Tier)
    legend = " · ".join(
        f'<span style="color:{COLOURS[name]}">■</span> {escape(name)}' for name in figures
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style><h1>{escape(title)}</h1>{_table(figures)}"
        f"<h2>How long jobs waited</h2><p>Share of jobs that began within so many seconds. "
        f"{legend}</p>{plots}</html>\n"
    )


def _table(figures: Mapping[PolicyName, PolicyFigures]) -> str:
    head = "".join(
        f"<th>{name}</th>"
        for name in (
            "policy", "tier", "jobs", "p50 s", "p95 s", "over 5 min", "light users over 5 min",
            "share", "Jain",
        )
    )  # fmt: skip
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{tier}</td><td>{row.jobs}</td><td>{row.p50_s:.2f}</td>"
        f"<td>{row.p95_s:.2f}</td><td>{row.over_5min_share:.1%}</td>"
        f"<td>{row.light_over_5min_share:.1%}</td><td>{row.share:.1%}</td>"
        f"<td>{row.jain:.3f}</td></tr>"
        for name, policy in figures.items()
        for tier, row in policy.tiers.items()
    )
    return f"<table><tr>{head}</tr>{rows}</table>"


def _plot(tier: Tier, figures: Mapping[PolicyName, PolicyFigures]) -> str:
    lines = "".join(
        f'<polyline fill="none" stroke="{COLOURS[name]}" stroke-width="2" '
        f'points="{_points(policy.curves[tier])}"/>'
        for name, policy in figures.items()
        if tier in policy.curves
    )
    ticks = "".join(
        f'<text x="{_x(seconds):.0f}" y="{HEIGHT - MARGIN + 16}" text-anchor="middle">{label}'
        "</text>"
        f'<line x1="{_x(seconds):.0f}" x2="{_x(seconds):.0f}" y1="8" y2="{HEIGHT - MARGIN}" '
        'stroke="#8884"/>'
        for seconds, label in (
            (0.1, "0.1"), (1, "1"), (10, "10"), (60, "1 min"), (300, "5 min"), (3600, "1 h"),
        )
    )  # fmt: skip
    levels = "".join(
        f'<text x="{MARGIN - 6}" y="{_y(part) + 4:.0f}" text-anchor="end">{part:.0%}</text>'
        for part in (0, 0.5, 0.95)
    )
    return (
        f'<figure><figcaption>{tier}</figcaption><svg width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" aria-label="waits in {tier}">{ticks}{levels}{lines}</svg></figure>'
    )


def _points(curve: Sequence[float]) -> str:
    last = len(curve) - 1
    return " ".join(
        f"{_x(wait_s):.1f},{_y(place / last):.1f}" for place, wait_s in enumerate(curve)
    )


def _x(seconds: float) -> float:
    seconds = min(WAIT_MAX_S, max(WAIT_MIN_S, seconds))
    part = log10(seconds / WAIT_MIN_S) / log10(WAIT_MAX_S / WAIT_MIN_S)
    return MARGIN + part * (WIDTH - MARGIN - 10)


def _y(part: float) -> float:
    return HEIGHT - MARGIN - part * (HEIGHT - MARGIN - 8)
