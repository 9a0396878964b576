"""The `impasto` command line: every way to hold it wrong ends in a sentence and a status."""

import argparse
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backend.cli import main, make_parser
from backend.cli.demo import announce
from backend.cli.doctor import examine_lists, examine_proxies, examine_time_stamps
from backend.cli.extras import NotInstalled
from backend.cli.imagine import make_request
from backend.cli.stack import Stack
from backend.cli.supervisor import Supervisor
from backend.cli.terminal import bar
from backend.domain.errors import PromptBlocked, Unavailable
from backend.domain.families import ModelFamily
from backend.domain.prompts import LoraRef
from backend.settings import Settings
from tests.fakes.time_stamps import an_authority

NOBODY_THERE = "redis://:geheim@127.0.0.1:1/0"


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.chdir(home.parent)


def _error(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    captured = capsys.readouterr()
    assert captured.err == ""
    error: dict[str, str] = json.loads(captured.out)["error"]
    return error


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["imagine", "a fox", "--seed", "abc"], "bad_input"),
        (["imagine", "a fox", "--tier", "nope"], "bad_input"),
        (["imagine", "a fox", "--family", "nope"], "bad_input"),
        (["imagine", "a fox", "--bogus"], "bad_input"),
        (["imagine"], "bad_input"),
        (["imagine", "a fox", "--exact", "recipe.json"], "invalid_parameter"),
        (["imagine", "--exact", "nowhere.json"], "invalid_parameter"),
        (["imagine", ""], "prompt_empty"),
        (["imagine", "x" * 10_000], "prompt_too_long"),
        (["imagine", "a fox", "--ar", ""], "invalid_aspect_ratio"),
        (["imagine", "a fox", "--ar", "3"], "invalid_aspect_ratio"),
        (["imagine", "a fox", "--ar", "9" * 5000 + ":1"], "invalid_aspect_ratio"),
        (["imagine", "a fox", "--seed", "-1"], "seed_out_of_range"),
        (["imagine", "a fox", "--out", "nowhere/fox.png"], "invalid_parameter"),
        (["imagine", "a fox", "--out", "."], "invalid_parameter"),
        (["imagine", "a fox", "--control", "edges"], "invalid_parameter"),
        (["imagine", "a fox", "--control", "edges=nowhere.png"], "invalid_parameter"),
        (["imagine", "a fox", "--control", f"edges:3={__file__}"], "invalid_parameter"),
        (["imagine", "a fox", "--control", f"edges:x={__file__}"], "invalid_parameter"),
        (["imagine", "--exact", "f.json", "--control", f"edges={__file__}"], "invalid_parameter"),
    ],
)
def test_bad_input_is_one_json_object_on_standard_output(
    words: list[str], code: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main([*words, "--json"]) == 2
    assert _error(capsys)["code"] == code
    assert list(tmp_path.iterdir()) == []


def test_bad_usage_is_told_to_people_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["imagine", "a fox", "--seed", "abc"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "--seed" in captured.err
    assert "impasto imagine --help" in captured.err


COMMANDS = [
    ["imagine", "a fox"],
    ["up"],
    ["demo"],
    ["bot"],
    ["gateway"],
    ["dispatcher"],
    ["worker", "--family", "sdxl"],
    ["key", "create", "me"],
    ["key", "revoke", "me"],
    ["key", "list"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IMPASTO_FAMILIES", "sdxl,foo"),
        ("IMPASTO_FAMILIES", ","),
        ("IMPASTO_GATEWAY_PORT", "abc"),
        ("IMPASTO_DATABASE_URL", "geheim"),
        ("IMPASTO_DATABASE_URL", "mysql://u:geheim@h/x"),
        ("IMPASTO_DATABASE_URL", "postgresql://u@h:geheim/x"),
        ("IMPASTO_REDIS_URL", "geheim"),
        ("IMPASTO_REDIS_URL", "redis://:geheim/x@host"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_without_its_value(
    words: list[str],
    name: str,
    value: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(name, value)
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"bad_setting: {name} cannot be used: ")
    assert "geheim" not in captured.out + captured.err


def test_doctor_names_the_variable_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMPASTO_FAMILIES", "foo")
    assert main(["doctor", "--json"]) == 1
    [finding] = json.loads(capsys.readouterr().out)
    assert finding["name"] == "IMPASTO_FAMILIES"


def test_doctor_tells_an_installation_behind_a_proxy_to_name_it(tmp_path: Path) -> None:
    assert not list(examine_proxies(Settings(home=tmp_path)))
    public = {"home": tmp_path, "public_url": "https://pictures.example"}
    [untold] = examine_proxies(Settings(**public))
    assert untold.level == "note"
    assert "IMPASTO_TRUSTED_PROXIES" in untold.fix
    [told] = examine_proxies(Settings(**public, trusted_proxies="10.0.0.5, fd00::/8"))
    assert (told.level, told.message) == (
        "ok",
        "believed for whom they ask: 10.0.0.5/32, fd00::/8",
    )


def test_doctor_tells_of_each_list_whether_it_can_be_looked_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh, stale = tmp_path / "fresh.txt", tmp_path / "stale.txt"
    for path in (fresh, stale):
        path.write_text("0f" * 32 + "\n")
    os.utime(stale, (time.time() - 8 * 24 * 3600,) * 2)
    document = tmp_path / "lists.toml"
    kinds = {"fresh": 'path = "fresh.txt"', "stale": 'path = "stale.txt"', "gone": 'path = "none"'}
    texts = [f'[[list]]\nname = "{name}"\nkind = "file"\n{at}\n' for name, at in kinds.items()]
    bank = 'kind = "http"\nurl = "https://bank.invalid/x"\nsha256_url = "https://bank.invalid/y"'
    document.write_text("\n".join([*texts, f'[[list]]\nname = "bank"\n{bank}\n']))
    settings = Settings(hash_lists=document, home=tmp_path)
    found = {one.name: one for one in examine_lists(settings)}
    assert {name.rpartition(" ")[2]: one.level for name, one in found.items()} == {
        "fresh": "ok",
        "stale": "problem",
        "gone": "problem",
        "bank": "note",
    }
    assert found["hash list stale"].message == "it is stale, so every picture is held"
    assert all(one.fix for one in found.values() if one.level == "problem")
    document.write_text("[[list]]\nname = 7\n")
    [broken] = examine_lists(settings)
    assert (broken.name, broken.level) == ("hash lists", "problem")


def test_doctor_has_something_stamped_with_the_time(tmp_path: Path) -> None:
    assert list(examine_time_stamps(Settings(home=tmp_path))) == []
    with an_authority() as authority:
        settings = Settings(home=tmp_path, c2pa_time_stamps=authority.url)
        [stamped] = examine_time_stamps(settings)
        authority.misbehaves = (503, b"")
        [refused] = examine_time_stamps(settings)
    assert (stamped.level, stamped.message[:11]) == ("ok", "stamped, 20")
    assert (refused.level, bool(refused.fix)) == ("note", True)


@pytest.mark.parametrize(
    "words", [words for words in COMMANDS if words[0] not in ("key",)], ids=" ".join
)
def test_a_broker_that_does_not_answer_ends_every_command_with_status_4(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMPASTO_REDIS_URL", NOBODY_THERE)
    assert main(words) == 4
    captured = capsys.readouterr()
    assert "IMPASTO_REDIS_URL does not answer" in captured.err
    assert "geheim" not in captured.err


def test_a_broker_that_does_not_answer_is_a_json_object_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMPASTO_REDIS_URL", NOBODY_THERE)
    assert main(["imagine", "a fox", "--json"]) == 4
    assert _error(capsys)["code"] == "unavailable"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_database_that_does_not_answer_ends_every_command_with_status_4(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMPASTO_DATABASE_URL", "postgresql://u:geheim@127.0.0.1:1/x")
    assert main(words) == 4
    captured = capsys.readouterr()
    assert captured.err.startswith("unavailable: ")
    assert "geheim" not in captured.err


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_home_that_cannot_be_made_is_named(
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "file" / "home"))
    assert main(words) == 4
    captured = capsys.readouterr()
    assert str(tmp_path / "file") in captured.err


@pytest.mark.parametrize(
    ("error", "status"), [(Unavailable(), 4), (PromptBlocked(category="gore"), 3)]
)
def test_the_status_tells_a_refusal_from_a_failure(
    error: Exception,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(arguments: object) -> int:
        raise error

    monkeypatch.setattr("backend.cli.doctor.run", refuse)
    assert main(["doctor", "--json"]) == status
    assert _error(capsys)["code"] == getattr(error, "code", None)


def test_a_bug_is_not_taken_for_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(arguments: object) -> int:
        raise LookupError

    monkeypatch.setattr("backend.cli.doctor.run", break_down)
    with pytest.raises(LookupError):
        main(["doctor"])


def parsed(words: list[str]) -> argparse.Namespace:
    return make_parser(words).parse_args(words)


def test_a_prompt_of_bytes_that_are_no_text_can_be_stored() -> None:
    arguments = parsed(["imagine", os.fsdecode(b"a fox \xff")])
    assert make_request(arguments).prompt == "a fox ?"


def test_loras_are_named_with_what_they_count() -> None:
    arguments = ["imagine", "a fox", "--lora", "pixel-art:0.8", "--lora", "line-drawing"]
    assert make_request(parsed(arguments)).loras == (
        LoraRef(name="pixel-art", scale=0.8),
        LoraRef(name="line-drawing", scale=1.0),
    )


def test_a_user_without_a_name_may_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError

    monkeypatch.setattr("getpass.getuser", nobody)
    request = make_request(parsed(["imagine", "a fox"]))
    assert request.requester.account_id == f"local:{os.getuid()}"


@pytest.mark.parametrize(
    ("encoding", "shown"), [("ascii", "#" * 12 + "." * 12), ("utf-8", "█" * 12 + "░" * 12)]
)
def test_the_bar_is_drawn_in_characters_the_terminal_has(
    encoding: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert bar(5, 10) == f"{shown} 5/10"


def test_a_terminal_of_few_characters_gets_no_traceback(tmp_path: Path) -> None:
    env = {"PYTHONIOENCODING": "ascii", "IMPASTO_MODEL_SDXL": "\u2192/model"}
    done = subprocess.run(
        [sys.executable, "-c", "from backend.cli import main; raise SystemExit(main())", "doctor"],
        env={**os.environ, **env},
        capture_output=True,
        check=False,
    )
    assert b"Traceback" not in done.stderr
    assert b"?" in done.stdout


@pytest.mark.parametrize(
    ("words", "extra"),
    [(["bot"], "bot"), (["worker", "--family", "sdxl"], "gpu"), (["up"], "gpu")],
)
def test_packages_that_are_missing_are_named(
    words: list[str],
    extra: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert main(words) == 4
    assert f"'.[{extra}]'" in capsys.readouterr().err


def test_a_stack_starts_no_process_that_cannot_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    supervisor = Supervisor(logs=tmp_path / "logs", env={})
    stack = Stack(settings=Settings(), supervisor=supervisor, redis_url=NOBODY_THERE)
    with pytest.raises(NotInstalled):
        stack.start_worker(ModelFamily.SDXL)
    with pytest.raises(NotInstalled):
        stack.start_bot()
    assert supervisor.process_ids() == {}


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 65])
def test_a_key_needs_a_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "create", name]) == 2
    assert capsys.readouterr().err.startswith("bad_input: A key's name")


def test_keys_are_listed_without_their_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "list"]) == 0
    assert capsys.readouterr().out.startswith("There is none.")
    made = []
    for words in (["website"], ["mod", "--moderator"]):
        assert main(["key", "create", *words, "--json"]) == 0
        made.append(json.loads(capsys.readouterr().out))
    website, moderator = made
    assert main(["key", "list"]) == 0
    told = capsys.readouterr().out
    assert [line.split()[0] for line in told.splitlines()] == [website["id"], moderator["id"]]
    assert told.count("(moderator)") == 1
    assert main(["key", "revoke", website["id"]]) == 0
    capsys.readouterr()
    assert main(["key", "list", "--json"]) == 0
    assert [one["id"] for one in json.loads(capsys.readouterr().out)] == [moderator["id"]]
    assert main(["key", "list", "--all"]) == 0
    both = capsys.readouterr().out
    assert "revoked" in both
    assert not any(one["secret"] in told + both for one in made)


def test_a_key_that_is_not_there_cannot_be_revoked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "revoke", "key_0"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("bad_input: There is no such key. Give its id")


@pytest.mark.parametrize("words", [["key", "create", "me"], ["imagine", "a fox"], ["doctor"]])
def test_the_home_is_for_its_owner_alone(
    words: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("IMPASTO_REDIS_URL", NOBODY_THERE)
    main(words)
    assert (tmp_path / "home").stat().st_mode & 0o077 == 0


def test_the_demos_doors_are_told_and_for_their_owner_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = Stack(
        settings=Settings(),
        supervisor=Supervisor(logs=tmp_path / "logs", env={}),
        redis_url=NOBODY_THERE,
    )
    announce(stack, {"page_url": "http://127.0.0.1:1/secret"}, tmp_path / "ready.json")
    told = capsys.readouterr().out
    assert "Open http://127.0.0.1:1/secret\n" in told
    assert f"REST: {stack.settings.public_url} " in told
    assert str(stack.settings.home / "logs") in told
    assert (tmp_path / "ready.json").stat().st_mode & 0o077 == 0
