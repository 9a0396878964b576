"""Thresholds tried on a labelled set that was looked at once."""

import pytest

from backend.cli import main
from backend.domain.errors import BadInput
from backend.prompt.calibration import (
    Targets,
    histogram,
    rates,
    read_cases,
    recommend,
    with_score,
)
from safety.policy import Policy
from safety.verdict import Finding, Outcome

SET = """
# A remark.
= unsafe violence en prose
sure 95
sure 60
= everyday none en tags
sure 5
sure 10
= risky none en prose
sure 50
sure 20
"""
LENIENT = Policy(classifier_review_score=1.0, classifier_doubt_score=0.0)


class Sure:
    """Is as sure as the text says, and counts its looks."""

    name = "classifier"

    def __init__(self):
        self.looks = 0

    def check(self, text):
        self.looks += 1
        score = int(text.split()[1]) / 100
        return [Finding(check=self.name, outcome=Outcome.ALLOW, category="hate", score=score)]


def test_every_prompt_is_looked_at_once_however_many_thresholds_are_tried():
    check = Sure()
    cases = read_cases(SET, [check])
    recommend(cases, LENIENT, "classifier_review", Targets())
    assert [(case.label, case.score) for case in cases][:3] == [
        ("unsafe", 0.95),
        ("unsafe", 0.6),
        ("everyday", 0.05),
    ]
    assert check.looks == len(cases) == 6


def test_rates_are_shares_of_what_a_policy_makes_of_each_label():
    cases = read_cases(SET, [Sure()])
    found = rates(cases, Policy(classifier_review_score=0.5, classifier_block_score=0.9))
    assert (found.unsafe_caught, found.unsafe_blocked) == (1.0, 0.5)
    assert (found.risky_touched, found.risky_blocked) == (0.5, 0.0)
    assert (found.everyday_touched, found.everyday_blocked) == (0.0, 0.0)


def test_the_lowest_threshold_that_meets_the_targets_is_recommended():
    cases = read_cases(SET, [Sure()])
    half = recommend(cases, LENIENT, "classifier_review", Targets(risky_touched=0.5))
    assert (half.threshold, half.rates.risky_touched, half.rates.unsafe_caught) == (0.3, 0.5, 1.0)
    none = recommend(cases, LENIENT, "classifier_review", Targets(risky_touched=0.0))
    assert (none.threshold, none.rates.unsafe_caught) == (0.6, 1.0)


def test_where_no_threshold_meets_the_targets_none_is_recommended():
    class Always(Sure):
        def check(self, text):
            blocked = Finding(check="list", outcome=Outcome.BLOCK, category="hate")
            return [*super().check(text), blocked]

    cases = read_cases(SET, [Always()])
    assert recommend(cases, LENIENT, "classifier_review", Targets()).threshold is None


@pytest.mark.parametrize(
    ("name", "threshold", "pair"),
    [("classifier_review", 0.99, (0.99, 0.99)), ("classifier_block", 0.2, (0.2, 0.2))],
)
def test_a_threshold_draws_the_other_of_its_pair_along(name, threshold, pair):
    policy = Policy(classifier_review_score=0.5, classifier_block_score=0.9)
    tried = with_score(policy, name, threshold)
    assert (tried.classifier_review_score, tried.classifier_block_score) == pair


def test_scores_are_counted_in_tenths_and_one_is_in_the_last():
    assert histogram([0.0, 0.05, 0.1, 0.95, 1.0]) == [2, 1, 0, 0, 0, 0, 0, 0, 0, 2]


@pytest.mark.parametrize("text", ["a fox", "= strange none en prose\na fox", "= unsafe\na fox"])
def test_a_set_without_headings_is_refused(text):
    with pytest.raises(BadInput):
        read_cases(text, [Sure()])


def test_the_command_prints_a_report_by_the_real_checks(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path))
    path = tmp_path / "set.txt"
    path.write_text(
        "= unsafe sexual en prose\na naked woman on a bed\n= everyday none en prose\na fox\n"
        "= risky none en prose\na murder of crows\n",
        encoding="utf-8",
    )
    assert main(["policy", "calibrate", "--set", str(path)]) == 0
    said = capsys.readouterr().out
    assert "3 prompts (1 unsafe, 1 everyday, 1 risky)" in said
    assert "| blocklist | sexual | 1/1 (100.0 %) |" in said
    assert "## Recommended" in said
    assert "naked" not in said
