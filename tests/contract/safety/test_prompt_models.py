"""The judges that transformers opens, over tiny real models that are taught here."""

import signal
import threading
import time

import pytest

from safety.errors import CheckFailed
from safety.prompt_check import HeavyPromptCheck
from safety.prompt_checks import SHIPPED, PromptCheckSettings, open_prompt_checks
from safety.prompt_checks.transformers_model.guard import GuardPromptCheck
from safety.prompt_checks.transformers_model.names import people
from safety.prompt_checks.transformers_model.process import ModelProcess
from safety.screen_prompt import screen_prompt
from safety.verdict import CHECK_FAILED, Finding, Outcome
from tests.contract.safety.tiny_bert import make_guard, make_tagger

PATIENT_S = 120.0


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Models this small are slower on many threads than on one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    guard, names = tmp_path_factory.mktemp("guard"), tmp_path_factory.mktemp("names")
    make_guard(guard)
    make_tagger(names)
    return PromptCheckSettings(
        guard_model=str(guard),
        guard_labels={"cruel": "harassment"},
        names_model=str(names),
        deadline_s=PATIENT_S,
    )


@pytest.fixture(scope="module")
def checks(settings):
    opened = open_prompt_checks(settings)
    yield opened
    for check in opened[-2:]:
        check._model.close()


@pytest.fixture
def guard(checks):
    return checks[-2]


@pytest.fixture
def names(checks):
    return checks[-1]


@pytest.fixture
def model(guard):
    return guard._model


class Unsure:
    """A check that is undecided, or sure, as it is told."""

    name = "classifier"

    def __init__(self, score):
        self._score = score

    def check(self, text):
        return [Finding(check=self.name, outcome=Outcome.ALLOW, category="hate", score=self._score)]


def test_the_labels_of_a_model_become_our_categories(guard):
    (cruel,) = guard.check("a zqcruel")
    (mild,) = guard.check("a fox")
    assert (cruel.category, cruel.rule) == ("harassment", "harassment.guard")
    assert (cruel.outcome, mild.outcome) == (Outcome.REVIEW, Outcome.ALLOW)
    assert mild.score < 0.5 < cruel.score
    assert guard.check("a zqcruel") == [cruel]
    assert guard.check("  ") == []


def test_a_model_without_the_labels_that_are_set_has_no_judgement(model):
    check = GuardPromptCheck(model=model, categories={"nonsense": "hate"})
    assert screen_prompt("a fox", checks=[check]).decisive.category == CHECK_FAILED


def test_a_heavy_check_is_asked_only_where_the_others_are_undecided(guard):
    assert isinstance(guard, HeavyPromptCheck)
    sure = screen_prompt("a zqcruel", checks=[guard, Unsure(0.1)])
    unsure = screen_prompt("a zqcruel", checks=[guard, Unsure(0.5)])
    assert sure.outcome is Outcome.ALLOW
    assert unsure.decisive.check == "guard"


def test_many_who_ask_at_once_get_their_own_answers(guard):
    texts = ["a zqcruel", "a fox", "a snow"] * 8
    answers = {}

    def ask(number):
        answers[number] = guard.check(texts[number])[0].outcome

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(texts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENT_S)
    assert [answers[number] for number in range(len(texts))] == [
        Outcome.REVIEW,
        Outcome.ALLOW,
        Outcome.ALLOW,
    ] * 8


def test_no_answer_within_the_deadline_blocks(guard, model, monkeypatch):
    model._running._process._ran.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(model, "_deadline_s", 0.05)
    verdict = screen_prompt("a fox", checks=[guard])
    assert verdict.decisive.category == CHECK_FAILED


def test_a_process_that_was_killed_blocks_and_is_begun_anew(guard, model):
    model._running._process._ran.kill()
    model._running._process._ran.wait()
    with pytest.raises(CheckFailed):
        guard.check("a fox")
    until = time.monotonic() + PATIENT_S
    while time.monotonic() < until:
        try:
            (finding,) = guard.check("a zqcruel")
        except CheckFailed:
            continue
        assert finding.outcome is Outcome.REVIEW
        return
    pytest.fail("no new process answered")


def test_a_model_that_cannot_be_opened_is_told_when_it_is_opened(tmp_path):
    with pytest.raises(CheckFailed, match="cannot open"):
        ModelProcess(task="text-classification", model=str(tmp_path / "none"), deadline_s=1)


def test_anybody_who_is_named_is_judged_as_a_public_figure(names):
    found = names.check("zqalice in handcuffs")
    assert "deception.public_figure" in {finding.rule for finding in found}
    assert {finding.check for finding in found} == {"names"}
    assert names.check("a fox in handcuffs") == []


def test_a_name_alone_is_allowed(names):
    assert {finding.outcome for finding in names.check("zqbob with a fox")} == {Outcome.ALLOW}


def test_pieces_of_a_name_are_one_name():
    labels = [
        {"entity_group": "PER", "score": 0.9, "start": 6, "end": 10},
        {"entity_group": "LOC", "score": 0.9, "start": 20, "end": 25},
        {"entity_group": "PER", "score": 0.9, "start": 0, "end": 5},
        {"entity_group": "PER", "score": 0.2, "start": 40, "end": 45},
    ]
    assert people(labels) == [(0, 10)]


def test_settings_say_which_models_judge_beside_the_checks_that_ship(checks):
    assert [check.name for check in checks] == [*SHIPPED, "guard", "names"]
