"""The `impasto` command line explains itself: help, version, and files that are not there."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.cli import main, make_parser
from backend.cli.commands import COMMANDS


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.chdir(home.parent)


FILES = [
    ["verify"],
    ["policy", "try"],
    ["policy", "set", "--guild", "1"],
    ["policy", "calibrate", "--set"],
    ["simulate"],
    ["bias", "audit", "--prompts"],
    ["bias", "audit", "--reference"],
]


@pytest.mark.parametrize("words", FILES, ids=" ".join)
@pytest.mark.parametrize(
    ("name", "said"), [("gone.x", "there is no file gone.x"), (".", ". is a folder, not a file")]
)
def test_a_file_that_is_not_there_is_bad_input_and_makes_no_home(
    words: list[str], name: str, said: str, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    assert main([*words, name]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("bad_input: ")
    assert said in captured.err
    assert not home.exists()


@pytest.mark.parametrize("given", ["gone.json", "none.json"])
def test_a_recipe_that_cannot_be_read_is_named(
    given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("none.json").write_text("{}")
    assert main(["imagine", "--exact", given]) == 2
    said = capsys.readouterr().err
    assert given in said
    assert "Write `impasto imagine --exact fox.json`" in said


def test_what_a_command_does_not_know_is_told_in_its_own_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["key", "create", "me", "--bogus"]) == 2
    said = capsys.readouterr().err
    assert said == (
        "bad_input: unrecognized arguments: --bogus. See `impasto key create --help`.\n"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["promptt"], "no command `impasto promptt`; did you mean `impasto prompt`? See `impasto "),
        (["Gatway", "--json"], "did you mean `impasto gateway`?"),
        (["prompt", "explan", "a fox"], "`impasto prompt explan`; did you mean `impasto prompt ex"),
        (["key", "xyz"], "no command `impasto key xyz`; it is create, list or revoke. See "),
    ],
)
def test_a_misspelt_command_is_told_which_one_was_meant(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    told = captured.out or captured.err
    assert said in told
    assert "doctor" not in told
    assert "--json" not in words or json.loads(captured.out)["error"]["code"] == "bad_input"


def test_what_is_like_no_command_is_told_all_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["xyzzy"]) == 2
    said = capsys.readouterr().err
    assert all(command.name in said for command in COMMANDS)


def test_without_a_command_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "make a picture and write it to a file" in captured.err


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("impasto 0.")


def test_every_option_and_argument_says_what_it_is() -> None:
    silent = [
        f"{parser.prog} {action.metavar or action.dest}"
        for command in COMMANDS
        for parser in _parsers(make_parser([command.name]))
        for action in parser._actions
        if not action.help and not isinstance(action, argparse._SubParsersAction)
    ]
    assert silent == []


def _parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                yield from _parsers(one)
