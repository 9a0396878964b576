import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.errors import CheckFailed, LexiconInvalid
from safety.prompt_checks.blocklist.check import BlocklistPromptCheck
from safety.prompt_checks.blocklist.lexicon import read_lexicon
from safety.verdict import Outcome
from tests.unit.safety.disguises import DISGUISES
from tests.unit.safety.lexicons import SENTINELS, WORDS

CHECK = BlocklistPromptCheck(lexicon=read_lexicon([SENTINELS, WORDS]))


def rules(text):
    return {finding.rule for finding in CHECK.check(text)}


@pytest.mark.parametrize(
    "text", ["zqyoung fox", "a zqtiny one", "zqlewd fox", "zqbare tree", "fox"]
)
def test_one_half_of_a_combination_is_allowed(text):
    assert CHECK.check(text) == []


@pytest.mark.parametrize("age", ["zqyoung", "zqtiny one"])
@pytest.mark.parametrize("cue", ["zqlewd", "zqlewdness", "zqbare", "zqstripped"])
@pytest.mark.parametrize("distance", [0, 1, 40])
def test_both_halves_of_a_combination_block_in_any_order_at_any_distance(age, cue, distance):
    between = " ".join(["leaf"] * distance)
    for text in (f"{age} {between} {cue}", f"{cue} {between} {age}"):
        (finding,) = CHECK.check(text)
        assert (finding.outcome, finding.category) == (Outcome.BLOCK, "child_safety")


@pytest.mark.parametrize("disguise", DISGUISES.values(), ids=DISGUISES)
def test_a_disguised_combination_still_blocks(disguise):
    assert rules(disguise("zqyoung and zqstripped")) == {"child_safety.test"}


@pytest.mark.parametrize("disguise", DISGUISES.values(), ids=DISGUISES)
def test_a_disguised_word_is_still_held(disguise):
    assert rules(disguise("zqgrim")) == {"violence.word"}


@pytest.mark.parametrize(
    "text",
    [
        "zqgrrimm",
        "zqgr*m",
        "zqgirm",
        "zqg rim",
        "thezqgrimandzqbladeofzqwounds",
        "zq.grim",
        "zqgrim!",
    ],
)
def test_a_misspelt_masked_or_joined_word_is_still_held(text):
    assert "violence.word" in rules(text)


@pytest.mark.parametrize(
    "text", ["azqgrimb", "zqgrimmer", "zqgr", "grim", "zqblade", "zqlewdberry jam zqyoung"]
)
def test_part_of_a_longer_word_is_not_the_word(text):
    assert rules(text) == set()


def test_a_harmless_phrase_excuses_itself_only():
    assert rules("zqlewdberry jam, zqlewd and zqyoung") == {"child_safety.test"}


def test_words_have_to_be_as_near_as_the_rule_says():
    assert rules("zqblade red blue green zqwounds") == {"violence.near"}
    assert rules("zqwounded red blue green zqblade") == {"violence.near"}
    assert rules("zqblade red blue green pink zqwounds") == set()


def test_a_finding_says_where_in_the_text_as_it_was_written():
    blade = DISGUISES["full width"]("zqblade")
    text = f"\u200b{blade} and (zqwounds:1.2), é"
    (finding,) = CHECK.check(text)
    assert [text[start:end] for start, end in finding.spans] == [blade, "(zqwounds"]


@given(st.text(st.characters(), max_size=60), st.text(st.characters(), max_size=60))
def test_places_are_within_the_text(before, after):
    text = f"{before} zqgrim {after}"
    for finding in CHECK.check(text):
        assert all(0 <= start < end <= len(text) for start, end in finding.spans)


def test_an_excuse_lifts_its_rule():
    assert rules("zqblade zqwounds in a zqmuseum") == set()


def test_an_ordered_rule_minds_the_order():
    assert rules("zqblade zqthing") == {"violence.ordered"}
    assert rules("zqthing zqblade") == set()


def test_a_script_without_blanks_is_searched_anywhere():
    assert rules("zqblade と怖物の絵") == {"violence.ordered"}


@given(st.text(st.characters(), max_size=400))
def test_no_text_makes_it_fail(text):
    CHECK.check(text)


@given(st.sampled_from(list(DISGUISES.values())), st.text("abcdef ", max_size=60))
def test_a_disguise_does_not_make_an_innocent_text_guilty(disguise, text):
    assert CHECK.check(disguise(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "zqgrim " * 1500,
        "z q g r i m " * 900,
        "zqblade " * 600 + "a b c d " + "zqwound " * 600,
        "a" * 10_000,
        "a." * 5_000,
        "(" * 5_000 + ":1.1)" * 1_000,
        "z*g*i* " * 1_400,
        "1!" * 5_000,
    ],
)
def test_ten_thousand_characters_take_no_long_time(text):
    start = time.process_time()
    CHECK.check(text[:10_000])
    # Generous: it takes a tenth of it, and the time of others does not count.
    assert time.process_time() - start < 5


def test_ligatures_without_end_are_not_read():
    with pytest.raises(CheckFailed):
        CHECK.check("\ufdfa" * 2_000)


@pytest.mark.parametrize(
    "rule_file",
    [
        "not toml [",
        'category = "x"',
        'version = 2\ncategory = "x"',
        'version = 1\ncategory = "x"\n[[rules]]\nid = "a"\nall = ["nowhere"]',
        'version = 1\ncategory = "x"\n[sets]\na = "@nowhere"',
        'version = 1\ncategory = "x"\n[[rules]]\nid = "a"\noutcome = "shrug"\nterms = "b"',
        'version = 1\ncategory = "x"\n[sets]\na = 3',
    ],
)
def test_a_rule_file_that_cannot_be_read_is_refused_when_it_is_opened(rule_file):
    with pytest.raises(LexiconInvalid):
        read_lexicon([rule_file])
