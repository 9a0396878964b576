"""`impasto policy set|show|history|unset`."""

import json

import pytest

from backend.cli import main

pytestmark = pytest.mark.usefixtures("home")

GUILD = "4242"
STRICT = 'version = 1\nid = "school"\n[at_least]\nbrand = "review"\n'


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "school.toml"
    path.write_text(STRICT, encoding="utf-8")
    return path


def told(capsys, *words):
    """Run a policy command and return what it says as JSON."""
    status = main(["policy", *map(str, words), "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_a_guilds_policy_is_set_shown_and_taken_away_and_all_of_it_is_remembered(document, capsys):
    house = told(capsys, "show")[1]
    assert house["id"] == "house-1"
    assert told(capsys, "set", document, "--guild", GUILD, "--by", "ann")[1]["version"] == 1
    shown = told(capsys, "show", "--guild", GUILD)[1]
    assert (shown["id"], shown["at_least"]) == ("school", {"brand": "review"})
    assert shown["version"].startswith("1.")
    assert told(capsys, "show", "--guild", "1")[1] == house
    assert told(capsys, "unset", "--guild", GUILD, "--by", "bob")[1]["version"] == 2
    assert told(capsys, "show", "--guild", GUILD)[1] == house
    versions = told(capsys, "history", "--guild", GUILD)[1]["versions"]
    assert [(one["author"], one["document"]) for one in versions] == [
        ("ann", STRICT),
        ("bob", None),
    ]


def test_what_holds_for_a_role_and_among_adults_is_shown(capsys, tmp_path):
    path = tmp_path / "graded.toml"
    grade = '[[grades]]\nroles = ["4712"]\nscores = { nsfw_review = 0.3 }\n'
    path.write_text(STRICT + grade, encoding="utf-8")
    told(capsys, "set", path, "--guild", GUILD, "--by", "ann")
    shown = [
        told(capsys, "show", "--guild", GUILD, *words)[1]["scores"]
        for words in ((), ("--role", "4712"), ("--role", "1", "--restricted"))
    ]
    assert [scores["nsfw_review"] for scores in shown] == [0.6, 0.3, 0.6]
    assert [scores["nsfw_spoiler"] for scores in shown] == [0.4, 0.4, 0.6]
    assert told(capsys, "show", "--restricted")[1]["scores"]["nsfw_spoiler"] == 0.6


def test_the_commands_speak_to_people_too(document, capsys):
    assert main(["policy", "set", str(document), "--guild", GUILD, "--by", "ann"]) == 0
    assert main(["policy", "history", "--guild", GUILD]) == 0
    assert main(["policy", "show", "--guild", GUILD]) == 0
    said = capsys.readouterr().out
    for words in (
        "Version 1 holds from now on.",
        "set by ann",
        'brand = "review"',
        'id = "school"',
    ):
        assert words in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["set", "nowhere.toml", "--guild", GUILD], "there is no file nowhere.toml"),
        (["unset", "--guild", GUILD], "no policy of its own"),
        (["show", "--guild", "art"], "A guild's id is a number"),
        (["set", __file__], "--guild"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(words, sentence, capsys):
    assert main(["policy", *words]) == 2
    assert sentence in capsys.readouterr().err


def test_a_document_softer_than_the_deployment_allows_is_refused(tmp_path, capsys):
    path = tmp_path / "soft.toml"
    path.write_text('version = 1\nid = "x"\n[at_most]\nsexual = "allow"', encoding="utf-8")
    assert main(["policy", "set", str(path), "--guild", GUILD]) == 2
    assert "softer than house-1 allows in sexual" in capsys.readouterr().err
    assert told(capsys, "history", "--guild", GUILD)[1]["versions"] == []
