"""Reads one free text, `a (red:1.3) fox --ar 3:2`, into what it asks for.

The words come first, parameters after them, as `split` says; a text with braces is as many.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from backend.domain.errors import BadInput, PromptEmpty
from backend.domain.families import ModelFamily, Sampler
from backend.domain.manner import Manner
from backend.domain.preferences import Preferences
from backend.domain.prompts import (
    IMAGE_COUNT_MAX,
    AspectRatio,
    LoraRef,
    PromptSpec,
    WeightedPart,
    gather_loras,
)
from backend.domain.requests import GenerationRequest
from backend.domain.tiers import Tier
from backend.prompt.house import House, Preset
from backend.prompt.parameters import (
    Parameters,
    check_guidance,
    check_image_count,
    check_sampler,
    check_seed,
    check_steps,
    read_negative,
    read_parameters,
)
from backend.prompt.permutations import expand
from backend.prompt.preferring import spell_out, suffix_of
from backend.prompt.references import Mention, must_be_few, read_links
from backend.prompt.split import Given, split
from backend.prompt.support import LINKS, Support, cell_of, refusal
from backend.prompt.typed import Typed, clean
from backend.prompt.words import ReadWords, read_words

NOTHING_SAVED: Final = Preferences()
# However many a tier allows: more are never spelled out.
JOBS_MAX: Final = 40
PICTURES_WITHOUT_WORDS: Final = 2


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One of the prompts that a text stands for: as it was read, and what it means.

    Pieces of `words` count their places in `words_text`. `mentions` are the pictures of the spec.
    """

    text: Typed
    words_text: Typed
    words: ReadWords
    given: Parameters
    spec: PromptSpec
    mentions: tuple[Mention, ...] = ()


def parse(
    request: GenerationRequest,
    *,
    default_family: ModelFamily,
    house: House,
    preferences: Preferences = NOTHING_SAVED,
) -> tuple[Variant, ...]:
    """Read a request's text and fields; a parameter in the text beats the field of that name.

    `default_family` draws where neither names one. `preferences` are the account's own.

    Raises:
        BadInput: the text cannot be read, or something in it or in a field is out of range. Where
            a character is to blame, the error points at it.

    """
    texts = _texts_of(request.prompt, preferences)
    resolver = _Resolver(
        fields=_check_fields(request),
        loras=request.loras,
        default_family=default_family,
        house=house,
        preferences=preferences,
    )
    return tuple(resolver.read(text) for text in texts)


def asks_for_dry_run(text: str, preferences: Preferences = NOTHING_SAVED) -> bool:
    """Say whether a prompt is only to be explained.

    Raises:
        BadInput: it cannot be cut into words and parameters.

    """
    texts = _texts_of(text, preferences)
    return any(one.name == "dry" for each in texts for one in split(each).given)


def _texts_of(prompt: str, preferences: Preferences) -> list[Typed]:
    """Return all texts that a prompt stands for, with its saved options spelled out."""
    return expand(spell_out(clean(prompt), preferences), most=JOBS_MAX)


@dataclass(frozen=True, kw_only=True)
class _Resolver:
    """From one text to what it asks for of the family that draws it."""

    fields: Parameters
    loras: tuple[LoraRef, ...]
    default_family: ModelFamily
    house: House
    preferences: Preferences

    def read(self, text: Typed) -> Variant:
        prompt = split(text)
        links = read_links(prompt.links)
        words = read_words(prompt.words)
        # Two pictures or more can do without words.
        if not words.parts and len(links) < PICTURES_WITHOUT_WORDS:
            raise PromptEmpty
        said = (*suffix_of(self.preferences, prompt.given, self.fields), *prompt.given)
        given = read_parameters(said)
        preset = self._preset(given)
        given = read_parameters((*preset.given, *said)) if preset.given else given
        family = self._family(given)
        approximated = _check_support(given, family)
        mentions = (*_supported(links, family), *given.references)
        must_be_few(mentions)
        spec = replace(
            self._understand(given, family),
            positive=tuple(each.part for each in words.parts) or (WeightedPart.plain(""),),
            negative=tuple(
                dict.fromkeys((*given.negative, *self.fields.negative, *preset.negative))
            ),
            manner=_manner_of(given),
            style_words=preset.words,
            house=self.house.taste(given.stylize or 0) if not given.is_raw else (),
            approximated=approximated,
            pictures=tuple(mention.picture for mention in mentions),
            loras=gather_loras((*self.loras, *_loras_of(words), *given.loras)),
        )
        return Variant(
            text=text,
            words_text=prompt.words,
            words=words,
            given=given,
            spec=spec,
            mentions=mentions,
        )

    def _preset(self, given: Parameters) -> Preset:
        mention = given.find("style")
        if given.style is None or mention is None:
            return Preset()
        with _blaming(mention):
            return self.house.style(given.style)

    def _family(self, given: Parameters) -> ModelFamily:
        if given.family is not None:
            return given.family
        mention = given.find("niji") or given.find("version")
        if given.version is not None and mention is not None:
            with _blaming(mention):
                return self.house.family_of(given.version)
        return self.fields.family or self.default_family

    def _understand(self, given: Parameters, family: ModelFamily) -> PromptSpec:
        fields = self.fields
        return PromptSpec(
            positive=(),
            family=family,
            tier=given.tier or fields.tier or Tier.FAST,
            aspect_ratio=given.aspect_ratio or fields.aspect_ratio or AspectRatio(),
            steps=fields.steps if given.steps is None else given.steps,
            guidance=fields.guidance if given.guidance is None else given.guidance,
            sampler=_sampler(given, fields, family),
            seed=fields.seed if given.seed is None else given.seed,
            is_tiled=given.is_tiled,
            image_weight=given.image_weight,
            zoom=given.zoom,
            style_weight=given.style_weight,
            character_weight=given.character_weight,
            image_count=given.image_count or fields.image_count or IMAGE_COUNT_MAX,
        )


def _loras_of(words: ReadWords) -> Iterator[LoraRef]:
    for lora in words.loras:
        try:
            yield LoraRef.read(lora.text.text)
        except BadInput as error:
            lora.text.blame(error)
            raise


def _silent(given: Parameters) -> set[str]:
    """Return the parameters of which nothing need be told: they say what is usual.

    What a ratio comes to is told with the pictures.
    """
    usual, manner = Manner(), _manner_of(given)
    names = ("quality", "stop", "chaos", "weird")
    return {"ar", *(name for name in names if getattr(manner, name) == getattr(usual, name))}


def _check_support(given: Parameters, family: ModelFamily) -> tuple[str, ...]:
    """Refuse what the family cannot do, and name what it can only come near to."""
    approximated = []
    silent = _silent(given)
    for one in given.said:
        cell = cell_of(one.name, family)
        if cell.support is Support.REFUSED:
            raise one.mark.blame(refusal(f"--{one.name}", cell))
        if cell.support is Support.APPROXIMATED and one.name not in silent:
            approximated.append(one.name)
    return tuple(dict.fromkeys(approximated))


def _supported(links: tuple[Mention, ...], family: ModelFamily) -> tuple[Mention, ...]:
    """Refuse links where the family cannot look at pictures."""
    cell = LINKS[family]
    if links and cell.support is Support.REFUSED:
        raise links[0].at.blame(refusal("A link to a picture", cell))
    return links


def _manner_of(given: Parameters) -> Manner:
    usual = Manner()
    return Manner(
        quality=usual.quality if given.quality is None else given.quality,
        stop=usual.stop if given.stop is None else given.stop,
        chaos=given.chaos or 0,
        weird=given.weird or 0,
        stylize=given.stylize,
        style=given.style or "",
        is_draft=given.is_draft,
        is_raw=given.is_raw,
        is_same_seed=given.is_same_seed,
        is_verbatim=given.is_verbatim,
    )


@contextmanager
def _blaming(mention: Given) -> Iterator[None]:
    """Have what is refused within point at a parameter's value."""
    try:
        yield
    except BadInput as error:
        (mention.value if mention.value.text else mention.mark).blame(error)
        raise


def _sampler(given: Parameters, fields: Parameters, family: ModelFamily) -> Sampler | None:
    mention = given.find("sampler")
    if mention is not None and given.sampler is not None:
        with _blaming(mention):
            return check_sampler(given.sampler, family)
    return None if fields.sampler is None else check_sampler(fields.sampler, family)


def _check_fields(request: GenerationRequest) -> Parameters:
    return Parameters(
        negative=read_negative(clean(request.negative_prompt)),
        aspect_ratio=request.aspect_ratio,
        family=request.family,
        tier=request.tier,
        steps=None if request.steps is None else check_steps(request.steps),
        guidance=None if request.guidance is None else check_guidance(request.guidance),
        sampler=request.sampler,
        seed=None if request.seed is None else check_seed(request.seed),
        image_count=None if request.image_count is None else check_image_count(request.image_count),
    )
