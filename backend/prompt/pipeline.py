"""From a request to what is meant and whether it may be drawn: parse, translate, then screen."""

from dataclasses import dataclass, replace

from backend.domain.errors import TooManyPermutations
from backend.domain.families import ModelFamily
from backend.domain.judgements import Judgement
from backend.domain.preferences import Preferences
from backend.domain.prompts import PromptSpec
from backend.domain.requests import GenerationRequest
from backend.prompt.house import House, shipped_house
from backend.prompt.interpreter import Interpret
from backend.prompt.judging import PromptScreen, PromptVerdict, judge_words
from backend.prompt.parse import NOTHING_SAVED, Variant, parse


@dataclass(frozen=True, kw_only=True)
class Understood:
    """What a request means, what the screen said of it, and all that it looked at."""

    variant: Variant
    verdict: PromptVerdict
    judgement: Judgement

    @property
    def spec(self) -> PromptSpec:
        """What it means."""
        return self.variant.spec

    def with_spec(self, spec: PromptSpec) -> "Understood":
        """Return it with more known of what it means."""
        return replace(self, variant=replace(self.variant, spec=spec))


def understand(
    request: GenerationRequest,
    *,
    screen: PromptScreen,
    default_family: ModelFamily,
    house: House | None = None,
    interpret: Interpret | None = None,
) -> Understood:
    """Parse a request for one job and screen what it asks to see, as `understand_all` does.

    Raises:
        BadInput: the request cannot be understood.
        TooManyPermutations: it stands for several jobs.

    """
    all_of_them = understand_all(
        request, screen=screen, default_family=default_family, house=house, interpret=interpret
    )
    first = all_of_them[0]
    count = sum(one.variant.given.repeat or 1 for one in all_of_them)
    if count > 1:
        raise TooManyPermutations(count=count, limit=1)
    return first


def understand_all(
    request: GenerationRequest,
    *,
    screen: PromptScreen,
    default_family: ModelFamily,
    house: House | None = None,
    interpret: Interpret | None = None,
    preferences: Preferences = NOTHING_SAVED,
) -> tuple[Understood, ...]:
    """Parse a request and screen all that it asks to see; see `parse` for the family.

    `house` is the workshop's own part of the language; without one, what ships. `interpret`
    translates, and may block; without it, words are read as they are typed.

    Raises:
        BadInput: the request cannot be understood.
        NotTranslated: it cannot be translated, and the workshop draws no other words.

    """
    variants = parse(
        request,
        default_family=default_family,
        house=house or shipped_house(),
        preferences=preferences,
    )
    if interpret is not None:
        variants = tuple(replace(one, spec=interpret(one.spec)) for one in variants)
    return tuple(_judged(variant, screen) for variant in variants)


def _judged(variant: Variant, screen: PromptScreen) -> Understood:
    verdict, judgement = judge_words(variant.spec, screen)
    return Understood(variant=variant, verdict=verdict, judgement=judgement)
