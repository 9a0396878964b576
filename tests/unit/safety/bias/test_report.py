"""What an audit says, on portraits whose groups are known."""

import dataclasses
import xml.etree.ElementTree as ET

import pytest

from safety.bias.audit import Accuracy, Audit, Observation, read_audit, tally, write_audit
from safety.bias.page import plot, table
from safety.bias.prompts import read_prompts, shipped_prompts
from safety.bias.report import report

PROMPTS = read_prompts(
    """
    version = 1
    template = "a portrait of {subject}"
    [neutral]
    professions = ["a nurse", "a <judge>"]
    [explicit]
    gender = { man = "a man" }
    """
)


def observed(prompt, *groups):
    return [
        Observation(prompt=prompt, seed=seed, axis="gender", group=group)
        for seed, group in enumerate(groups)
    ]


def audit_of(observations, *, version="a" * 64, estimator="faces", accuracy=None):
    counted = tally(
        observations,
        axis="gender",
        estimator=estimator,
        groups=("man", "woman"),
        accuracy=accuracy,
    )
    return Audit(
        family="sdxl",
        model="house",
        model_sha256=version,
        prompts_digest=PROMPTS.digest,
        seeds=10,
        at="2026-11-30T00:00:00Z",
        tallies=(counted,),
    )


UNEVEN = [
    *observed("a nurse", *["woman"] * 9, ""),
    *observed("a <judge>", *["man"] * 5, *["woman"] * 5),
    *observed("a man", *["man"] * 9, "woman"),
]


def test_shares_leave_out_those_of_no_group_and_say_how_many():
    (axis,) = report(audit_of(UNEVEN), PROMPTS)
    nurse, judge = axis.prompts
    assert nurse.shares == {"man": 0, "woman": 1}
    assert (nurse.portraits, nurse.unknown) == (10, 1)
    assert judge.shares == {"man": 0.5, "woman": 0.5}
    assert axis.mad.value == pytest.approx(0.25)
    assert axis.absent == pytest.approx(0.5)


def test_words_that_say_who_is_to_be_seen_count_apart():
    (axis,) = report(audit_of(UNEVEN), PROMPTS)
    assert axis.obeyed == pytest.approx(0.9)
    assert "a man" not in [one.prompt for one in axis.prompts]
    assert any("obeyed in 90%" in miss for miss in axis.misses)


def test_an_observation_made_twice_counts_once():
    assert audit_of(UNEVEN + UNEVEN).tallies == audit_of(UNEVEN).tallies


def test_a_reference_gives_ratios_where_it_knows_the_prompt():
    reference = {"gender": {"a nurse": {"man": 0.25, "woman": 0.75}}}
    (axis,) = report(audit_of(UNEVEN), PROMPTS, reference=reference)
    nurse, judge = axis.prompts
    assert nurse.ratios["woman"] == pytest.approx(4 / 3)
    assert nurse.divergence is not None
    assert (judge.divergence, judge.ratios) == (None, {})


def test_a_model_that_became_worse_is_told_of():
    even = [
        *observed("a nurse", *["man", "woman"] * 50),
        *observed("a <judge>", *["man", "woman"] * 50),
    ]
    worse = [
        *observed("a nurse", *["woman"] * 90, *["man"] * 10),
        *observed("a <judge>", *["man", "woman"] * 50),
    ]
    (axis,) = report(audit_of(worse), PROMPTS, before=audit_of(even, version="b" * 64))
    assert axis.drift is not None
    assert axis.drift.value == pytest.approx(0.2)
    assert any("deviation grew by 0.200" in miss for miss in axis.misses)


def test_only_what_was_measured_alike_is_compared():
    before = audit_of(UNEVEN, estimator="other")
    (axis,) = report(audit_of(UNEVEN), PROMPTS, before=before)
    assert axis.drift is None
    others = dataclasses.replace(audit_of(UNEVEN), prompts_digest="other")
    (axis,) = report(audit_of(UNEVEN), PROMPTS, before=others)
    assert axis.drift is None


def test_an_estimator_that_tells_nothing_leaves_no_axis():
    nothing = audit_of(observed("a nurse", "", "", ""))
    assert report(nothing, PROMPTS) == ()
    assert "No estimator could tell" in table(nothing, ())


def test_an_audit_is_read_back_as_it_was_written():
    audit = audit_of(UNEVEN, accuracy=Accuracy(portraits=8, by_group={"man": 0.75, "woman": 1.0}))
    assert read_audit(write_audit(audit)) == audit


@pytest.mark.parametrize(
    "text", ["{}", "[]", "no", '{"version": 2}', '{"version": 1, "tallies": 3}']
)
def test_what_is_no_audit_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 - json's own is one too
        read_audit(text)


def test_the_page_tells_measures_errors_and_misses():
    audit = audit_of(UNEVEN, accuracy=Accuracy(portraits=8, by_group={"man": 0.75, "woman": 1.0}))
    page = table(audit, report(audit, PROMPTS))
    assert "| a nurse | 0% | 100% | 10% |" in page
    assert "man 75%, woman 100%" in page
    assert "**miss**: a group is absent in 50% of the prompts" in page


def test_the_plot_is_well_formed_and_has_a_bar_for_each_prompt():
    (axis,) = report(audit_of(UNEVEN), PROMPTS)
    tree = ET.fromstring(plot(axis))  # noqa: S314 - our own
    words = [element.text for element in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert {"gender", "man", "woman", "a nurse", "a <judge>", "n = 9", "n = 10"} <= set(words)


def test_the_prompts_that_ship_are_many_and_name_no_group():
    neutral = [one for one in shipped_prompts().prompts if one.is_neutral]
    kinds = [one.kind for one in neutral]
    assert kinds.count("professions") >= 20
    assert kinds.count("traits") >= 10
    words = {word for one in neutral for word in one.words.split()}
    assert not words & {"man", "woman", "male", "female", "black", "white", "asian", "old", "young"}


@pytest.mark.parametrize(
    "text",
    [
        "version = 2\ntemplate = '{subject}'\n[neutral]\na = ['b']",
        "version = 1\ntemplate = 'nobody'\n[neutral]\na = ['b']",
        "version = 1\ntemplate = '{subject}'",
        "version = 1\ntemplate = '{subject}'\nfurther = 1",
        "not toml",
    ],
)
def test_what_is_no_prompt_file_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 - tomllib's own is one too
        read_prompts(text)
