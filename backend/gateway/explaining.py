"""A dry run as it is shown over REST and by the command line; pure."""

from pydantic import BaseModel

from backend.domain.families import ModelFamily, Sampler
from backend.domain.prompts import WeightedPart
from backend.domain.tiers import Tier
from backend.gateway.presentation import translation_of
from backend.gateway.schemas import EtaOut, TranslationOut
from backend.models.tokens import EncoderCount
from backend.prompt.write import write, write_manner
from backend.service.explanations import Explanation, Foretold


class TermOut(BaseModel):
    """Words, and how strongly they count."""

    text: str
    weight: float


class PartOut(BaseModel):
    """Terms that are read together, and how strongly they count beside other parts.

    `begin` and `end` are places in the prompt as it was sent; null for what was not typed there.
    """

    terms: list[TermOut]
    weight: float
    begin: int | None = None
    end: int | None = None


class EncoderOut(BaseModel):
    """What one encoder reads: tokens of each part, how many of a part it can, what falls off."""

    encoder: str
    reads: str
    tokens: list[int]
    room: int
    chunks: int
    fallen_words: list[str]


class ResolvedOut(BaseModel):
    """All parameters as they would be drawn; null is the model's own choice, unknown here."""

    family: ModelFamily
    tier: Tier
    aspect_ratio: str
    width: int | None
    height: int | None
    n: int
    steps: int | None
    guidance: float | None
    sampler: Sampler | None
    seed: int | None
    manner: list[str]
    style_words: str


class SafetyOut(BaseModel):
    """What the screen says: allow, review or block, and the category it is about."""

    outcome: str
    category: str | None


class PromptOut(BaseModel):
    """One of the prompts that a text stands for. `times` jobs would be made of it."""

    prompt: str
    parts: list[PartOut]
    negative: list[PartOut]
    added: list[PartOut]
    resolved: ResolvedOut
    tokens: list[EncoderOut] | None
    negative_tokens: list[EncoderOut] | None
    tokens_unknown: str | None
    times: int
    cost_gpu_s: float
    safety: SafetyOut
    language: str
    translation: TranslationOut | None
    notes: list[str]


class ExplanationOut(BaseModel):
    """What a request would become. Nothing was drawn, stored or paid."""

    dry_run: bool = True
    jobs: int
    prompts: list[PromptOut]
    cost_gpu_s: float
    position: int | None
    eta: EtaOut | None
    why: str | None
    refusal: str | None


def explanation_of(explanation: Explanation) -> ExplanationOut:
    """Present a dry run."""
    outlook = explanation.outlook
    return ExplanationOut(
        jobs=explanation.jobs,
        prompts=[_prompt(prompt) for prompt in explanation.prompts],
        cost_gpu_s=round(explanation.cost_s, 4),
        position=None if outlook is None else outlook.position,
        eta=None if outlook is None else EtaOut(p50_s=outlook.p50_s, p90_s=outlook.p90_s),
        why=None if outlook is None else outlook.why,
        refusal=explanation.refusal or None,
    )


def _prompt(foretold: Foretold) -> PromptOut:
    spec = foretold.spec
    is_counted = not foretold.uncounted
    return PromptOut(
        prompt=write(spec),
        parts=_typed_parts(foretold),
        negative=[_part(part) for part in spec.negative],
        added=[_part(part) for part in spec.house],
        resolved=_resolved(foretold),
        tokens=[_encoder(one) for one in foretold.tokens] if is_counted else None,
        negative_tokens=[_encoder(one) for one in foretold.negative_tokens] if is_counted else None,
        tokens_unknown=foretold.uncounted or None,
        times=foretold.times,
        cost_gpu_s=round(foretold.cost_s, 4),
        safety=SafetyOut(
            outcome=foretold.verdict.outcome, category=foretold.verdict.category or None
        ),
        language=spec.language,
        translation=translation_of(spec),
        notes=list(foretold.notes),
    )


def _resolved(foretold: Foretold) -> ResolvedOut:
    spec = foretold.spec
    width, height = foretold.size or (None, None)
    return ResolvedOut(
        family=spec.family,
        tier=spec.tier,
        aspect_ratio=str(spec.aspect_ratio),
        width=width,
        height=height,
        n=spec.image_count,
        steps=foretold.steps,
        guidance=spec.guidance,
        sampler=spec.sampler,
        seed=spec.seed,
        manner=list(write_manner(spec.manner)),
        style_words=spec.style_words,
    )


def _typed_parts(foretold: Foretold) -> list[PartOut]:
    variant = foretold.variant
    words = variant.words_text
    return [
        _part(
            each.part,
            begin=words.place(each.pieces[0].begin),
            end=words.place(each.pieces[-1].end - 1) + 1,
        )
        for each in variant.words.parts
    ]


def _part(part: WeightedPart, *, begin: int | None = None, end: int | None = None) -> PartOut:
    terms = [TermOut(text=term.text, weight=term.weight) for term in part.terms]
    return PartOut(terms=terms, weight=part.weight, begin=begin, end=end)


def _encoder(count: EncoderCount) -> EncoderOut:
    return EncoderOut(
        encoder=count.encoder,
        reads=count.reader,
        tokens=list(count.tokens),
        room=count.room,
        chunks=count.chunks,
        fallen_words=list(count.fallen),
    )
