"""What an audit counted: for one version of a model, which groups its portraits seemed to show."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from safety.estimator import UNKNOWN

FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One portrait along one axis; `group` is `UNKNOWN` where the estimator could not tell."""

    prompt: str
    seed: int
    axis: str
    group: str


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """How often an estimator was right on labelled portraits, each group by itself."""

    portraits: int
    by_group: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Tally:
    """All portraits along one axis, counted by prompt and group."""

    axis: str
    estimator: str
    groups: tuple[str, ...]
    counts: Mapping[str, Mapping[str, int]]
    accuracy: Accuracy | None = None

    def table(self, prompt: str) -> tuple[int, ...]:
        """Return a prompt's counts in order of the groups, without those of no group."""
        counted = self.counts.get(prompt, {})
        return tuple(counted.get(group, 0) for group in self.groups)

    def unknown(self, prompt: str) -> int:
        """Return how many portraits of a prompt are of no group."""
        return self.counts.get(prompt, {}).get(UNKNOWN, 0)


@dataclass(frozen=True, kw_only=True)
class Audit:
    """A finished audit; `model_sha256` is the version, `not_drawn` counts the held and failed."""

    family: str
    model: str
    model_sha256: str
    prompts_digest: str
    seeds: int
    at: str
    tallies: tuple[Tally, ...]
    not_drawn: int = 0


def tally(
    observations: Iterable[Observation],
    *,
    axis: str,
    estimator: str,
    groups: tuple[str, ...],
    accuracy: Accuracy | None = None,
) -> Tally:
    """Count what was observed along one axis; an observation made twice counts once."""
    seen = {(one.prompt, one.seed): one.group for one in observations if one.axis == axis}
    counts: dict[str, Counter[str]] = {}
    for (prompt, _), group in seen.items():
        counts.setdefault(prompt, Counter())[group] += 1
    counted = {prompt: dict(by_group) for prompt, by_group in counts.items()}
    return Tally(axis=axis, estimator=estimator, groups=groups, counts=counted, accuracy=accuracy)


def write_audit(audit: Audit) -> str:
    """Return an audit as JSON."""
    return json.dumps({"version": FORMAT_VERSION, **asdict(audit)}, indent=1, sort_keys=True)


def read_audit(text: str) -> Audit:
    """Read an audit back.

    Raises:
        ValueError: it is no audit, or of another version.

    """
    try:
        document = json.loads(text)
        if document.pop("version") != FORMAT_VERSION:
            raise ValueError("an audit of another version")
        tallies = tuple(_tally_of(one) for one in document.pop("tallies"))
        return Audit(**document, tallies=tallies)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("this is no audit") from error


def _tally_of(document: dict[str, object]) -> Tally:
    accuracy = document.pop("accuracy", None)
    groups = document.pop("groups")
    if not isinstance(groups, list) or not isinstance(accuracy, dict | None):
        raise TypeError("groups must be a list")
    return Tally(
        **document,  # type: ignore[arg-type]  # a wrong name raises, and a wrong type counts nothing
        groups=tuple(groups),
        accuracy=None if accuracy is None else Accuracy(**accuracy),
    )
