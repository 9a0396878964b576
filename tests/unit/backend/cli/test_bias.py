"""`impasto bias audit --every`: a schedule outlives what ends one audit, and a spoilt report."""

import dataclasses
import json
from pathlib import Path

import pytest

from backend.cli import bias, main
from backend.domain.errors import BadInput, Unavailable
from safety.bias.audit import Audit, Observation, tally
from safety.bias.prompts import shipped_prompts
from tests.fakes.image_classifiers import save_tiny_classifier


class Enough(BaseException):
    """Ends a schedule, as Ctrl-C would."""


def an_audit(version: str) -> Audit:
    prompts = shipped_prompts()
    seen = [
        Observation(prompt=prompt.name, seed=seed, axis="gender", group=group)
        for prompt in prompts.prompts
        for seed, group in enumerate(("woman", "man", "man"))
    ]
    return Audit(
        family="sdxl",
        model="house",
        model_sha256=version * 64,
        prompts_digest=prompts.digest,
        seeds=3,
        at=f"2026-11-30T00:00:0{version}Z",
        tallies=(tally(seen, axis="gender", estimator="faces", groups=("man", "woman")),),
    )


class Rounds:
    """What each round of a schedule comes to, and how long it rests after each."""

    def __init__(self, *outcomes: Audit | Exception) -> None:
        self._outcomes = list(outcomes)
        self.rests: list[float] = []

    def audit(self, *_: object) -> Audit:
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def rest(self, seconds: float) -> None:
        self.rests.append(seconds)
        if not self._outcomes:
            raise Enough


def run(
    rounds: Rounds, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *more: str
) -> int:
    source = save_tiny_classifier(tmp_path / "gender", ("woman", "man"), favours=0)
    monkeypatch.setenv("IMPASTO_BIAS_ESTIMATORS", f"gender={source}")
    monkeypatch.setattr(bias, "_audit", rounds.audit)
    monkeypatch.setattr(bias.time, "sleep", rounds.rest)
    monkeypatch.setattr(bias, "end_as_by_ctrl_c", lambda *_: None)
    return main(["bias", "audit", "--family", "sdxl", "--json", *more])


def test_a_schedule_goes_on_after_an_audit_that_something_ended(
    home: Path, monkeypatch, tmp_path: Path, capsys
):
    rounds = Rounds(an_audit("1"), Unavailable(), OSError("no route"), an_audit("2"))
    with pytest.raises(Enough):
        run(rounds, home, monkeypatch, tmp_path, "--every", "7")
    said = capsys.readouterr()
    told = [json.loads(line) for line in said.out.splitlines()]
    assert [one["model_sha256"][0] for one in told] == ["1", "2"]
    assert told[1]["axes"]["gender"]["drift"] is not None
    assert said.err.count("ended early") == 2
    week = 7 * 86_400
    assert rounds.rests == [week, 3600, 3600, week]


def test_one_audit_by_itself_tells_what_ended_it(home: Path, monkeypatch, tmp_path: Path, capsys):
    rounds = Rounds(Unavailable())
    assert run(rounds, home, monkeypatch, tmp_path) == 4
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "unavailable"


def test_a_schedule_of_what_cannot_be_audited_ends(home: Path, monkeypatch, tmp_path: Path):
    rounds = Rounds(BadInput("An estimator failed.", way_out="Mend it."))
    assert run(rounds, home, monkeypatch, tmp_path, "--every", "7") == 2
    assert rounds.rests == []


def test_a_report_that_is_cut_off_does_not_stop_the_next_audit(
    home: Path, monkeypatch, tmp_path: Path, capsys
):
    assert run(Rounds(an_audit("1")), home, monkeypatch, tmp_path) == 0
    folder = home / "bias" / "sdxl"
    assert not list(folder.glob(".*"))
    (folder / "2026-11-30T000001Z-cut.json").write_text('{"version": 1, "fam')
    later = dataclasses.replace(an_audit("2"), model="newer")
    assert run(Rounds(later), home, monkeypatch, tmp_path) == 0
    said = capsys.readouterr()
    assert json.loads(said.out.splitlines()[-1])["axes"]["gender"]["drift"] is not None
    assert "passed over" in said.err
