"""What another policy makes of jobs: from what was found then, or by judging their words anew.

A job is answered from what is stored with it wherever that can be done: no check runs, and its
words need not be there any more.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from backend.domain.judgements import Judgement, PictureJudgement
from backend.domain.prompts import PromptSpec
from backend.prompt.judging import (
    PromptVerdict,
    SafetyScreen,
    finding_of,
    judge_again,
    judge_pictures_again,
    judge_words,
)
from safety.grades import NO_PLACE, Circumstances
from safety.policy import Policy
from safety.prompt_check import PromptCheck
from safety.verdict import Finding


class Source(StrEnum):
    """How it is known what a policy makes of a prompt."""

    STORED = "stored"  # from what the checks found then
    RULES_CHANGED = "rules_changed"  # judged anew: the rules are others than then
    OTHER_WORDS = "other_words"  # judged anew: one policy looks at words that the other did not
    NEVER_STORED = "never_stored"  # judged anew: the job is older than the storing
    WORDS_GONE = "words_gone"  # not judged: it would have to be anew, and its words are erased


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A job as it is tried: what was found, and what it means; `guild_id` says whose rules held.

    `circumstances` are those in which it was asked for, as far as they are stored with it;
    `is_place_known` says whether all of them are.
    """

    id: str
    guild_id: str | None
    circumstances: Circumstances = NO_PLACE
    is_place_known: bool = True
    spec: Callable[[], PromptSpec]
    judgement: Judgement | None
    pictures: PictureJudgement | None


@dataclass(frozen=True, kw_only=True)
class Flip:
    """What two policies judge differently; `job` says whose it is, never its words."""

    job: str
    before: PromptVerdict
    after: PromptVerdict
    source: Source


@dataclass(kw_only=True)
class Tally:
    """What prompts, or the pictures of jobs, come to under each of two policies."""

    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    flips: list[Flip] = field(default_factory=list)

    @property
    def judged(self) -> int:
        """How many."""
        return self.before.total()

    def add(self, job: str, before: PromptVerdict, after: PromptVerdict, source: Source) -> None:
        """Count one."""
        self.before[before.outcome] += 1
        self.after[after.outcome] += 1
        if before.outcome != after.outcome:
            self.flips.append(Flip(job=job, before=before, after=after, source=source))


class Trial:
    """Tries policies on jobs, one after the other; `open_checks` is called if one must look."""

    def __init__(self, *, open_checks: Callable[[], Sequence[PromptCheck]], rules: str) -> None:
        self._open_checks = open_checks
        self._rules = rules
        self.prompts = Tally()
        self.pictures = Tally()
        self.sources: Counter[Source] = Counter()
        self.of_unknown_place = 0

    def add(self, job: Judged, *, before: Policy, after: Policy) -> None:
        """Judge a job by the policy that holds for it and by the one that would, both graded."""
        self.of_unknown_place += not job.is_place_known
        source, verdicts = self._judge(job, before, after)
        self.sources[source] += 1
        if verdicts is not None:
            self.prompts.add(job.id, *verdicts, source)
        if job.pictures is not None:
            told = _told(job.judgement)
            old, new = (
                judge_pictures_again(job.pictures, policy, told=told) for policy in (before, after)
            )
            self.pictures.add(job.id, old, new, Source.STORED)

    def _judge(
        self, job: Judged, before: Policy, after: Policy
    ) -> tuple[Source, tuple[PromptVerdict, PromptVerdict] | None]:
        source = Source.NEVER_STORED
        if job.judgement is not None:
            if job.judgement.rules == self._rules:
                old, new = (judge_again(job.judgement, policy) for policy in (before, after))
                if old is not None and new is not None:
                    return Source.STORED, (old, new)
            is_same = job.judgement.rules == self._rules
            source = Source.OTHER_WORDS if is_same else Source.RULES_CHANGED
        spec = job.spec()
        if not spec.positive_text.strip():
            return Source.WORDS_GONE, None
        remembering = [RememberingCheck(check) for check in self._checks]
        screens = [SafetyScreen(checks=remembering, policy=one) for one in (before, after)]
        old, new = (judge_words(spec, screen)[0] for screen in screens)
        return source, (old, new)

    @cached_property
    def _checks(self) -> Sequence[PromptCheck]:
        return self._open_checks()


class RememberingCheck:
    """A check that looks at each text once, however many policies ask."""

    def __init__(self, check: PromptCheck) -> None:
        self._check = check
        self.name = check.name
        self._found: dict[str, list[Finding]] = {}

    def check(self, text: str) -> list[Finding]:
        if text not in self._found:
            self._found[text] = list(self._check.check(text))
        return self._found[text]


def _told(judgement: Judgement | None) -> list[Finding]:
    """Return what was found in the words, which counts beside what a picture shows."""
    looks = judgement.looks if judgement else ()
    return [finding_of(found) for look in looks for found in look.found]
