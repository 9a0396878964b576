"""What is noted of a prompt that is judged, and what another policy makes of it without looking."""

from dataclasses import replace

import pytest

from backend.domain.judgements import Found, Judgement, LookKind, PictureJudgement
from backend.domain.prompts import Translation, WeightedPart
from backend.prompt.judging import (
    SafetyScreen,
    judge_again,
    judge_pictures_again,
    judge_words,
)
from backend.prompt.replay import Judged, Source, Trial
from safety.policy import Policy
from safety.verdict import Finding, Outcome
from tests.builders import a_spec

HOUSE = Policy(id="house", classifier_doubt_score=0.0)
STRICT = replace(HOUSE, id="strict", classifier_review_score=0.3)


class Weather:
    """Finds storms, and is as sure of rain as the word's place says; counts its looks."""

    name = "classifier"

    def __init__(self):
        self.looks = 0

    def check(self, text):
        self.looks += 1
        sure = 0.5 if "rain" in text else 0.1
        found = [Finding(check=self.name, outcome=Outcome.ALLOW, category="hate", score=sure)]
        if "storm" in text:
            start = text.index("storm")
            found.append(
                Finding(
                    check="blocklist",
                    outcome=Outcome.BLOCK,
                    category="violence_gore",
                    rule="storm.1",
                    spans=((start, start + 5),),
                )
            )
        return found


def judged(spec, policy=HOUSE, rules="r1"):
    screen = SafetyScreen(checks=[Weather()], policy=policy, rules=rules)
    return judge_words(spec, screen)


SPECS = [
    a_spec("a fox"),
    a_spec("a fox in rain"),
    a_spec("a storm"),
    a_spec("a fox", negative=(WeightedPart.plain("fog"),)),
    a_spec("a storm", negative=(WeightedPart.plain("fog"),)),
    a_spec(
        "a fox in rain",
        translation=Translation(
            language="es", by="test", positive=(WeightedPart.plain("un zorro"),)
        ),
    ),
]
POLICIES = [
    HOUSE,
    STRICT,
    Policy(id="mild", at_most={"violence_gore": Outcome.ALLOW}, classifier_doubt_score=0.0),
    Policy(id="doubting", classifier_doubt_score=0.9),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.positive_text)
@pytest.mark.parametrize("then", POLICIES, ids=lambda policy: policy.id)
@pytest.mark.parametrize("now", POLICIES, ids=lambda policy: policy.id)
def test_what_was_found_says_what_judging_anew_would_say(spec, then, now):
    _, judgement = judged(spec, then)
    anew, _ = judged(spec, now)
    again = judge_again(judgement, now)
    assert again is not None
    assert replace(again, rules="", found=()) == replace(anew, rules="", found=())


def test_a_judgement_tells_policy_and_rules_and_none_of_the_words():
    verdict, judgement = judged(a_spec("a storm", negative=(WeightedPart.plain("fog"),)))
    assert (judgement.policy, judgement.version, judgement.rules) == ("house", HOUSE.version, "r1")
    assert [look.kind for look in judgement.looks] == [
        LookKind.SEEN,
        LookKind.LEFT_OUT,
        LookKind.LACKING,
    ]
    assert verdict.spans == ((2, 7),)
    assert "fog" not in str(judgement)


def test_findings_are_kept_as_the_checks_made_them():
    mild = Policy(at_most={"violence_gore": Outcome.ALLOW})
    verdict, judgement = judged(a_spec("a storm"), mild)
    assert verdict.is_allowed
    [storm] = [one for one in judgement.looks[0].found if one.check == "blocklist"]
    assert storm.outcome == "block"


def test_a_policy_that_finds_other_things_harmless_must_look_again():
    spec = a_spec("a fox", negative=(WeightedPart.plain("rain"),))
    _, judgement = judged(spec)
    assert judge_again(judgement, HOUSE) is not None
    assert judge_again(judgement, STRICT) is None


class Bench:
    """A trial whose check counts its looks."""

    def __init__(self, rules="r1"):
        self.weather = Weather()
        self.trial = Trial(open_checks=lambda: [self.weather], rules=rules)

    def add(self, spec, judgement, pictures=None, after=STRICT):
        job = Judged(
            id="gen_1",
            guild_id=None,
            spec=lambda: spec,
            judgement=judgement,
            pictures=pictures,
        )
        self.trial.add(job, before=HOUSE, after=after)


def test_a_threshold_is_tried_on_stored_scores_and_nothing_is_judged():
    bench = Bench()
    bench.add(a_spec(""), judged(a_spec("a fox in rain"))[1])
    assert bench.weather.looks == 0
    assert bench.trial.sources == {Source.STORED: 1}
    [flip] = bench.trial.prompts.flips
    assert (flip.before.outcome, flip.after.outcome) == ("allow", "review")


@pytest.mark.parametrize(
    ("spec", "judgement", "source"),
    [
        (SPECS[1], judged(SPECS[1], rules="r0")[1], Source.RULES_CHANGED),
        (SPECS[1], None, Source.NEVER_STORED),
        (
            a_spec("a fox", negative=(WeightedPart.plain("rain"),)),
            judged(a_spec("a fox", negative=(WeightedPart.plain("rain"),)))[1],
            Source.OTHER_WORDS,
        ),
    ],
)
def test_a_prompt_is_judged_anew_only_where_nothing_stored_tells(spec, judgement, source):
    bench = Bench()
    bench.add(spec, judgement)
    assert bench.trial.sources == {source: 1}
    assert bench.weather.looks > 0
    assert bench.trial.prompts.judged == 1


def test_what_can_neither_be_looked_up_nor_judged_is_said_to_be_gone():
    bench = Bench()
    bench.add(a_spec(" "), None)
    assert bench.trial.sources == {Source.WORDS_GONE: 1}
    assert bench.trial.prompts.judged == 0


def shown(*scores):
    pictures = tuple((Found(check="nsfw", outcome="allow", score=score),) for score in scores)
    return PictureJudgement(policy="house", version="v", pictures=pictures)


def test_the_worst_of_a_jobs_pictures_tells_from_its_stored_score():
    seen = judge_pictures_again(shown(0.1, 0.7, 0.45), HOUSE, told=())
    assert (seen.outcome, seen.rule, seen.score) == ("review", "nsfw.review", 0.7)
    spoiler = judge_pictures_again(shown(0.1, 0.45), HOUSE, told=())
    assert spoiler.outcome == "spoiler"
    bench = Bench()
    _, judgement = judged(a_spec("a fox"))
    bench.add(a_spec("a fox"), judgement, shown(0.5), after=replace(HOUSE, nsfw_review_score=0.5))
    [flip] = bench.trial.pictures.flips
    assert (flip.before.outcome, flip.after.outcome) == ("spoiler", "review")
    assert bench.trial.prompts.flips == []


def test_without_pictures_nothing_stands_against_them():
    empty = PictureJudgement(policy="house", version="v", pictures=())
    assert judge_pictures_again(empty, HOUSE, told=()).outcome == "allow"


def test_a_judgement_without_looks_is_of_no_use():
    nothing = Judgement(policy="house", version="v", rules="r1", looks=())
    assert judge_again(nothing, HOUSE) is None
