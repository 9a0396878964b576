"""Reads the request log of a production service (GenTD26, cluster-trace-v2026-GenAI) as a trace.

The log names users and checkpoints, but neither tiers nor which adapter of how many was used; those
are given to users as the synthetic traces give them.
"""

import csv
import gzip
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import TextIO

from backend.scheduling.replay.synthetic import ADAPTER_SHARES, Asked, shares_by_rank
from backend.scheduling.replay.trace import BadTrace

COLUMNS = (
    "gmt_create",
    "groupId",
    "num_images_per_prompt",
    "num_inference_steps",
    "checkpoint_model_version_id",
    "num_lora",
)
# As the log's hour of day tells; in this order they are one evening.
BUSIEST_HOURS = (17, 18, 21, 22, 23, 0)
DAY_S, HOUR_S = 86400.0, 3600.0
COUNT_MAX = 1000


def is_production_log(path: Path) -> bool:
    """Whether a file looks like the log rather than like a trace."""
    with _open(path) as file:
        return COLUMNS[0] in file.readline().split(",")


def read_production_log(path: Path, *, seed: int = 0) -> list[Asked]:
    """Read the log, plain or gzipped, in order of time.

    Raises:
        BadTrace: it has other columns, or a line that cannot be read.
        OSError: the file cannot be read at all.

    """
    random = Random(seed)  # noqa: S311 - a model of people, not a secret
    adapters = shares_by_rank(ADAPTER_SHARES)
    with _open(path) as file:
        reader = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise BadTrace(f"{path} has no column {', '.join(missing)}.")
        rows = list(reader)
    users = _ranks([row["groupId"] for row in rows])
    models = _ranks([row["checkpoint_model_version_id"] for row in rows])
    asked = []
    for line, row in enumerate(rows, start=2):
        try:
            has_adapter = _count(row, "num_lora", default=0, least=0) > 0
            asked.append(
                Asked(
                    at_s=_moment_s(row["gmt_create"]),
                    user=users[row["groupId"]],
                    model=models[row["checkpoint_model_version_id"]],
                    images=_count(row, "num_images_per_prompt", default=1),
                    steps=_count(row, "num_inference_steps", default=30),
                    adapter=random.choices(range(len(adapters)), adapters)[0]
                    if has_adapter
                    else None,
                )
            )
        except ValueError as error:
            raise BadTrace(f"{path}, line {line}: {error}.") from error
    if not asked:
        raise BadTrace(f"{path} has no requests.")
    return sorted(asked, key=lambda request: request.at_s)


def overlay_evenings(asked: Sequence[Asked], *, requests: int, seed: int) -> list[Asked]:
    """Lay the busiest hours of all days over one another, again and again until there are enough.

    Each further layer shifts every user by up to half an hour, so that nobody asks twice at once.

    Raises:
        BadTrace: nothing was asked in those hours.

    """
    evening = [
        _moved(each, BUSIEST_HOURS.index(hour) * HOUR_S + each.at_s % HOUR_S)
        for each in asked
        if (hour := int(each.at_s % DAY_S // HOUR_S)) in BUSIEST_HOURS
    ]
    if not evening:
        hours = ", ".join(str(hour) for hour in BUSIEST_HOURS)
        raise BadTrace(f"The log has no requests in its busiest hours, which are {hours}.")
    length_s = len(BUSIEST_HOURS) * HOUR_S
    random = Random(seed)  # noqa: S311 - a model of people, not a secret
    layers: list[Asked] = []
    while len(layers) < requests:
        shifts_s: dict[int, float] = {}
        for each in evening:
            if each.user not in shifts_s:
                shifts_s[each.user] = random.uniform(-0.5, 0.5) * HOUR_S if layers else 0.0
            layers.append(_moved(each, (each.at_s + shifts_s[each.user]) % length_s))
    if len(layers) > requests:
        layers = random.sample(layers, requests)
    return sorted(layers, key=lambda request: request.at_s)


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", newline="", encoding="utf-8")
    return path.open(newline="", encoding="utf-8")


def _ranks(names: Sequence[str]) -> Mapping[str, int]:
    return {name: rank for rank, (name, _) in enumerate(Counter(names).most_common())}


def _count(row: Mapping[str, str | None], name: str, *, default: int, least: int = 1) -> int:
    word = row[name] or str(default)
    try:
        number = int(float(word))
    except (ValueError, OverflowError):
        number = -1
    if not least <= number <= COUNT_MAX:
        raise ValueError(f"{name} must be a number from {least} to {COUNT_MAX}, not {word!r}")
    return number


def _moment_s(text: str | None) -> float:
    try:
        return datetime.fromisoformat(text or "").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise ValueError(f"gmt_create must be a date and a time, not {text!r}") from None


def _moved(asked: Asked, at_s: float) -> Asked:
    return Asked(
        at_s=at_s,
        user=asked.user,
        model=asked.model,
        images=asked.images,
        steps=asked.steps,
        adapter=asked.adapter,
    )
