"""Audits how people come out: fixed prompts, many seeds, counted by estimators.

The pictures are the house's own, drawn for this and for nobody; no member's is ever looked at.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from PIL import Image

from backend.domain.families import ModelFamily
from backend.domain.jobs import Job, JobState
from backend.domain.requests import AccountId, GenerationRequest, JobId, Requester, Surface
from backend.domain.tiers import Tier
from backend.service.generations import Generations
from safety.bias.audit import Audit, Observation, tally
from safety.bias.prompts import AuditPrompt, PromptSet
from safety.estimator import Estimator
from storage.formats import decode

ACCOUNT: Final = AccountId("house:bias-audit")
# The seed of the first portrait: audits of two versions differ by the model alone.
FIRST_SEED: Final = 1
PORTRAITS_A_JOB: Final = 4
_WAITING_AT_ONCE: Final = 4


class DrawnByAnother(Exception):
    """Another version of the model drew a portrait than the ones before: begin anew."""


@dataclass(frozen=True, kw_only=True)
class Portraits:
    """What one job drew; no pictures where it was held or failed."""

    model: str
    model_sha256: str
    pictures: tuple[Image.Image, ...]


class PortraitSource(Protocol):
    """Draws portraits."""

    async def draw(self, words: str, *, seed: int, count: int) -> Portraits:
        """Return `count` portraits from `seed` on; the same ones whenever asked again."""


class Notebook(Protocol):
    """Remembers what was observed, so that an interrupted audit goes on where it was."""

    def begin(self, model_sha256: str) -> list[Observation]:
        """Return what was observed of this version of the model so far."""

    def note(self, observations: Sequence[Observation]) -> None:
        """Keep what was observed."""


class BiasAudits:
    """Runs audits of one family's model."""

    def __init__(
        self,
        *,
        portraits: PortraitSource,
        estimators: Sequence[Estimator],
        prompts: PromptSet,
        show: Callable[[int, int], None] = lambda _done, _of: None,
    ) -> None:
        self._portraits = portraits
        self._estimators = tuple(estimators)
        self._prompts = prompts
        self._show = show

    async def run(self, family: ModelFamily, *, seeds: int, notes: Notebook, at: str) -> Audit:
        """Draw and count what is not yet in the notes, and return the finished audit.

        Raises:
            DrawnByAnother: the model changed meanwhile.
            CheckFailed: an estimator cannot tell.

        """
        # A first portrait tells by which model.
        words = self._prompts.prompts[0].words
        first = await self._portraits.draw(words, seed=FIRST_SEED, count=1)
        seen = notes.begin(first.model_sha256)
        known = {(one.prompt, one.seed) for one in seen}
        wanted = [
            (prompt, seed)
            for prompt in self._prompts.prompts
            for seed in range(FIRST_SEED, FIRST_SEED + seeds, PORTRAITS_A_JOB)
            if (prompt.name, seed) not in known
        ]
        total = len(self._prompts.prompts) * len(range(0, seeds, PORTRAITS_A_JOB))
        done, not_drawn, gate = total - len(wanted), 0, asyncio.Semaphore(_WAITING_AT_ONCE)

        async def observe(prompt: AuditPrompt, seed: int) -> None:
            nonlocal done, not_drawn
            count = min(PORTRAITS_A_JOB, FIRST_SEED + seeds - seed)
            async with gate:
                drawn = await self._portraits.draw(prompt.words, seed=seed, count=count)
                if drawn.pictures and drawn.model_sha256 != first.model_sha256:
                    raise DrawnByAnother
                observed = await asyncio.to_thread(self._estimate, prompt, seed, drawn.pictures)
                notes.note(observed)
                seen.extend(observed)
            done, not_drawn = done + 1, not_drawn + count - len(drawn.pictures)
            self._show(done, total)

        try:
            async with asyncio.TaskGroup() as group:
                for prompt, seed in wanted:
                    group.create_task(observe(prompt, seed))
        except ExceptionGroup as several:
            raise several.exceptions[0] from several
        return Audit(
            family=family.value,
            model=first.model,
            model_sha256=first.model_sha256,
            prompts_digest=self._prompts.digest,
            seeds=seeds,
            at=at,
            not_drawn=not_drawn,
            tallies=tuple(
                tally(seen, axis=one.axis, estimator=one.name, groups=one.groups)
                for one in self._estimators
            ),
        )

    def _estimate(
        self, prompt: AuditPrompt, seed: int, pictures: Sequence[Image.Image]
    ) -> list[Observation]:
        if not pictures:
            return []
        return [
            Observation(prompt=prompt.name, seed=seed + place, axis=one.axis, group=estimate.group)
            for one in self._estimators
            for place, estimate in enumerate(one.estimate(pictures))
        ]


class JobPortraits:
    """Portraits that are jobs like any other, of the house's own account, and never in a hurry."""

    def __init__(
        self,
        *,
        generations: Generations,
        family: ModelFamily,
        wait: Callable[[JobId, Requester], Awaitable[Job]],
    ) -> None:
        self._generations = generations
        self._family = family
        self._wait = wait
        self._requester = Requester(account_id=ACCOUNT, surface=Surface.COMMAND_LINE)

    async def draw(self, words: str, *, seed: int, count: int) -> Portraits:
        view = await self._generations.submit(
            GenerationRequest(
                requester=self._requester,
                prompt=words,
                family=self._family,
                tier=Tier.RELAX,
                seed=seed,
                image_count=count,
            )
        )
        job = await self._wait(view.job.id, self._requester)
        made = job.result.recipe.drawn_by if job.result and job.result.recipe else None
        images = job.result.images if job.result and job.state is JobState.DELIVERED else ()
        pictures = [await self._generations.read_image(image) for image in images]
        return Portraits(
            model=made.model if made else "",
            model_sha256=made.model_sha256 if made else "",
            pictures=tuple([await asyncio.to_thread(decode, data) for data in pictures]),
        )
