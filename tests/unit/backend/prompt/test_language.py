import pytest

from backend.prompt.language import UNKNOWN, LanguageGuess

GUESS = LanguageGuess()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("an old lighthouse on a cliff in a storm, oil painting", "en"),
        ("un gato durmiendo en la ventana", "es"),
        ("ein alter Leuchtturm im Sturm", "de"),
        ("старый маяк на скале", "ru"),
        ("雪の中の狐", "ja"),
        ("een huis aan zee", "nl"),
        ("жінка біля річки", "uk"),
    ],
)
def test_a_few_words_tell_the_language(text, language):
    assert GUESS(text) == language


@pytest.mark.parametrize("text", ["", "8 4 2", "🦊❄️", "x x x", "\ud800"])
def test_what_tells_nothing_is_unknown(text):
    assert GUESS(text) == UNKNOWN


def test_the_same_text_is_guessed_the_same():
    assert {GUESS("una casa blanca junto al mar") for _ in range(5)} == {"es"}
