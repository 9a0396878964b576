"""Writes down what `watermark.py` measured."""

import json
from pathlib import Path

import numpy

# Beside ours: what two published packages did with smaller pictures, as far as they were tried.
FLOOR = """\
Bits right of 48 to 64, mean over 9 to 30 pictures of 768 px, measured with invisible-watermark
0.2.0; a mark is unreadable near 0.5.

| | PSNR | as it was | JPEG 75 | JPEG 50 | WebP 50 | 50 % | crop to 90 % | brightness +30 % |
|---|---|---|---|---|---|---|---|---|
| dwtDct | 38.2 | 0.87 | 0.64 | 0.51 | | 0.53 | 0.50 | |
| dwtDctSvd | 38.1 | 1.00 | 1.00 | 0.98 | 0.81 | 0.53 | 0.51 | 0.47 |
| rivaGan (32 bits) | 41.0 | 0.93 | 0.86 | 0.83 | | 0.92 | 0.91 | |
"""
HEAD = """\
# Watermarks

What a mark survives, what it costs, and what pictures without one look like. Made by
`python bench/watermark.py measure`, `clean`, `time` and `render`; what is measured on is told in
`bench/watermark_pictures.py`.
"""


def render(cache: Path, transforms: list[str]) -> str:
    parts = [HEAD, _spread(rows_of(cache / "spread.jsonl"), transforms)]
    parts.append(_clean(rows_of(cache / "clean.jsonl")))
    if (cache / "times.json").exists():
        parts.append(_times(json.loads((cache / "times.json").read_text())))
    parts.append("## invisible-watermark, the floor\n\n" + FLOOR)
    return "\n".join(parts)


def _spread(rows: list[dict], transforms: list[str]) -> str:
    kinds = sorted({row["kind"] for row in rows})
    lines = [
        f"## spread: {len(rows)} pictures",
        "",
        "Share of pictures found marked, with the right id, at a false-positive rate of 1e-6.",
        "",
        f"| | all | {' | '.join(kinds)} |",
        "|---|---|" + "---|" * len(kinds),
    ]
    groups = [rows, *([row for row in rows if row["kind"] == kind] for kind in kinds)]
    for title in transforms:
        shares = [f"{_share(group, title):.3f}" for group in groups]
        lines.append(f"| {title} | {' | '.join(shares)} |")
    inexact = [
        all(is_named)  # rows of before tell of neither, and count as wrong
        for row in rows
        for present, exact, _, *is_named in row["found"].values()
        if present and not exact
    ]
    wrong = f"Marks found with a wrong id: {sum(inexact)}, with none: {inexact.count(False)}."
    lines += ["", wrong, "", *_costs(groups, kinds)]
    return "\n".join([*lines, "", *_missed(rows)])


def _share(rows: list[dict], title: str) -> float:
    found = [row["found"][title] for row in rows]
    return sum(present and exact for present, exact, *_ in found) / max(1, len(found))


def _costs(groups: list[list[dict]], kinds: list[str]) -> list[str]:
    lines = [f"| cost | all | {' | '.join(kinds)} |", "|---|---|" + "---|" * len(kinds)]
    for name, title, digits in (("psnr", "PSNR, dB", 2), ("ssim", "SSIM", 4)):
        for what, fold in (("mean", numpy.mean), ("worst", numpy.min)):
            cells = [f"{fold([row[name] for row in group]):.{digits}f}" for group in groups]
            lines.append(f"| {title}, {what} | {' | '.join(cells)} |")
    return lines


def _missed(rows: list[dict]) -> list[str]:
    """Tell which pictures lose their mark to one thing alone, be it what it may."""
    lost: dict[str, list[str]] = {}
    for row in rows:
        titles = [title for title, found in row["found"].items() if not found[0]]
        single = [title for title in titles if "," not in title or title.startswith("half")]
        if single:
            lost.setdefault(_about(row), []).extend(single)
    lines = ["Pictures that lose their mark to one of the single changes:", ""]
    lines += [
        f"- {name}: {', '.join(sorted(set(titles)))}" for name, titles in sorted(lost.items())
    ]
    return [*lines, ""] if lost else []


def _about(row: dict) -> str:
    return f"{row['picture']} ({row['size'][0]} x {row['size'][1]})"


def _clean(rows: list[dict]) -> str:
    pictures = sum(row["pictures"] for row in rows)
    if not pictures:
        return ""
    ones = numpy.sum([row["ones"] for row in rows], axis=0) / pictures
    expected = 0.5 / numpy.sqrt(pictures)
    return f"""\
## Clean pictures

| | |
|---|---|
| pictures that nobody marked (160 to 256 px) | {pictures} |
| called marked | {sum(row["hits"] for row in rows)} |
| least p-value seen | {min(row["least"] for row in rows):.2g} |
| share of +1 among all {len(ones)} signs, mean | {ones.mean():.4f} |
| the same of each sign: deviation, expected by chance | {ones.std():.4f}, {expected:.4f} |
| the same, least and most | {ones.min():.3f}, {ones.max():.3f} |
"""


def _times(times: dict[str, float]) -> str:
    lines = ["## Time of a 1024² picture on one core", "", "| | ms |", "|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {1000 * s:.0f} |" for name, s in times.items()), ""])


def rows_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
