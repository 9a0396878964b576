"""Prompts on their way into English: what is translated, what stays, what becomes of failures."""

import pytest

from backend.db.codecs import SPEC, decode, encode
from backend.domain.errors import NotTranslated
from backend.domain.families import ModelFamily
from backend.prompt.interpreter import Interpreter, Patience
from backend.prompt.judging import PromptVerdict
from backend.prompt.pipeline import understand, understand_all
from backend.prompt.write import write_words
from tests.builders import a_request
from tests.fakes.translators import BrokenBook, HangingBook, PhraseBook, guess_by_word

WHOLE = "un zorro rojo en la nieve"


def interpreter(book=None, **more):
    return Interpreter(translator=book or PhraseBook(), guess=guess_by_word, **more)


def allow(_text):
    return PromptVerdict(outcome="allow")


def read(prompt, interpret, *, screen=allow, **fields):
    return understand(
        a_request(prompt, **fields),
        screen=screen,
        default_family=ModelFamily.SDXL,
        interpret=interpret,
    )


def spec_of(prompt, book=None, **fields):
    return read(prompt, interpreter(book), **fields).spec


def test_a_prompt_is_drawn_in_english_and_what_was_typed_is_kept():
    spec = spec_of(f"{WHOLE} --ar 3:2 --seed 7")
    assert spec.positive_text == "a red fox in the snow"
    assert (spec.language, spec.translation.by) == ("es", "phrase book")
    assert spec.typed.positive_text == WHOLE
    assert (str(spec.aspect_ratio), spec.seed) == ("3:2", 7)


def test_weights_and_parts_keep_their_words():
    spec = spec_of("(rojo:1.3) zorro::2 nieve")
    assert write_words(spec.positive) == "(red:1.3) fox::2 snow::"
    assert write_words(spec.typed.positive) == "(rojo:1.3) zorro::2 nieve::"


def test_what_is_to_be_left_out_is_translated_too():
    spec = spec_of(f"{WHOLE} --no niebla", negative_prompt="nieve")
    assert spec.negative_text == "fog, snow"
    assert spec.typed.negative_text == "niebla, nieve"


def test_quoted_text_stays_as_it_is():
    for opening, closing in ('""', "“”", "«»", "„“", "''", "「」"):
        quoted = f"{opening}nieve, zorro{closing}"
        spec = spec_of(f"un letrero que dice {quoted} de noche")
        assert spec.positive_text == f"a sign that says {quoted} at night"


def test_each_of_the_texts_that_a_prompt_stands_for_is_translated():
    found = understand_all(
        a_request("{zorro, nieve}"),
        screen=allow,
        default_family=ModelFamily.SDXL,
        interpret=interpreter(),
    )
    assert [one.spec.positive_text for one in found] == ["fox", "snow"]


@pytest.mark.parametrize("prompt", ["a fox in the snow", "a fox, nieve", "8 4 2"])
def test_english_is_left_alone(prompt):
    book = PhraseBook()
    spec = spec_of(prompt, book)
    assert (spec.positive_text, spec.translation, book.asked) == (prompt, None, [])


def test_what_nobody_can_tell_is_left_alone():
    interpret = Interpreter(translator=PhraseBook(), guess=lambda _: "und")
    spec = read("zorro", interpret).spec
    assert (spec.positive_text, spec.language, spec.translation) == ("zorro", "und", None)


def test_english_beside_another_language_stays():
    book = PhraseBook()
    interpret = Interpreter(
        translator=book, guess=lambda text: "en" if text.strip() == "cinematic lighting" else "es"
    )
    spec = read("zorro, cinematic lighting, nieve", interpret).spec
    assert spec.positive_text == "fox, cinematic lighting, snow"
    assert book.asked == [["zorro", "nieve"]]


def test_a_few_words_in_another_script_are_translated_among_english_ones():
    book = PhraseBook({"赤い狐": "red fox", "雪の中": "in the snow"}, languages=("ja",))
    interpret = Interpreter(translator=book, guess=lambda _: "und")
    spec = read("cinematic lighting, 赤い狐、雪の中, 8k", interpret).spec
    assert spec.positive_text == "cinematic lighting, 赤い狐、雪の中, 8k"
    assert book.asked == [["赤い狐、雪の中"]]
    book = PhraseBook({"赤い狐、雪の中": "red fox in the snow"}, languages=("ja",))
    interpret = Interpreter(translator=book, guess=lambda _: "und")
    spec = read("cinematic lighting, 赤い狐、雪の中, 8k", interpret).spec
    assert (spec.positive_text, spec.language) == (
        "cinematic lighting, red fox in the snow, 8k",
        "ja",
    )


def test_who_wants_no_translation_gets_none():
    book = PhraseBook()
    spec = spec_of(f"{WHOLE} --no-translate", book)
    assert (spec.positive_text, spec.translation, book.asked) == (WHOLE, None, [])
    assert spec.manner.is_verbatim


@pytest.mark.parametrize("held", ["prohibido", "forbidden"])
def test_what_is_held_in_either_language_is_held(held):
    def screen(text):
        return PromptVerdict(outcome="block" if held in text else "allow", category=held)

    verdict = read(
        "zorro, prohibido",
        interpreter(PhraseBook({"zorro, prohibido": "fox, forbidden"})),
        screen=screen,
    ).verdict
    assert (verdict.outcome, verdict.category) == ("block", held)


@pytest.mark.parametrize("held", ["sin prohibido", "without forbidden"])
def test_what_is_left_when_something_is_taken_away_is_screened_in_both_languages(held):
    heard = []

    def screen(text):
        heard.append(text)
        return PromptVerdict(outcome="allow")

    read("zorro --no prohibido", interpreter(), screen=screen)
    assert {"zorro", "zorro, without prohibido", "fox", "fox, without forbidden"} <= set(heard), (
        held
    )


def test_the_graver_of_two_verdicts_counts():
    def screen(text):
        return PromptVerdict(outcome="review" if "zorro" in text else "block", category="x")

    assert read("zorro", interpreter(), screen=screen).verdict.outcome == "block"


def test_what_nobody_may_release_counts_before_what_a_moderator_may():
    def screen(text):
        category = "sexual" if "zorro" in text else "child_safety"
        return PromptVerdict(outcome="block", category=category)

    assert read("zorro", interpreter(), screen=screen).verdict.category == "child_safety"


def test_a_translator_that_fails_loses_no_prompt_and_is_let_be_for_a_while():
    book, now = BrokenBook(), [0.0]
    interpret = interpreter(book, seconds=lambda: now[0], patience=Patience(rest_s=10))
    for _ in range(3):
        spec = read(WHOLE, interpret).spec
        assert (spec.positive_text, spec.translation.failure) == (WHOLE, "failed")
        assert spec.typed is spec
    assert len(book.asked) == 1
    now[0] = 10.0
    read(WHOLE, interpret)
    assert len(book.asked) == 2


def test_a_translator_that_is_slow_loses_no_prompt_and_its_answer_is_there_for_the_next():
    book, now = HangingBook(), [0.0]
    interpret = interpreter(book, seconds=lambda: now[0], patience=Patience(deadline_s=0.05))
    spec = read(WHOLE, interpret).spec
    assert (spec.positive_text, spec.translation.failure) == (WHOLE, "slow")
    book.go.set()
    assert book.done.wait(10)
    now[0] = 100.0
    assert read(WHOLE, interpret).spec.positive_text == "a red fox in the snow"


def test_a_language_that_is_not_read_is_told():
    spec = spec_of(WHOLE, PhraseBook(languages=("fr",)))
    assert (spec.positive_text, spec.translation.failure) == (WHOLE, "unread")


@pytest.mark.parametrize("book", [BrokenBook(), PhraseBook(languages=("fr",))])
def test_a_workshop_may_refuse_what_cannot_be_translated(book):
    with pytest.raises(NotTranslated) as caught:
        read(WHOLE, interpreter(book, is_must=True))
    assert caught.value.way_out
    assert read("a fox", interpreter(book, is_must=True)).spec.translation is None


def test_what_was_translated_is_remembered():
    book = PhraseBook()
    interpret = interpreter(book)
    for _ in range(3):
        assert read(WHOLE, interpret).spec.positive_text == "a red fox in the snow"
    assert book.asked == [[WHOLE]]


def test_a_book_that_answers_too_little_has_failed():
    class Short(PhraseBook):
        def translate(self, texts, *, language):
            return super().translate(texts, language=language)[:-1]

    assert spec_of("zorro::2 nieve", Short()).translation.failure == "failed"


def test_a_translation_into_nothing_is_none():
    spec = spec_of("zorro", PhraseBook({"zorro": " "}))
    assert (spec.positive_text, spec.translation.failure) == ("zorro", "failed")


def test_a_translation_is_stored_and_read_again():
    spec = spec_of("(rojo:1.3) zorro --no niebla")
    assert decode(SPEC, encode(SPEC, spec)) == spec
    untold = encode(SPEC, spec)
    del untold["translation"]
    assert decode(SPEC, untold).translation is None
