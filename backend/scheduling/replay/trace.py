"""A trace: who asked for what when, and how many GPU-seconds it took; as a CSV file."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan
from pathlib import Path

from backend.domain.families import ModelFamily
from backend.domain.tiers import Tier

COLUMNS = ("arrival_s", "user", "tier", "family", "gpu_s", "images", "adapter")
GPU_S_MIN = 1e-3
IMAGES_MAX = 1000


class BadTrace(ValueError):
    """A file that is no trace."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """One request. `gpu_s` is what it takes with its adapter loaded; "" is no adapter."""

    arrival_s: float
    user: str
    tier: Tier
    family: ModelFamily
    gpu_s: float
    images: int = 1
    adapter: str = ""


def read_trace(path: Path) -> list[Arrival]:
    """Read a trace, in order of arrival.

    Raises:
        BadTrace: the file has other columns, or a line that cannot be read.
        OSError: the file cannot be read at all.

    """
    # With a mark of byte order or without: spreadsheets write one.
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise BadTrace(f"{path} has no column {', '.join(missing)}.")
        arrivals = []
        for row in reader:
            try:
                arrivals.append(_arrival(row))
            except ValueError as error:
                raise BadTrace(f"{path}, line {reader.line_num}: {error}.") from error
    if not arrivals:
        raise BadTrace(f"{path} has no requests.")
    return sorted(arrivals, key=lambda arrival: arrival.arrival_s)


def write_trace(path: Path, arrivals: Iterable[Arrival]) -> None:
    """Write a trace."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for each in arrivals:
            writer.writerow(
                (
                    f"{each.arrival_s:.3f}",
                    each.user,
                    each.tier.value,
                    each.family.value,
                    f"{each.gpu_s:.4f}",
                    each.images,
                    each.adapter,
                )
            )


def rescale(
    arrivals: Sequence[Arrival], *, load: float, gpus: Mapping[ModelFamily, int]
) -> list[Arrival]:
    """Stretch or squeeze the time between arrivals until each family's GPUs are loaded so much.

    A load of 1 means that exactly as many GPU-seconds are asked for, from the first arrival to the
    last, as there are. Families are scaled one by one, as no GPU serves two.
    """
    scaled: list[Arrival] = []
    for family, rows in by_family(arrivals).items():
        first_s = rows[0].arrival_s
        span_s = rows[-1].arrival_s - first_s
        slots = gpus.get(family, 0)
        if span_s <= 0 or slots == 0:
            scaled += rows
            continue
        factor = sum(row.gpu_s for row in rows) / (load * slots * span_s)
        scaled += (
            replace(row, arrival_s=first_s + (row.arrival_s - first_s) * factor) for row in rows
        )
    return sorted(scaled, key=lambda arrival: arrival.arrival_s)


def by_family(arrivals: Iterable[Arrival]) -> dict[ModelFamily, list[Arrival]]:
    """Part a trace by family, keeping its order."""
    parted: dict[ModelFamily, list[Arrival]] = defaultdict(list)
    for arrival in arrivals:
        parted[arrival.family].append(arrival)
    return dict(parted)


def _arrival(row: Mapping[str, str | None]) -> Arrival:
    fields = {name: row[name] for name in COLUMNS}
    if None in row or None in fields.values():
        raise ValueError("it has not as many fields as there are columns")
    words = {name: (value or "").strip() for name, value in fields.items()}
    if not words["user"]:
        raise ValueError("user must not be empty")
    return Arrival(
        arrival_s=_number(words, "arrival_s", least=0.0),
        user=words["user"],
        tier=Tier(_one_of(words, "tier", Tier)),
        family=ModelFamily(_one_of(words, "family", ModelFamily)),
        gpu_s=_number(words, "gpu_s", least=GPU_S_MIN),
        images=_images(words["images"]),
        adapter=words["adapter"],
    )


def _number(words: Mapping[str, str], name: str, *, least: float) -> float:
    try:
        number = float(words[name])
    except ValueError:
        number = nan
    if not (isfinite(number) and number >= least):
        raise ValueError(f"{name} must be a number from {least:g} on, not {words[name]!r}")
    return number


def _images(word: str) -> int:
    if not word:
        return 1
    if not (word.isascii() and word.isdecimal() and 0 < int(word) <= IMAGES_MAX):
        raise ValueError(f"images must be a whole number from 1 to {IMAGES_MAX}, not {word!r}")
    return int(word)


def _one_of(words: Mapping[str, str], name: str, known: Iterable[str]) -> str:
    if words[name] not in set(known):
        raise ValueError(f"{name} must be one of {', '.join(known)}, not {words[name]!r}")
    return words[name]
