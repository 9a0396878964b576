"""What is kept of a child safety finding: facts for a report, never words, never a picture.

Nothing is sent by itself: who runs the deployment reports, and says so here.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from backend.domain.jobs import Change, Job
from backend.domain.requests import AccountId
from backend.domain.ways_out import CHILD_SAFETY

# For so long what was reported is kept.
PRESERVED_FOR = timedelta(days=365)


class SafetyReportState(StrEnum):
    """Where a report stands."""

    ON_FILE = "on_file"  # of words, which nobody need report by themselves
    TO_REPORT = "to_report"
    REPORTED = "reported"


class Basis(StrEnum):
    """What a finding rests on: how sure it is, and so who may say that it was wrong."""

    LIST = "list"
    ESTIMATE = "estimate"
    WORDS = "words"


@dataclass(frozen=True, kw_only=True)
class FreezeRules:
    """After how many prompts, each another, and within what time, words alone freeze an account.

    0 prompts are never reached. A picture freezes at once.
    """

    prompts_to_freeze: int = 3
    within: timedelta = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class SafetyReport:
    """One finding; its `id` is that of the job, or of the attempt to upload, that it is of.

    `list_name`, `entry` and `distance` tell of a copy of a listed picture, `fingerprint` is the
    picture's own. `evidence` are the keys of the sealed pictures. What is preserved is neither
    deleted for its owner nor by age. One that was `released` was wrong, as `released_by` found.
    Of words (`stage` is "prompt"), `sha256` is their digest: to ask for the same again counts once.
    """

    id: str
    account_id: AccountId
    found_at: datetime
    rule: str
    score: float | None = None
    list_name: str = ""
    entry: str = ""
    distance: int | None = None
    fingerprint: str = ""
    sha256: str = ""
    evidence: tuple[str, ...] = ()
    state: SafetyReportState = SafetyReportState.TO_REPORT
    reported_as: str = ""
    reported_at: datetime | None = None
    preserved_until: datetime | None = None
    released_by: str = ""
    released_at: datetime | None = None
    release_reason: str = ""
    stage: str = "image"
    dropped_at: datetime | None = None

    @property
    def basis(self) -> Basis:
        """What it rests on."""
        if self.stage == "prompt":
            return Basis.WORDS
        return Basis.LIST if self.list_name else Basis.ESTIMATE

    @property
    def is_released(self) -> bool:
        """Whether somebody who may found it wrong: it freezes nobody any more."""
        return self.released_at is not None

    def is_preserved(self, now: datetime) -> bool:
        """Whether what is sealed must stay: not reported yet, or reported within the year."""
        if self.preserved_until is not None:
            return now < self.preserved_until
        return not self.is_released

    def dropped(self, *, now: datetime) -> "SafetyReport":
        """Note that what was sealed is gone; the facts stay."""
        return replace(self, evidence=(), dropped_at=now)

    def released(self, *, by: str, reason: str, now: datetime) -> "SafetyReport":
        """Note that it was wrong; a second time changes nothing. What was reported stays so."""
        if self.is_released:
            return self
        return replace(self, released_by=by, released_at=now, release_reason=reason)

    def reported(self, reported_as: str, *, now: datetime) -> "SafetyReport":
        """Note under which number it was reported; a second time changes nothing."""
        if self.state is SafetyReportState.REPORTED:
            return self
        return replace(
            self,
            state=SafetyReportState.REPORTED,
            reported_as=reported_as,
            reported_at=now,
            preserved_until=now + PRESERVED_FOR,
        )


def must_freeze(reports: Iterable[SafetyReport], rules: FreezeRules, *, now: datetime) -> bool:
    """Say whether what stands on file of an account keeps it frozen, or has it frozen."""
    standing = [one for one in reports if not one.is_released]
    if any(one.basis is not Basis.WORDS for one in standing):
        return True
    prompts = {one.sha256 for one in standing if now - one.found_at < rules.within}
    return 0 < rules.prompts_to_freeze <= len(prompts)


def words_report(changes: Iterable[Change]) -> SafetyReport | None:
    """Return what is kept of a prompt held for child safety, once for all jobs it stands for."""
    held = (change for change in changes if is_held_for_words(change.job))
    change = next(held, None)
    if change is None or change.job.block is None:
        return None
    request, block = change.job.request, change.job.block
    words = " ".join(f"{request.prompt} {request.negative_prompt}".casefold().split())
    return SafetyReport(
        id=change.job.id,
        account_id=request.requester.account_id,
        found_at=change.event.at,
        rule=block.rule,
        score=block.score,
        sha256=hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest(),
        state=SafetyReportState.ON_FILE,
        stage=block.stage,
    )


def is_held_for_words(job: Job) -> bool:
    """Say whether a job's prompt is held for child safety."""
    block = job.block
    return block is not None and (block.stage, block.category) == ("prompt", CHILD_SAFETY)
