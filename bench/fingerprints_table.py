"""Writes down what `fingerprints.py` measured."""

import json
from pathlib import Path

from watermark import rows_of

from safety.fingerprint import MATCH_DISTANCE, Fingerprint, HashIndex

HEAD = """\
# Fingerprints

What finding copies costs among ten million hashes, and which copies are found: PDQ, distance at
most 31, quality above 49. Made by `python bench/fingerprints.py speed`, `read`, `read-ids`,
`faiss`, `recall` and `render`; its head says what each does. One thread; the machine had other
work, so read the ratios.
"""
# What was measured with more pictures, before two things were changed because of it.
BEFORE = """\
## Before

98 pictures, when signs of frequencies were turned instead of pictures and bars were not looked for:
mirrored 0.89 to 0.90 whole, turned by half 0.81, with a caption 0.02 as an upload; JPEG 50 and WebP
50 0.97, resized to 50 % 0.96, +30 % 0.94, cut to 98 % of each side 0.55. Of 9,476 unrelated pairs 7
were taken for copies: five of pictures of stripes, two of a snail that the starter drew twice.
"""
KINDS = ("photograph", "starter", "synthetic")


def render(cache: Path) -> str:
    speed = _load(cache, "speed")
    parts = [HEAD, _speed(speed), _compared(speed, _load(cache, "faiss"))]
    parts.append(_read(_load(cache, "read"), _load(cache, "read-ids")))
    rows = rows_of(cache / "recall.jsonl")
    parts += [_recall(rows), _false(rows)]
    return "\n".join(part for part in [*parts, BEFORE] if part)


def _load(cache: Path, name: str) -> dict:
    path = cache / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _speed(facts: dict) -> str:
    if not facts:
        return ""
    count = facts["hashes"]
    found, sought = facts["found"]
    lines = [
        f"## The index, {count:,} hashes\n",
        "| | |\n|---|---|",
        f"| built in | {facts['build_s']:.1f} s ({facts['build_cpu_s']:.1f} s of a processor) |",
        f"| held in memory | {_mib(facts['size_bytes'])}, {facts['size_bytes'] / count:.1f} bytes "
        "a hash, the hash's own 32 among them |",
        f"| most taken while it is built | {_mib(facts['peak_bytes'])}, the whole process |",
        f"| copies with 0 to 31 bits changed that are found | {found:,} of {sought:,} |",
        "\n| one picture | p50 | p99 | pictures |\n|---|---|---|---|",
    ]
    for name, title in (
        ("picture_warm", "8 ways round, warm"),
        ("picture_cold", "8 ways round, processor's caches cold"),
        ("upload_warm", "8 ways round, whole and in 25 parts (208 hashes), warm"),
        ("upload_cold", "the same, cold"),
    ):
        one = facts[f"{name}_ms"]
        lines.append(f"| {title} | {one['p50']:.1f} ms | {one['p99']:.1f} ms | {one['count']} |")
    lines.append(f"\nThe very first question took {facts['first_ms']:.1f} ms.\n")
    return "\n".join(lines)


def _compared(speed: dict, faiss: dict) -> str:
    if not speed:
        return ""
    mine, scan = speed["picture_warm_ms"]["p50"], speed["scan_ms"]["p50"]
    lines = [
        "## Beside others\n",
        "One picture, 8 ways round, the same hashes.\n",
        "| | built in | memory | p50 | times as long as ours |\n|---|---|---|---|---|",
        f"| ours | {speed['build_s']:.1f} s | {_mib(speed['size_bytes'])} | {mine:.1f} ms | 1 |",
        f"| comparing with all, numpy | | {_mib(32 * speed['hashes'])} | {scan:,.0f} ms | "
        f"{scan / mine:,.0f} |",
    ]
    for name, one in faiss.items():
        if isinstance(one, dict):
            p50 = one["picture_ms"]["p50"]
            lines.append(
                f"| faiss {faiss['version']}, {name} | {one['build_s']:.1f} s | "
                f"{_mib(one['size_bytes'])} | {p50:,.1f} ms | {p50 / mine:.1f} |"
            )
    return "\n".join(lines) + "\n"


def _read(plain: dict, with_ids: dict) -> str:
    if not plain or not with_ids:
        return ""
    lines = [
        "## A list from its file\n",
        "| | file | read and indexed in | held | most taken meanwhile |\n|---|---|---|---|---|",
    ]
    lines += [
        f"| {title}, {one['hashes']:,} | {_mib(one['file_bytes'])} | {one['read_s']:.0f} s | "
        f"{_mib(one['held_bytes'])} | {_mib(one['peak_over_start_bytes'])} |"
        for title, one in (("plain hashes", plain), ("hashes with ids of 16 characters", with_ids))
    ]
    return "\n".join(lines) + "\n"


def _recall(rows: list[dict]) -> str:
    told = [row for row in rows if "found" in row]
    if not told:
        return ""
    counts = ", ".join(f"{sum(r['kind'] == kind for r in told)} {kind}" for kind in KINDS)
    lines = [
        f"## Copies that are found: {len(told)} pictures\n",
        f"Of {len(rows)} pictures {len(rows) - len(told)} tell nothing and are not looked up; the "
        f"others are {counts}. *Whole*: 8 ways round, as what is drawn here is looked up. *As an "
        "upload*: in parts too.\n",
        "| | whole | as an upload | worst of those found whole |\n|---|---|---|---|",
    ]
    for title in told[0]["found"]:
        whole = [row["found"][title][0] for row in told]
        parts = [row["found"][title][1] for row in told]
        near = [one for one in whole if one <= MATCH_DISTANCE]
        worst = max(near) if near else ""
        lines.append(f"| {title} | {_share(whole)} | {_share(parts)} | {worst} |")
    return "\n".join(lines) + "\n"


def _share(distances: list[int]) -> str:
    return f"{sum(one <= MATCH_DISTANCE for one in distances) / len(distances):.3f}"


def _false(rows: list[dict]) -> str:
    """Look every picture up, as an upload, among all the others."""
    told = [row for row in rows if "asked" in row]
    if not told:
        return ""
    index = HashIndex.of(bytes.fromhex(row["hash"]) for row in told)
    pairs, wrong = 0, set()
    for row in told:
        sought = [Fingerprint(bytes.fromhex(one), 100) for one in row["asked"]]
        near = {match.row for matches in index.near_each(sought) for match in matches}
        others = {at for at, other in enumerate(told) if not _are_related(row, other)}
        pairs += len(others)
        wrong |= {(row["picture"], told[at]["picture"]) for at in near & others}
    text = (
        "## What is taken for a copy and is none\n\n"
        f"{len(wrong)} of {pairs:,} pairs of unrelated pictures, each looked up as an upload among "
        "the others. Parts of one photograph count as related.\n"
    )
    return (
        text + "".join(f"\n- {one} as {other}" for one, other in sorted(wrong)) + "\n" * bool(wrong)
    )


def _are_related(row: dict, other: dict) -> bool:
    one, two = (each["picture"].split(" #")[0] for each in (row, other))
    return one == two


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"
