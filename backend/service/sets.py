"""The jobs that one prompt stands for: how many there may be, and what each of them is."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from backend.domain.errors import ParameterNotSupported, TooManyPermutations
from backend.domain.events import JobEvent, JobEventKind
from backend.domain.jobs import Block, Change, Job, JobState
from backend.domain.judgements import Judgement
from backend.domain.prompts import SEED_MAX, PromptSpec
from backend.domain.requests import GenerationRequest, JobId, SetPlace
from backend.domain.tiers import Tier, TierPolicy
from backend.prompt.judging import PromptVerdict
from backend.prompt.pipeline import Understood
from backend.prompt.references import Mention


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One of the jobs: what it means, how it is judged and by what, and how it is written."""

    spec: PromptSpec
    verdict: PromptVerdict
    text: str
    judgement: Judgement | None = None
    mentions: tuple[Mention, ...] = ()

    @property
    def block(self) -> Block | None:
        """Why the job is held back, if it is."""
        if self.verdict.is_allowed:
            return None
        return Block(
            stage="prompt",
            outcome=self.verdict.outcome,
            category=self.verdict.category,
            rule=self.verdict.rule,
        )

    def birth(
        self,
        job_id: JobId,
        request: GenerationRequest,
        *,
        seed: int,
        predicted_s: float,
        now: datetime,
    ) -> Change:
        """Return the job as it enters the line, or is held back at once."""
        block = self.block
        job = Job(
            id=job_id,
            request=request,
            spec=self.spec,
            seed=seed,
            created_at=now,
            updated_at=now,
            state=JobState.BLOCKED if block else JobState.QUEUED,
            block=block,
            predicted_s=predicted_s,
            judgement=self.judgement,
        )
        kind = JobEventKind.BLOCKED if block else JobEventKind.QUEUED
        detail = block.category if block else ""
        event = JobEvent(job_id=job_id, kind=kind, attempt=0, at=now, detail=detail)
        return Change(job=job, event=event)

    def request(self, whole: GenerationRequest, place: SetPlace) -> GenerationRequest:
        """Return the request for this job alone; the first keeps the key of the whole."""
        key = whole.idempotency_key if place.index == 0 else None
        return replace(whole, prompt=self.text, idempotency_key=key, place=place)


def plan(understood: Sequence[Understood]) -> tuple[Planned, ...]:
    """Return all jobs in order: those of a `--repeat` differ by their seed.

    Raises:
        ParameterNotSupported: nothing is to be drawn, and whoever asks draws at once.

    """
    if any(each.variant.given.is_dry for each in understood):
        raise ParameterNotSupported(
            what="--dry",
            why="what is asked for in this way is drawn at once.",
            way_out="Leave it out, or use `impasto prompt explain`.",
        )
    return tuple(
        Planned(
            spec=_with_seed(each.spec, number),
            verdict=each.verdict,
            text=each.variant.text.text,
            judgement=each.judgement,
            mentions=each.variant.mentions,
        )
        for each in understood
        for number in range(each.variant.given.repeat or 1)
    )


def must_be_few(
    planned: Sequence[Planned], policies: Mapping[Tier, TierPolicy], *, most: int | None
) -> None:
    """Refuse more jobs than `most`, or than one of their tiers allows.

    Raises:
        TooManyPermutations: there are.

    """
    if most is not None and len(planned) > most:
        raise TooManyPermutations(count=len(planned), limit=most)
    for tier, count in Counter(one.spec.tier for one in planned).items():
        if count > policies[tier].set_max:
            raise TooManyPermutations(count=count, limit=policies[tier].set_max, tier=tier)


def places(parent: JobId, count: int) -> tuple[SetPlace, ...]:
    """Return the places of as many jobs."""
    return tuple(SetPlace(parent=parent, index=index, count=count) for index in range(count))


def _with_seed(spec: PromptSpec, number: int) -> PromptSpec:
    if spec.seed is None or number == 0:
        return spec
    return replace(spec, seed=(spec.seed + number * spec.image_count) % (SEED_MAX + 1))
