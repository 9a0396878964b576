import random
from importlib.resources import files
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.errors import CheckFailed
from safety.policy import DEFAULT_POLICY
from safety.prompt_checks.classifier.check import ClassifierPromptCheck
from safety.prompt_checks.classifier.network import (
    ANSWERS,
    MADE_OF,
    WIDTHS,
    Classifier,
    Network,
    WordVectors,
    open_classifier,
)
from safety.prompt_checks.classifier.reading import GAP, read_words
from safety.prompt_checks.classifier.training import fit, grammar
from safety.verdict import Outcome
from tests.unit.safety.disguises import DISGUISES

CLASSIFIER = open_classifier()
KNOWN = {"zqgrim", "zqblade", "fox", "snow", "old", "oil", "painting", "paint", "犬", "公園"}


MIRRORED_WORDS = {DISGUISES["each word mirrored"]: ["zqblade", "zqgrim"]}


@pytest.mark.parametrize("disguise", DISGUISES.values(), ids=DISGUISES)
def test_a_disguised_word_is_read_plainly(disguise):
    words = [word for word in read_words(disguise("zqgrim zqblade"), KNOWN.__contains__) if word]
    # Whether a text is mirrored as a whole or word by word cannot be told.
    assert words in (["zqgrim", "zqblade"], MIRRORED_WORDS.get(disguise))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("an old fox", ["old", "fox"]),
        ("foxes, painted", ["fox", GAP, "paint"]),
        ("oil-painting of a fox.", ["oil", "painting", "fox", GAP]),
        ("公園の犬", ["公園", "犬"]),
        ("zqgrimzqblade", ["zqgrim", "zqblade"]),
        ("qwrtp 1999 ---", []),
    ],
)
def test_words_are_read_in_their_known_form(text, words):
    assert read_words(text, KNOWN.__contains__) == words


@given(st.text(st.characters(), max_size=200))
def test_any_text_has_a_probability_an_answer_and_always_the_same(text):
    scores = CLASSIFIER.scores(text)
    assert set(scores) == set(ANSWERS)
    assert all(0 <= score <= 1 for score in scores.values())
    assert CLASSIFIER.scores(text) == scores


def test_harm_at_the_end_of_a_long_prompt_is_seen():
    (finding,) = ClassifierPromptCheck(classifier=CLASSIFIER).check(
        "a quiet lake with pine trees and snow on the hills, " * 12
        + "terrorists beheading prisoners in the desert"
    )
    assert finding.outcome is Outcome.REVIEW
    assert finding.category == "violence_gore"


def test_the_finding_for_a_harmless_text_allows_and_has_a_score():
    (finding,) = ClassifierPromptCheck(classifier=CLASSIFIER).check("a fox in the snow")
    assert finding.outcome is Outcome.ALLOW
    assert finding.score < DEFAULT_POLICY.classifier_review_score


def test_a_network_that_gives_no_number_fails():
    size = CLASSIFIER.words.vectors.shape[1]
    broken = Network(
        layers=CLASSIFIER.network.layers,
        answer=(CLASSIFIER.network.answer[0] * np.float32("nan"), CLASSIFIER.network.answer[1]),
    )
    assert size
    with pytest.raises(CheckFailed):
        Classifier(words=CLASSIFIER.words, network=broken).scores("a fox")


def test_what_ships_was_made_by_the_script_from_the_texts_that_ship():
    data = files("safety.prompt_checks.classifier").joinpath("network.npz").read_bytes()
    with np.load(BytesIO(data), allow_pickle=False) as stored:
        assert bytes(stored[MADE_OF]) == bytes(fit.digest())


def test_teaching_twice_gives_the_same_network_and_it_learns(monkeypatch):
    monkeypatch.setattr(fit, "EPOCHS", 6)
    monkeypatch.setattr(fit, "DRAWN", {"everyday": 60, "risky": 60})
    monkeypatch.setattr(fit, "DRAWN_UNSAFE", 60)
    monkeypatch.setattr(fit, "STYLED_SHARE", 0.0)
    monkeypatch.setattr(fit, "TOLD_SHARE", 0.0)
    wanted = {"drugs", "weapons", "plain"}
    families = [family for family in grammar.read_families() if family.name in wanted]
    words = _few_words(families)
    examples = fit.draw(families, words, seed=1)
    weights = []
    for _ in range(2):
        teacher = fit.Teacher(words, seed=1)
        teacher.teach(examples)
        weights.append(teacher.weights)
    assert all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])
    network = Network(
        layers=tuple((weights[0][f"w{width}"], weights[0][f"b{width}"]) for width in WIDTHS),
        answer=(weights[0]["w_answer"], weights[0]["b_answer"]),
    )
    scores = {"illegal": [], "everyday": []}
    for numbers, category in zip(examples.numbers, examples.categories, strict=True):
        scores[category].append(network.judge(words.vectors[numbers])[-1])
    assert np.mean(scores["illegal"]) > np.mean(scores["everyday"]) + 0.3


def _few_words(families):
    """Keep the vectors of the families' own words: neighbours are sought among few."""
    source = random.Random(1)  # noqa: S311 - not for secrets
    texts = [family.draw(source) for family in families for _ in range(80)]
    numbers = sorted({n for text in texts for n in CLASSIFIER.words.look_up(text)})
    names = {number: name for name, number in CLASSIFIER.words.index.items()}
    kept = [number for number in numbers if number in names]
    nothing = np.zeros((1, CLASSIFIER.words.vectors.shape[1]), dtype=np.float32)
    return WordVectors(
        index={names[number]: place for place, number in enumerate(kept)},
        vectors=np.concatenate([CLASSIFIER.words.vectors[kept], nothing]),
    )
