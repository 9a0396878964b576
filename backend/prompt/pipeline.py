"""From a request to what is meant and whether it may be drawn: parse, translate, then screen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from backend.domain.errors import TooManyPermutations
from backend.domain.families import ModelFamily
from backend.domain.preferences import Preferences
from backend.domain.prompts import PromptSpec
from backend.domain.requests import GenerationRequest
from backend.prompt.house import House, shipped_house
from backend.prompt.interpreter import Interpret
from backend.prompt.parse import NOTHING_SAVED, Variant, parse
from safety.policy import DEFAULT_POLICY, Policy
from safety.prompt_check import PromptCheck
from safety.screen_prompt import screen_prompt
from safety.verdict import NEVER_CLEARED, Outcome


@dataclass(frozen=True, kw_only=True)
class PromptVerdict:
    """What the screen said: allow, review or block; category and rule unless it is allow.

    `score` says from 0 to 1 how much stands against the words, `spans` where it stands in the text
    screened (characters from, and up to but not including), `policy` by which policy it was judged.
    """

    outcome: str
    category: str = ""
    rule: str = ""
    score: float = 0.0
    spans: tuple[tuple[int, int], ...] = ()
    policy: str = ""

    @property
    def is_allowed(self) -> bool:
        """Whether nothing stands against the prompt."""
        return self.outcome == Outcome.ALLOW


class PromptScreen(Protocol):
    """Screens the words of a prompt."""

    def __call__(self, text: str) -> PromptVerdict:
        """Judge a text; a check that fails to run blocks."""


class SafetyScreen:
    """Screens with the checks it is handed."""

    def __init__(self, *, checks: Sequence[PromptCheck], policy: Policy = DEFAULT_POLICY) -> None:
        self._checks = tuple(checks)
        self._policy = policy

    def __call__(self, text: str) -> PromptVerdict:
        verdict = screen_prompt(text, checks=self._checks, policy=self._policy)
        decisive = verdict.decisive
        if decisive is None:
            return PromptVerdict(outcome=Outcome.ALLOW, score=verdict.score, policy=self._policy.id)
        return PromptVerdict(
            outcome=decisive.outcome,
            category=decisive.category,
            rule=decisive.rule,
            score=verdict.score,
            spans=decisive.spans,
            policy=self._policy.id,
        )


@dataclass(frozen=True, kw_only=True)
class Understood:
    """What a request means, and what the screen said of it."""

    variant: Variant
    verdict: PromptVerdict

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
    return tuple(
        Understood(variant=variant, verdict=_screen_both(variant.spec, screen))
        for variant in variants
    )


def _screen_both(spec: PromptSpec, screen: PromptScreen) -> PromptVerdict:
    """Judge the words as typed and as translated: what is held in either is held.

    No translator can be trusted to carry over what the screen looks for, nor the screen to know it
    in every language.
    """
    typed = _screen(spec.typed, screen)
    if spec.typed is spec:
        return typed
    # What was found in the translation has no place in the words as typed.
    drawn = replace(_screen(spec, screen), spans=())
    return max(typed, drawn, key=_gravity)


def _gravity(verdict: PromptVerdict) -> tuple[int, bool]:
    """Weigh a verdict; of two blocks, what nobody may release is the graver."""
    return Outcome(verdict.outcome).severity, verdict.category in NEVER_CLEARED


def _screen(spec: PromptSpec, screen: PromptScreen) -> PromptVerdict:
    """Judge what is to be seen, and what is left when the negative terms are taken away.

    Leaving out what would be refused is a good wish, so a negative term is not held against
    anybody. But `a woman --no clothes` asks for something, though each half of it is harmless.
    """
    verdict = screen(spec.positive_text)
    if not verdict.is_allowed or not spec.negative:
        return verdict
    harmless = [part.text for part in spec.negative if screen(part.text).is_allowed]
    missing = "".join(f", without {text}" for text in harmless)
    return screen(spec.positive_text + missing) if missing else verdict
