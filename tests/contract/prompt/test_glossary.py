"""The glossary: what it makes of prompts, and what it leaves alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics import CHRF

from backend.bootstrap.reading import open_interpreter
from backend.domain.families import ModelFamily
from backend.prompt.judging import SafetyScreen
from backend.prompt.pipeline import understand
from backend.prompt.translators import TranslatorSettings, open_translator
from backend.prompt.translators.glossary.kinds import Kind
from backend.prompt.translators.glossary.pages import LANGUAGES, open_pages
from backend.prompt.write import write_words
from backend.settings import Settings
from bench.translation import read
from safety.prompt_checks import open_prompt_checks
from tests.architecture.house import ROOT
from tests.builders import a_request

BOOK = open_translator(TranslatorSettings(name="glossary"))
INTERPRET = open_interpreter(Settings(translator="glossary"))
SCREEN = SafetyScreen(checks=open_prompt_checks())
FOLDER = ROOT / "backend/prompt/translators/glossary"


def english(text, language):
    return BOOK.translate([text], language=language)[0]


def read_prompt(prompt):
    return understand(
        a_request(prompt), screen=SCREEN, default_family=ModelFamily.SDXL, interpret=INTERPRET
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_everyday_prompts_come_near_to_what_they_mean(language):
    prompts, meanings = zip(*read()[language], strict=True)
    translated = BOOK.translate(prompts, language=language)
    least = 50 if language in ("ja", "zh") else 70
    assert CHRF().corpus_score(translated, [meanings]).score > least
    assert CHRF().corpus_score(prompts, [meanings]).score < 25


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("es", "Un zorro rojo, casas blancas", "a red fox, white houses"),
        ("fr", "l'ours et un chat d'hiver", "the bear and a cat of winter"),
        ("de", "ein Junge und eine junge Frau", "a boy and a young woman"),
        ("de", "Waldhütte", "forest cottage"),
        ("nl", "rode rozen, grijze wolken", "red roses, grey clouds"),
        ("it", "una ragazza con un ombrello rosso", "a girl with a red umbrella"),
        ("pl", "kubek gorącej herbaty", "cup of hot tea"),
        ("ru", "Ёжик в тумане", "hedgehog in fog"),
        ("ja", "森の中の猫、8k", "in forest cat, 8k"),
        ("zh", "桌子上的猫", "on table cat"),
        # Names of people, though each of their characters is a word.
        ("zh", "马云在雪中", "马云 in snow"),
        ("zh", "马小红和猫", "马小红 and cat"),
        ("zh", "黄小龙", "黄小龙"),
        ("zh", "画家白云", "painter 白云"),
        ("zh", "马医生", "马 doctor"),
        # No names, though they begin as some do.
        ("zh", "白马", "white horse"),
        ("zh", "白云", "white cloud"),
        ("zh", "小白猫", "small white cat"),
        ("zh", "熊医生", "bear doctor"),
    ],
)
def test_words_are_read_in_their_forms_and_put_in_order(language, text, expected):
    assert english(text, language) == expected


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("es", "retrato de Rosa León"),
        ("fr", "portrait de Pierre Lion"),
        ("de", "Annegret Wuschelkopf"),
        ("ja", "大阪"),
        ("zh", "李娜"),
    ],
)
def test_names_and_unknown_words_stay_as_they_are(language, text):
    kept = text.split(" de ")[-1]
    assert english(text, language).endswith(kept)


@pytest.mark.parametrize(
    ("prompt", "language", "drawn"),
    [
        ("zorro rojo", "es", "red fox"),
        ("chat noir --ar 3:2", "fr", "black cat"),
        ("zwarte kat", "nl", "black cat"),
        ("(rojo:1.3) zorro::2 nieve", "es", "(red:1.3) fox::2 snow::"),
    ],
)
def test_two_words_are_enough_if_the_glossary_has_both(prompt, language, drawn):
    spec = read_prompt(prompt).spec
    assert (spec.language, write_words(spec.positive)) == (language, drawn)


@pytest.mark.parametrize(
    "prompt",
    [
        *("red fox", "rose garden", "art nouveau rose", "art nouveau", "mare, portrait"),
        # What statistics of letters are sure is Indonesian, Italian or Polish.
        *("a penguin", "a square", "two dogs", "two cows"),
    ],
)
def test_a_few_english_words_are_no_other_language(prompt):
    assert read_prompt(prompt).spec.translation is None


def test_weights_and_quotes_hold_through_detection_and_translation():
    spec = read_prompt('(rojo:1.3) zorro en la nieve::2 un letrero "zorro rojo" de noche').spec
    assert spec.language == "es"
    assert write_words(spec.positive) == (
        '(red:1.3) fox in the snow::2 a sign "zorro rojo" at night::'
    )


@pytest.mark.parametrize(
    "prompt",
    [
        "a red fox in the snow, cinematic lighting, 8k",
        "portrait of a woman, art nouveau, by candle light",
        "octane render, unreal engine, trending",
    ],
)
def test_english_is_left_alone(prompt):
    assert read_prompt(prompt).spec.translation is None


@pytest.mark.parametrize("prompt", ["una mujer desnuda en la cama", "голая женщина на кровати"])
def test_what_is_held_in_its_own_language_stays_held(prompt):
    understood = read_prompt(prompt)
    assert understood.verdict.outcome == "block"


@pytest.mark.parametrize("kind", Kind)
def test_every_row_has_a_cell_for_every_language(kind):
    rows = (FOLDER / f"{kind}.txt").read_text(encoding="utf-8").splitlines()
    odd = [row for row in rows if not row.startswith("#") and row.count("|") != len(LANGUAGES)]
    assert odd == []
    cells = [row.split("|") for row in rows if not row.startswith("#")]
    assert kind is Kind.SMALL or [row[0] for row in cells if not all(row)] == []


def test_every_language_has_as_many_words():
    sizes = {language: len(open_pages(language).written) for language in LANGUAGES}
    assert min(sizes.values()) > 700


@given(text=st.text(max_size=60), language=st.sampled_from(LANGUAGES))
def test_any_text_comes_through_and_the_same_each_time(text, language):
    assert english(text, language) == english(text, language)


@given(text=st.text(alphabet="abc xyz", min_size=1, max_size=40).filter(str.strip))
def test_what_nobody_knows_keeps_its_words(text):
    unknown = f"qx{text.strip()}qx".split()
    kept = english(" ".join(f"qx{word}" for word in unknown), "es").split()
    assert kept == [f"qx{word}" for word in unknown]
