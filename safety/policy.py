"""How strict an installation is, as data: thresholds, and how far each category may be softened.

A policy document is TOML: `version`, an `id` that findings can be traced to, and what it changes:

    version = 1
    id = "art-school-3"
    [at_most]          # what a finding may come to
    sexual = "review"
    [at_least]         # what even a mention comes to
    living_artist = "review"
    [scores]           # names of `Policy`, from 0 to 1
    classifier_review = 0.6
    [standing]         # what strikes come to; a number of 0 is never reached
    strike_days = 90
    strikes_to_mute = 3
    mute_hours = 24
    strikes_to_ban = 5
    [child_safety]     # how many prompts, each another, freeze an account within some days
    prompts_to_freeze = 3
    prompt_days = 30

    [[grades]]         # what is otherwise where only adults look on, or for who has a role
    restricted = true
    roles = ["4711"]
    scores = { nsfw_block = 0.95 }     # nsfw_spoiler, nsfw_review, classifier_review
    at_most = { sexual = "spoiler" }   # and at_least

`guilds_may_soften = ["violence_gore", "classifier_review"]` names the categories and scores in
which a guild's own document (`overlay.py`) may be softer than this one.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Final

from safety.errors import PolicyInvalid
from safety.grades import Circumstances, Grade, Misnamed, last_words, outcomes_of, read_grades
from safety.verdict import NEVER_CLEARED, Finding, Outcome

FORMAT_VERSION: Final = 1
CLASSIFIER: Final = "classifier"
GUARD: Final = "guard"
# Checks that learned to judge, whose scores are judged by the thresholds of the classifier.
_LEARNED: Final = (CLASSIFIER, GUARD)
NSFW: Final = "nsfw"
NSFW_SECOND: Final = "nsfw_second"
# Networks whose score is a picture's probability of being explicit.
NSFW_CHECKS: Final = (NSFW, NSFW_SECOND)
SEXUAL: Final = "sexual"
# Each is a threshold: the lower, the stricter.
SCORES: Final = (
    "nsfw_spoiler",
    "nsfw_spoiler_restricted",
    "nsfw_review",
    "nsfw_block",
    "age_nudity",
    "classifier_review",
    "classifier_block",
    "classifier_doubt",
    "classifier_unsure",
)
_NAMES: Final = ("id", "edition")
_KEYS: Final = {
    "version",
    "id",
    "at_most",
    "at_least",
    "scores",
    "guilds_may_soften",
    "standing",
    "child_safety",
    "grades",
}
_STANDING: Final = ("strike_days", "strikes_to_mute", "mute_hours", "strikes_to_ban")
_FREEZES: Final = ("prompts_to_freeze", "prompt_days")
_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_CATEGORY: Final = re.compile(r"[a-z][a-z_]{0,63}")
# A review's threshold may not lie above the block's.
PAIRS: Final = (("nsfw_review", "nsfw_block"), ("classifier_review", "classifier_block"))


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Thresholds with the defaults an installation starts with.

    The `…_score`s are probabilities. The makers of the shipped picture model call everything above
    0.8 explicit and everything below 0.2 harmless; where the prompt classifier's stand is told in
    `bench/screening.md`. What a rule blocks is only held where the classifier gives less than
    `classifier_doubt_score` for it; below `classifier_unsure_score` what nothing else stands
    against is harmless, and no heavier check is asked. A finding of a category comes to no more
    than `at_most` of it and no less than `at_least`; child safety and failed checks are not
    softened. A cue of age (1 where words give it) times a picture's probability of being explicit
    is child safety from `age_nudity` on.

    Pictures are spoilers from `nsfw_spoiler` on, in channels for adults from
    `nsfw_spoiler_restricted` on. `edition` counts a guild's documents; a deployment's has none.
    """

    id: str = "house-1"
    edition: str = field(default="", compare=False)
    nsfw_spoiler_score: float = 0.4
    nsfw_spoiler_restricted_score: float = 0.6
    nsfw_review_score: float = 0.6
    nsfw_block_score: float = 0.8
    age_nudity_score: float = 0.4
    classifier_review_score: float = 0.6
    classifier_block_score: float = 1.0
    classifier_doubt_score: float = 0.5
    classifier_unsure_score: float = 0.3
    image_check_timeout_s: float = 30.0
    strike_days: float = 90.0
    strikes_to_mute: int = 3
    mute_hours: float = 24.0
    strikes_to_ban: int = 5
    prompts_to_freeze: int = 3
    prompt_days: float = 30.0
    at_most: Mapping[str, Outcome] = field(default_factory=dict)
    at_least: Mapping[str, Outcome] = field(default_factory=dict)
    guilds_may_soften: frozenset[str] = frozenset()
    grades: tuple[Grade, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.nsfw_review_score <= self.nsfw_block_score <= 1:
            raise ValueError("scores must be 0 < review <= block <= 1")
        if not all(0 < score <= 1 for score in self._single_scores):
            raise ValueError("a score must be above 0 and at most 1")
        if not 0 < self.classifier_review_score <= self.classifier_block_score <= 1:
            raise ValueError("scores must be 0 < review <= block <= 1")
        if not (0 <= self.classifier_doubt_score <= 1 and 0 <= self.classifier_unsure_score <= 1):
            raise ValueError("a score must be from 0 to 1")
        if not self.image_check_timeout_s > 0:
            raise ValueError("a check needs some time")
        if never := self.guilds_may_soften & {*NEVER_CLEARED, "age_nudity"}:
            raise Misnamed("nobody softens", never)
        if (
            min(self.strike_days, self.mute_hours, self.prompt_days) <= 0
            or min(self._thresholds) < 0
        ):
            raise ValueError(
                "strikes, mutes and prompts count for some time, and no number is below 0"
            )

    @cached_property
    def version(self) -> str:
        """What tells this policy from any other of its id: a digest of what it says.

        Before a guild's stands its edition: "3.0f9a…" is what its third document came to.
        """
        said = {name: value for name, value in asdict(self).items() if name not in _NAMES}
        text = json.dumps(said, sort_keys=True, default=sorted)
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        return f"{self.edition}.{digest}" if self.edition else digest

    def graded(self, circumstances: Circumstances) -> "Policy":
        """Return what holds in some circumstances: a policy that has no grades any more."""
        holding = [grade for grade in self.grades if grade.holds(circumstances)]
        if not (holding or circumstances.is_restricted):
            return self
        scores = {name: float(getattr(self, f"{name}_score")) for name in SCORES}
        if circumstances.is_restricted:
            scores["nsfw_spoiler"] = self.nsfw_spoiler_restricted_score
        scores |= last_words(holding, "scores")
        for review, block in PAIRS:
            scores[review] = min(scores[review], scores[block])
        named: dict[str, Any] = {f"{name}_score": score for name, score in scores.items()}
        return replace(
            self,
            grades=(),
            at_most={**self.at_most, **last_words(holding, "at_most")},
            at_least={**self.at_least, **last_words(holding, "at_least")},
            **named,
        )

    @property
    def _single_scores(self) -> tuple[float, ...]:
        return (
            self.nsfw_spoiler_score,
            self.nsfw_spoiler_restricted_score,
            self.age_nudity_score,
        )

    @property
    def _thresholds(self) -> tuple[int, ...]:
        return self.strikes_to_mute, self.strikes_to_ban, self.prompts_to_freeze

    def classified(self, score: float) -> Outcome:
        """Return what a probability of the prompt classifier comes to."""
        if score >= self.classifier_block_score:
            return Outcome.BLOCK
        return Outcome.REVIEW if score >= self.classifier_review_score else Outcome.ALLOW

    def pictured(self, score: float) -> Outcome:
        """Return what a picture's probability of being explicit comes to."""
        if score >= self.nsfw_block_score:
            return Outcome.BLOCK
        if score >= self.nsfw_review_score:
            return Outcome.REVIEW
        return Outcome.SPOILER if score >= self.nsfw_spoiler_score else Outcome.ALLOW

    def judge(self, findings: Iterable[Finding]) -> list[Finding]:
        """Return the findings on one text with the outcomes that this policy gives them."""
        found = list(findings)
        sure = _sureness(found)
        if sure is not None and sure < self.classifier_doubt_score:
            found = [_doubted(finding) for finding in found]
        return [self.apply(finding) for finding in found]

    def is_undecided(self, findings: Iterable[Finding]) -> bool:
        """Say whether a heavier check is worth its time: neither blocked nor surely harmless."""
        found = self.judge(findings)
        outcomes = {finding.outcome for finding in found}
        if Outcome.BLOCK in outcomes:
            return False
        sure = _sureness(found)
        is_harmless = sure is not None and sure < self.classifier_unsure_score
        return Outcome.REVIEW in outcomes or not is_harmless

    def apply(self, finding: Finding) -> Finding:
        """Return a finding with the outcome that this policy gives it."""
        said = finding.said or finding.outcome
        if finding.check in NSFW_CHECKS and finding.score is not None:
            finding = self._seen(finding, self.pictured(finding.score))
        outcome = finding.outcome
        if finding.check in _LEARNED and finding.score is not None:
            outcome = self.classified(finding.score)
        elif finding.category in self.at_least:
            outcome = max(outcome, self.at_least[finding.category], key=lambda o: o.severity)
        if finding.category in self.at_most and finding.category not in NEVER_CLEARED:
            outcome = min(outcome, self.at_most[finding.category], key=lambda o: o.severity)
        return replace(finding, outcome=outcome, said=said)

    def _seen(self, finding: Finding, outcome: Outcome) -> Finding:
        category = "" if outcome is Outcome.ALLOW else SEXUAL
        return replace(
            finding, outcome=outcome, category=category, rule=f"{finding.check}.{outcome}"
        )


def _sureness(findings: Iterable[Finding]) -> float | None:
    """Return how sure those that learned are that a text is harmful; None if none has looked."""
    scores = [f.score for f in findings if f.check in _LEARNED and f.score is not None]
    return max(scores, default=None)


def _doubted(finding: Finding) -> Finding:
    """Return a block that only one witness speaks for as a hold; not where a doubt is no excuse."""
    if finding.outcome is Outcome.BLOCK and finding.category not in NEVER_CLEARED:
        return replace(finding, outcome=Outcome.REVIEW, said=finding.said or finding.outcome)
    return finding


DEFAULT_POLICY = Policy()


def read_policy(text: str) -> Policy:
    """Read a policy document; what it does not say stays as it ships.

    Raises:
        PolicyInvalid: it is not TOML, of another version, or says what no policy has.

    """
    try:
        return _read(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, KeyError, ValueError, TypeError, AttributeError) as error:
        names = error.names if isinstance(error, Misnamed) else ()
        raise PolicyInvalid(f"the policy cannot be read: {error}", names=names) from error


def _read(document: dict[str, Any]) -> Policy:
    if missing := {"version", "id"} - document.keys():
        raise ValueError(f"it has no {' and no '.join(sorted(missing))}")
    if document["version"] != FORMAT_VERSION:
        raise ValueError(f"version {document['version']} is not {FORMAT_VERSION}")
    if unknown := document.keys() - _KEYS:
        raise Misnamed("nothing is called", unknown)
    if not _ID.fullmatch(document["id"]):
        raise Misnamed('small letters, figures and ".-_" make an', ["id"])
    scores = document.get("scores", {})
    if unknown := scores.keys() - set(SCORES):
        raise Misnamed("no score is called", unknown)
    if wrong := [name for name, score in scores.items() if not 0 <= float(score) <= 1]:
        raise Misnamed("a score must be above 0 and at most 1, not so", wrong)
    named: dict[str, Any] = {f"{name}_score": float(score) for name, score in scores.items()}
    return replace(
        DEFAULT_POLICY,
        id=document["id"],
        at_most=outcomes_of(document.get("at_most", {})),
        at_least=outcomes_of(document.get("at_least", {})),
        grades=read_grades(document.get("grades", [])),
        guilds_may_soften=_names(document.get("guilds_may_soften", [])),
        **_counted(document.get("standing", {}), _STANDING),
        **_counted(document.get("child_safety", {}), _FREEZES),
        **named,
    )


def _names(entries: list[str]) -> frozenset[str]:
    if not isinstance(entries, list) or not all(_CATEGORY.fullmatch(name) for name in entries):
        raise ValueError("guilds_may_soften is a list of categories and scores")
    return frozenset(entries)


def _counted(entries: Mapping[str, float], names: tuple[str, ...]) -> dict[str, Any]:
    if unknown := entries.keys() - set(names):
        raise Misnamed("nothing that is counted is called", unknown)
    whole = [name for name in entries if "_to_" in name]
    return {name: int(n) if name in whole else float(n) for name, n in entries.items()}
