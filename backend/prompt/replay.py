"""What another policy makes of prompts: judges them by two policies and tells the flips."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from backend.domain.errors import BadInput
from backend.domain.families import ModelFamily
from backend.domain.requests import GenerationRequest
from backend.prompt.house import House
from backend.prompt.judging import PromptVerdict, SafetyScreen
from backend.prompt.pipeline import understand_all
from safety.policy import Policy
from safety.prompt_check import PromptCheck
from safety.verdict import Finding, Outcome


@dataclass(frozen=True, kw_only=True)
class Flip:
    """A prompt that two policies judge differently; `name` says which, never its words."""

    name: str
    before: PromptVerdict
    after: PromptVerdict


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What prompts come to under each of two policies, and which of them flip."""

    judged: int
    before: Counter[str]
    after: Counter[str]
    flips: tuple[Flip, ...]


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


def replay(
    requests: Iterable[tuple[str, GenerationRequest]],
    *,
    checks: Sequence[PromptCheck],
    before: Policy,
    after: Policy,
    house: House,
) -> Replay:
    """Judge each named request by both policies. What can no longer be read is passed over."""
    remembering = [RememberingCheck(check) for check in checks]
    screens = [SafetyScreen(checks=remembering, policy=policy) for policy in (before, after)]
    counts: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    flips, judged = [], 0
    for name, request in requests:
        try:
            old, new = (_worst(request, screen, house) for screen in screens)
        except BadInput:
            continue
        judged += 1
        counts[0][old.outcome] += 1
        counts[1][new.outcome] += 1
        if old.outcome != new.outcome:
            flips.append(Flip(name=name, before=old, after=new))
    return Replay(judged=judged, before=counts[0], after=counts[1], flips=tuple(flips))


def _worst(request: GenerationRequest, screen: SafetyScreen, house: House) -> PromptVerdict:
    read = understand_all(request, screen=screen, default_family=ModelFamily.SDXL, house=house)
    return max((one.verdict for one in read), key=lambda verdict: Outcome(verdict.outcome).severity)
