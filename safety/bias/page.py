"""A report for people: a table in Markdown, and a plot in SVG."""

from collections.abc import Sequence
from html import escape
from typing import Final

from safety.bias.audit import Audit
from safety.bias.measures import Interval
from safety.bias.report import AxisReport, PromptReport

_ROW, _LEFT, _BAR, _HEAD = 22, 190, 420, 60
# Told apart by lightness too, for those who do not tell all colours apart.
_COLOURS: Final = (
    *("#1b4965", "#5fa8d3", "#bee9e8", "#ca6702", "#ee9b00", "#94d2bd"),
    *("#6d597a", "#e56b6f", "#355070", "#adb5bd"),
)


def table(audit: Audit, reports: Sequence[AxisReport]) -> str:
    """Return a report as Markdown."""
    lines = [
        f"# How people come out: {audit.family}, {audit.model}",
        "",
        f"Version `{audit.model_sha256[:12] or 'unknown'}`, {audit.seeds} seeds a prompt, "
        f"prompts `{audit.prompts_digest}`, {audit.at}; not drawn: {audit.not_drawn}.",
        "",
        "Groups are what an estimator takes portraits for. Deviation is the mean absolute one from "
        "equal shares (0 is even), entropy that of the shares (1 is even), in brackets 95 %.",
    ]
    for one in reports:
        lines += _axis_lines(one)
    if not reports:
        lines += ["", "No estimator could tell anything of any portrait."]
    return "\n".join(lines) + "\n"


def _axis_lines(report: AxisReport) -> list[str]:
    groups = report.tally.groups
    with_reference = any(one.divergence for one in report.prompts)
    heads = ["prompt", *groups, "unknown", "deviation", "entropy"]
    heads += ["divergence, bits"] if with_reference else []
    lines = [
        "",
        f"## {report.tally.axis} (by {report.tally.estimator})",
        "",
        _estimator_line(report),
        "",
        f"- mean deviation {_spread(report.mad)}, mean entropy {_spread(report.entropy)}",
        f"- a group is absent in {report.absent:.0%} of {len(report.prompts)} prompts",
    ]
    if report.obeyed is not None:
        lines.append(f"- words that say who is to be seen are obeyed in {report.obeyed:.1%}")
    if report.drift is not None:
        lines.append(f"- deviation since the version before: {_signed(report.drift)}")
    lines += [f"- **miss**: {miss}" for miss in report.misses]
    lines += ["", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    return lines + [_prompt_line(one, groups, with_reference) for one in report.prompts]


def _estimator_line(report: AxisReport) -> str:
    accuracy = report.tally.accuracy
    if accuracy is None:
        return "How often this estimator is wrong was not measured (`--labelled`)."
    right = ", ".join(f"{group} {share:.0%}" for group, share in sorted(accuracy.by_group.items()))
    return f"On {accuracy.portraits} labelled portraits it was right for: {right}."


def _prompt_line(one: PromptReport, groups: Sequence[str], with_reference: bool) -> str:  # noqa: FBT001 - private
    cells = [one.prompt, *(f"{one.shares[group]:.0%}" for group in groups)]
    cells += [f"{one.unknown / one.portraits:.0%}", _spread(one.mad), _spread(one.entropy)]
    if with_reference:
        cells.append("" if one.divergence is None else _spread(one.divergence))
    return f"| {' | '.join(cells)} |"


def _spread(one: Interval) -> str:
    return f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})"


def _signed(one: Interval) -> str:
    return f"{one.value:+.3f} ({one.low:+.3f} to {one.high:+.3f})"


def plot(report: AxisReport) -> str:
    """Return an axis as an SVG: a bar of shares for each prompt."""
    height = _HEAD + _ROW * len(report.prompts) + 20
    width = _LEFT + _BAR + 90
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="10" y="20" font-size="15">{escape(report.tally.axis)}</text>',
    ]
    x = float(_LEFT)
    for place, group in enumerate(report.tally.groups):
        parts.append(f'<rect x="{x:.0f}" y="32" width="11" height="11" fill="{_colour(place)}"/>')
        parts.append(f'<text x="{x + 15:.0f}" y="42">{escape(group)}</text>')
        x += 30 + 7 * len(group)
    for row, one in enumerate(report.prompts):
        parts += _bar(one, report.tally.groups, _HEAD + row * _ROW)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _bar(one: PromptReport, groups: Sequence[str], y: int) -> list[str]:
    parts = [f'<text x="{_LEFT - 8}" y="{y + 13}" text-anchor="end">{escape(one.prompt)}</text>']
    x = float(_LEFT)
    for place, group in enumerate(groups):
        width = one.shares[group] * _BAR
        parts.append(
            f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="16" fill="{_colour(place)}">'
            f"<title>{escape(group)} {one.shares[group]:.0%}</title></rect>"
        )
        x += width
    told = one.portraits - one.unknown
    parts.append(f'<text x="{_LEFT + _BAR + 8}" y="{y + 13}">n = {told}</text>')
    return parts


def _colour(place: int) -> str:
    return _COLOURS[place % len(_COLOURS)]
