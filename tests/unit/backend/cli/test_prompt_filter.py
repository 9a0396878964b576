import io
import json
import subprocess
import sys

import pytest

from backend.bootstrap.reading import open_screen
from backend.cli.prompt import run_filter
from backend.prompt.judging import SafetyScreen
from backend.settings import Settings
from safety.policy import DEFAULT_POLICY
from safety.verdict import Finding, Outcome

SCREEN = open_screen(Settings())


def ask(*lines):
    out = io.StringIO()
    stdin = io.StringIO("".join(f"{line}\n" for line in lines))
    assert run_filter(stdin, out, screen=SCREEN) == 0
    return [json.loads(line) for line in out.getvalue().splitlines()]


def question(prompt, number=1):
    return json.dumps({"id": number, "prompt": prompt})


def test_each_question_is_answered_in_order_by_its_id():
    answers = ask(question("a fox", 7), question("a naked woman", "b"))
    assert answers[0] == {
        "id": 7,
        "outcome": "allow",
        "category": None,
        "rule": None,
        "score": answers[0]["score"],
        "spans": [],
        "policy": "house-1",
        "policy_version": DEFAULT_POLICY.version,
        "language": "en",
        "translation": None,
        "way_out": None,
    }
    assert 0 <= answers[0]["score"] < 0.5
    assert (answers[1]["id"], answers[1]["outcome"], answers[1]["category"]) == (
        "b",
        "block",
        "sexual",
    )
    assert answers[1]["rule"]


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "[1]",
        "{",
        "{}",
        '{"id": 1}',
        '{"prompt": 3}',
        '{"id": [], "prompt": "a"}',
        '{"id": true, "prompt": "a"}',
    ],
)
def test_a_line_that_is_no_question_is_answered_with_an_error_and_the_next_is_read(line):
    first, second = ask(line, question("a fox", 2))
    assert first["error"]["code"] == "bad_input"
    assert second["outcome"] == "allow"


def test_an_error_keeps_the_id_if_there_is_one():
    (answer,) = ask('{"id": 5}')
    assert answer["id"] == 5


@pytest.mark.parametrize(
    ("prompt", "outcome"),
    [
        ("", "allow"),
        ("x " * 1_900, "allow"),
        ("x " * 6_000, "review"),
        ("x " * 6_000 + "a naked woman", "block"),
        ("a naked woman" + " x" * 20_000, "block"),
        ("a fox --chaos 3", "allow"),
        ("a naked woman --chaos 3", "block"),
        ("a fox --no nudity", "allow"),
        ("\ud800 a fox", "allow"),
    ],
)
def test_every_text_gets_an_outcome(prompt, outcome):
    (answer,) = ask(question(prompt))
    assert answer["outcome"] == outcome


def test_an_answer_says_where_in_the_prompt_and_in_what_language():
    prompt = "--ar 2:3 a quiet room and a naked woman on a bed"
    (answer,) = ask(question(prompt))
    assert {prompt[start:end] for start, end in answer["spans"]} >= {"naked", "woman"}
    assert answer["language"] == "en"
    assert answer["score"] == 1


def test_what_no_one_would_read_is_held_for_a_moderator():
    (answer,) = ask(question("x " * 50_000))
    assert (answer["outcome"], answer["rule"]) == ("review", "too_long")


def test_blank_lines_are_passed_over():
    assert len(ask("", "  ", question("a fox"))) == 1


def test_as_a_process_it_answers_each_line_at_once_whatever_bytes_came_before():
    command = "import sys; from backend.cli import main; sys.exit(main(sys.argv[1:]))"
    with subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-c", command, "prompt", "check", "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        process.stdin.write(b'\xff\xfe{"id"\n')
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["error"]["code"] == "bad_input"
        process.stdin.write(question("a fox", 2).encode() + b"\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["id"] == 2
        process.stdin.close()
        assert process.wait(timeout=60) == 0


@pytest.mark.parametrize("place", [0, 4_999, 9_495, 9_999, 15_000, 29_900])
def test_a_text_too_long_for_a_prompt_is_held_wherever_the_harm_is(place):
    filler = "a fox in the snow " * 1_700
    prompt = f"{filler[:place]} hardcore porn, explicit sex {filler[place:]}"
    [answer] = ask(question(prompt))
    assert answer["outcome"] != "allow"
    [answer] = ask(question(filler[:3_900]))
    assert answer["outcome"] == "allow"


def test_an_answer_tells_the_english_that_was_judged_too():
    held, allowed = ask(question("una mujer desnuda en la cama"), question("un zorro en la nieve"))
    assert (held["outcome"], held["language"]) == ("block", "es")
    assert (allowed["outcome"], allowed["translation"]) == ("allow", "a fox in the snow")


@pytest.mark.parametrize(
    ("prompt", "language", "english"),
    [("zorro rojo", "es", "red fox"), ("赤い狐", "ja", "red fox"), ("red fox", "en", None)],
)
def test_a_short_prompt_is_of_the_language_it_was_translated_from(prompt, language, english):
    (answer,) = ask(question(prompt))
    assert (answer["language"], answer["translation"]) == (language, english)


def test_what_is_held_has_a_way_out_and_the_words_to_change():
    prompt = "a quiet room and a naked woman on a bed"
    (answer,) = ask(question(prompt))
    start, end = answer["way_out"]["span"]
    assert "naked" in prompt[start:end]
    assert "nudity" in answer["way_out"]["sentence"]


def test_nobody_is_told_a_way_around_child_safety():
    screen = SafetyScreen(checks=[NamesChildren()])
    out = io.StringIO()
    run_filter(io.StringIO(question("sentinel zorp")), out, screen=screen)
    answer = json.loads(out.getvalue())
    assert (answer["outcome"], answer["spans"]) == ("block", [[9, 13]])
    assert answer["way_out"]["span"] is None
    assert "nobody can release it" in answer["way_out"]["sentence"]


class NamesChildren:
    """Finds child safety in a word that means nothing."""

    name = "sentinel"

    def check(self, text):
        start = text.find("zorp")
        if start < 0:
            return [Finding(check=self.name, outcome=Outcome.ALLOW)]
        spans = ((start, start + 4),)
        return [
            Finding(check=self.name, outcome=Outcome.BLOCK, category="child_safety", spans=spans)
        ]


def test_the_same_prompt_gets_the_same_answer_every_time():
    prompts = ["a fox", "una mujer desnuda en la cama", "a naked woman", "{a, b} fox --ar 2:3"]
    first, second = (ask(*map(question, prompts * 2)) for _ in range(2))
    assert first == second
    assert first[: len(prompts)] == first[len(prompts) :]


def test_what_a_workshop_would_not_translate_is_judged_all_the_same(monkeypatch):
    monkeypatch.setenv("IMPASTO_TRANSLATOR", "libretranslate")
    monkeypatch.setenv("IMPASTO_TRANSLATOR_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("IMPASTO_TRANSLATION_MUST", "true")
    (answer,) = ask(question("una mujer desnuda en la cama"))
    assert (answer["outcome"], answer["translation"]) == ("block", None)
