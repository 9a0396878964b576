"""The dry run: what a request would be read as, cost and become. Costs nothing, stores nothing."""

from dataclasses import dataclass

from backend.contracts import PromptPart, PromptTerm
from backend.domain.errors import FamilyUnavailable, NoLiveWorker
from backend.domain.outlook import Outlook
from backend.domain.prompts import PromptSpec
from backend.domain.requests import GenerationRequest
from backend.models.measures import Measures
from backend.models.tokens import CannotCount, EncoderCount
from backend.prompt.house import shipped_house
from backend.prompt.judging import PromptVerdict
from backend.prompt.parse import Variant, asks_for_dry_run, parse
from backend.prompt.pipeline import Understood
from backend.prompt.support import notes_of
from backend.service.expectations import Expectations
from backend.service.job_view import untranslated_note
from backend.service.named_pictures import picture_notes
from backend.service.predictions import Predictions
from backend.service.preferences import preferences_for
from backend.service.reader import Reader
from backend.service.told_words import negative_parts_of, parts_of


@dataclass(frozen=True, kw_only=True)
class Foretold:
    """One of the prompts that a text stands for, and what would become of it.

    `size` is that of the pictures as shown, `steps` how many are taken; None where the model is
    not on this host. `tokens` are those of the words to see, `negative_tokens` of those to leave
    out; where they cannot be counted, `uncounted` says why. `cost_s` is in GPU-seconds, of each of
    `times` jobs.
    """

    variant: Variant
    verdict: PromptVerdict
    times: int
    size: tuple[int, int] | None
    steps: int | None
    tokens: tuple[EncoderCount, ...]
    negative_tokens: tuple[EncoderCount, ...]
    uncounted: str
    cost_s: float
    notes: tuple[str, ...]

    @property
    def spec(self) -> PromptSpec:
        """What the prompt means."""
        return self.variant.spec


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """All prompts of a text, how many jobs they are, what these cost, when the first would begin.

    `refusal` says why nobody would draw them now; "" if somebody would.
    """

    prompts: tuple[Foretold, ...]
    outlook: Outlook | None
    refusal: str = ""

    @property
    def jobs(self) -> int:
        """How many jobs the text stands for."""
        return sum(prompt.times for prompt in self.prompts)

    @property
    def cost_s(self) -> float:
        """What all of them will probably cost, in GPU-seconds."""
        return sum(prompt.cost_s * prompt.times for prompt in self.prompts)


class Explanations:
    """Reads a request as a submission would, and stops there."""

    def __init__(
        self,
        *,
        reader: Reader,
        predictions: Predictions,
        measures: Measures,
        expectations: Expectations | None = None,
    ) -> None:
        self._reader = reader
        self._predictions = predictions
        self._measures = measures
        self._expectations = expectations

    async def is_asked(self, request: GenerationRequest) -> bool:
        """Say whether a prompt asks for a dry run by `--dry`.

        Raises:
            BadInput: it cannot be read.

        """
        preferences = await preferences_for(request, self._reader.preferences)
        return asks_for_dry_run(request.prompt, preferences)

    async def count(self, request: GenerationRequest) -> int:
        """Count the jobs that a request stands for.

        Raises:
            BadInput: it cannot be read.

        """
        variants = parse(
            request,
            default_family=self._reader.fleet.default_family(),
            house=self._reader.house or shipped_house(),
            preferences=await preferences_for(request, self._reader.preferences),
        )
        return sum(variant.given.repeat or 1 for variant in variants)

    async def explain(self, request: GenerationRequest) -> Explanation:
        """Say what would become of a request.

        Raises:
            BadInput: it cannot be understood.
            JobNotFound, ImageNotFound, UploadNotFound: a picture it names is not there.
            NotTranslated: it cannot be translated, and no other words are drawn here.

        """
        given, understood = await self._reader.read(request)
        completed = [one.with_spec(given.complete(one.spec, request)) for one in understood]
        prompts = tuple([await self._foretell(one) for one in completed])
        first = prompts[0]
        outlook = None
        if self._expectations is not None:
            account = request.requester.account_id
            outlook = await self._expectations.of(first.spec, account, cost_s=first.cost_s)
        return Explanation(prompts=prompts, outlook=outlook, refusal=await self._refusal(first))

    async def _refusal(self, first: Foretold) -> str:
        try:
            await self._reader.fleet.must_serve(first.spec.family)
        except (FamilyUnavailable, NoLiveWorker) as error:
            return f"{error.message} {error.way_out}"
        return ""

    async def _foretell(self, understood: Understood) -> Foretold:
        spec = understood.spec
        frame = self._measures.frame(spec.family)
        usual = spec.steps or (frame.steps if frame else None)
        tokens: tuple[EncoderCount, ...] = ()
        negative_tokens: tuple[EncoderCount, ...] = ()
        uncounted = ""
        try:
            counter = self._measures.counter(spec.family)
            tokens = counter.count(_told(parts_of(spec.drawn), spec.drawn_text))
            if spec.negative:
                negative = _told(negative_parts_of(spec.negative), spec.negative_text)
                negative_tokens = counter.count(negative)
        except CannotCount as error:
            uncounted = str(error)
        return Foretold(
            variant=understood.variant,
            verdict=understood.verdict,
            times=understood.variant.given.repeat or 1,
            size=frame.shown_size_of(spec.aspect_ratio) if frame else None,
            steps=None if usual is None else spec.manner.steps_taken(usual),
            tokens=tokens,
            negative_tokens=negative_tokens,
            uncounted=uncounted,
            cost_s=await self._predictions.predict_s(spec),
            notes=(
                *filter(None, (untranslated_note(spec),)),
                *notes_of(spec),
                *picture_notes(spec),
            ),
        )


def _told(parts: tuple[PromptPart, ...], text: str) -> tuple[PromptPart, ...]:
    """Return what a worker reads: the parts, or where there are none the plain text."""
    return parts or (PromptPart(terms=(PromptTerm(text=text),)),)
