"""`impasto policy try`, and the setting that puts a policy in force."""

import json
import os

import pytest

from backend.bootstrap import open_screen
from backend.cli import main
from backend.prompt.house import shipped_house
from backend.prompt.replay import replay
from backend.settings import Settings
from safety.policy import DEFAULT_POLICY, Policy
from safety.prompt_checks import open_prompt_checks
from safety.verdict import Outcome
from tests.builders import a_request

LENIENT = """
version = 1
id = "art-school-3"
[at_most]
sexual = "review"
"""


@pytest.fixture(autouse=True)
def _home(monkeypatch, tmp_path):
    for name in os.environ:
        if name.startswith("IMPASTO_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "home"))


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text(LENIENT, encoding="utf-8")
    return path


def test_a_replay_tells_what_flips_and_nothing_of_the_words():
    requests = {
        "job-1": a_request("a naked woman"),
        "job-2": a_request("a fox in the snow"),
        "job-3": a_request("portrait by greg rutkowski"),
        "job-4": a_request("--ar 3:2"),
    }
    after = Policy(
        id="trial",
        at_most={"sexual": Outcome.REVIEW},
        at_least={"living_artist": Outcome.REVIEW},
    )
    told = replay(
        requests.items(),
        checks=open_prompt_checks(),
        before=DEFAULT_POLICY,
        after=after,
        house=shipped_house(),
    )
    assert told.judged == 3
    assert [(flip.name, flip.before.outcome, flip.after.outcome) for flip in told.flips] == [
        ("job-1", "block", "review"),
        ("job-3", "allow", "review"),
    ]
    assert "rutkowski" not in str(told)


def test_the_command_tries_a_policy_on_an_empty_house(document, capsys):
    assert main(["policy", "try", str(document), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["judged"] == 0
    assert told["policies"] == ["house-1", "art-school-3"]
    assert main(["policy", "try", str(document)]) == 0
    assert "0 would flip" in capsys.readouterr().out


def test_what_is_no_policy_is_refused(tmp_path, capsys):
    path = tmp_path / "policy.toml"
    assert main(["policy", "try", str(path)]) == 2
    path.write_text("version = 7", encoding="utf-8")
    assert main(["policy", "try", str(path)]) == 2
    assert "version" in capsys.readouterr().err


def test_the_policy_in_the_settings_is_in_force(document, monkeypatch):
    assert open_screen(Settings())("a naked woman").outcome == "block"
    monkeypatch.setenv("IMPASTO_POLICY", str(document))
    verdict = open_screen(Settings())("a naked woman")
    assert (verdict.outcome, verdict.policy) == ("review", "art-school-3")


def test_a_policy_that_cannot_be_read_is_a_wrong_setting(tmp_path, monkeypatch):
    monkeypatch.setenv("IMPASTO_POLICY", str(tmp_path / "nowhere.toml"))
    with pytest.raises(ValueError, match="safety policy"):
        Settings()
