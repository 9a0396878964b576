"""Whoever types in another language reads what is drawn of it."""

from backend.prompt.interpreter import Interpreter
from tests.fakes.discord import Town
from tests.fakes.translators import BrokenBook, PhraseBook

PROMPT = "un zorro rojo en la nieve"


def reading(book: PhraseBook) -> Interpreter:
    return Interpreter(translator=book, guess=lambda text: "es")


async def test_the_translation_is_shown_with_the_job_and_with_its_pictures(town: Town) -> None:
    town.interpret = reading(PhraseBook())
    await town.alice.slash(town.channel, "imagine", prompt=PROMPT)
    job_id = town.newest_job().id
    line = "-# Drawn from Spanish as: a red fox in the snow"
    assert line in town.message_of(job_id).content
    assert PROMPT in town.message_of(job_id).content
    await town.start(job_id)
    await town.finish(job_id)
    assert line in town.message_of(job_id).content


async def test_words_that_could_not_be_translated_are_told_to_be_drawn_as_typed(town: Town) -> None:
    town.interpret = reading(BrokenBook())
    await town.alice.slash(town.channel, "imagine", prompt=PROMPT)
    content = town.message_of(town.newest_job().id).content
    assert "Drawn from" not in content
    assert "Spanish" in content


async def test_english_is_shown_without_a_word_about_it(town: Town) -> None:
    town.interpret = Interpreter(translator=PhraseBook(), guess=lambda text: "en")
    await town.alice.slash(town.channel, "imagine", prompt="a red fox")
    assert "Drawn from" not in town.message_of(town.newest_job().id).content


async def test_a_dry_run_says_which_language_was_read(town: Town) -> None:
    town.interpret = reading(PhraseBook())
    answer = await town.alice.slash(town.channel, "imagine", prompt=f"{PROMPT} --dry")
    said = "".join(one.content for one in answer.followups)
    assert "a red fox in the snow" in said
    assert "read from Spanish" in said
