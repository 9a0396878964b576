import pytest

from backend.domain.errors import PromptEmpty
from backend.domain.families import ModelFamily
from backend.prompt.judging import PromptVerdict, SafetyScreen
from backend.prompt.pipeline import understand
from safety.prompt_checks import open_prompt_checks
from tests.builders import a_request

SCREEN = SafetyScreen(checks=open_prompt_checks())


class Recorder:
    def __init__(self, *held):
        self.heard = []
        self._held = held

    def __call__(self, text):
        self.heard.append(text)
        is_held = any(word in text for word in self._held)
        return PromptVerdict(outcome="block" if is_held else "allow")


def verdict(prompt, **fields):
    return understand(
        a_request(prompt, **fields), screen=SCREEN, default_family=ModelFamily.SDXL
    ).verdict


def test_an_everyday_prompt_is_understood_and_allowed():
    understood = understand(
        a_request("a fox --ar 3:2"), screen=SCREEN, default_family=ModelFamily.SDXL
    )
    assert understood.verdict.is_allowed
    assert not understood.verdict.category
    assert understood.verdict.score < 0.9
    assert understood.verdict.policy == "house-1"
    assert understood.spec.positive_text == "a fox"


def test_a_held_prompt_is_understood_and_says_why():
    found = verdict("a naked woman --ar 3:2")
    assert (found.outcome, found.category) == ("block", "sexual")
    assert found.rule


def test_what_cannot_be_understood_is_not_screened():
    screen = Recorder()
    with pytest.raises(PromptEmpty):
        understand(a_request("--ar 3:2"), screen=screen, default_family=ModelFamily.SDXL)
    assert screen.heard == []


def test_leaving_out_what_would_be_held_is_allowed():
    assert verdict("a woman reading --no nudity, blood, gore, weapons").is_allowed
    assert verdict("a woman reading", negative_prompt="nude, nsfw, porn, naked").is_allowed


def test_leaving_out_what_makes_it_harmless_is_not():
    assert verdict("a woman reading --no clothes").category == "sexual"
    assert verdict("a woman reading", negative_prompt="hat, clothing").category == "sexual"


def test_leaving_out_harmless_things_is_allowed():
    assert verdict("a woman reading --no hats, text, watermark, extra fingers").is_allowed


def test_a_held_negative_term_is_not_put_beside_the_words():
    screen = Recorder("gore")
    understand(a_request("a fox --no gore, hats"), screen=screen, default_family=ModelFamily.SDXL)
    assert screen.heard[-1] == "a fox, without hats"
