import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.spelling.folding import fold, latinise

ANY_TEXT = st.text(st.characters(), max_size=200)


@given(ANY_TEXT)
def test_folding_twice_is_folding_once(text):
    assert fold(fold(text)) == fold(text)


@given(ANY_TEXT)
def test_folding_leaves_no_capital_and_nothing_that_cannot_be_seen(text):
    folded = fold(text)
    assert folded == folded.lower() or not folded.isascii()
    assert not any(character in folded for character in "\u200b\u200d\u00ad\u2060\ufeff\u3164")


@pytest.mark.parametrize(
    "written",
    [
        "ROSE",
        "\uff52\uff4f\uff53\uff45",
        "\U0001d52f\U0001d52c\U0001d530\U0001d522",
        "\U0001d411\U0001d40e\U0001d412\U0001d404",
        "ⓡⓞⓢⓔ",
        "🅁🄾🅂🄴",
        "🅡🅞🅢🅔",
        "🆁🅾🆂🅴",
        "ʀᴏꜱᴇ",
        "r\u200bo\u200bs\u200be",
        "r\u00ado\u2060s\ufeffe",
        "r\u0336o\u0336s\u0336e\u0336",
        "ŕöšé",
        "r\u202eose",
    ],
)
def test_one_word_has_one_spelling(written):
    assert fold(written) == "rose"


def test_look_alikes_are_read_as_latin():
    assert latinise(fold("\u0440\u03bf\u0455\u0435")) == "pose"


def test_another_alphabet_stays_what_it_is():
    assert fold("Роза") == "роза"


def test_a_picture_sign_is_left_alone():
    assert fold("🦊 fox") == "🦊 fox"
