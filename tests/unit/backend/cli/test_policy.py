"""`impasto policy try`, and the setting that puts a policy in force."""

import asyncio
import json
import sqlite3
from contextlib import closing

import pytest

from backend.bootstrap.reading import open_screen
from backend.bootstrap.servers import open_database
from backend.cli import main
from backend.db.stores import SqlJobStore
from backend.domain.judgements import Found, PictureJudgement
from backend.domain.requests import Place
from backend.prompt.judging import SafetyScreen, judge_words
from backend.settings import Settings
from safety.policy import DEFAULT_POLICY
from safety.prompt_checks import open_prompt_checks, rules_version
from tests.builders import a_birth, a_job, a_request, a_requester, a_spec

pytestmark = pytest.mark.usefixtures("home")

CHECKS = open_prompt_checks()

LENIENT = """
version = 1
id = "art-school-3"
[at_most]
sexual = "review"
"""


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text(LENIENT, encoding="utf-8")
    return path


async def keep(*jobs):
    """Store jobs as submitting them would."""
    async with open_database(Settings()) as database:
        store = SqlJobStore(database=database)
        for job in jobs:
            await store.add(a_birth(job), fingerprint="f")


def a_judged_job(prompt, *, guild=None, rules=None, restricted=False, roles=(), **fields):
    """Return a job whose prompt was judged by the real checks."""
    spec = a_spec(prompt)
    version = rules_version() if rules is None else rules
    screen = SafetyScreen(checks=CHECKS, policy=DEFAULT_POLICY, rules=version)
    place = guild and Place(
        guild_id=guild, channel_id="1", is_age_restricted=restricted, roles=roles
    )
    request = a_request(prompt, requester=a_requester(place=place))
    judgement = judge_words(spec, screen)[1]
    return a_job(**{"request": request, "spec": spec, "judgement": judgement, **fields})


def tried(capsys, document, *words):
    assert main(["policy", "try", str(document), *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_command_tries_a_policy_on_an_empty_house(document, capsys):
    told = tried(capsys, document)
    assert told["judged"] == 0
    assert told["policies"] == ["house-1", "art-school-3"]
    assert main(["policy", "try", str(document)]) == 0
    assert "0 prompts would flip" in capsys.readouterr().out


def test_stored_findings_are_asked_first_and_it_is_said_who_was_judged_anew(document, capsys):
    assert main(["policy", "show"]) == 0
    stored = a_judged_job("a naked woman")
    jobs = [
        a_judged_job("a fox in the snow"),
        stored,
        a_judged_job("a naked woman", rules="older"),
        a_judged_job("a naked woman", judgement=None),
        a_judged_job(" ", judgement=None),
    ]
    asyncio.run(keep(*jobs))
    capsys.readouterr()
    told = tried(capsys, document)
    assert told["sources"] == {
        "stored": 2,
        "rules_changed": 1,
        "other_words": 0,
        "never_stored": 1,
        "words_gone": 1,
    }
    flips = {flip["job"]: flip["source"] for flip in told["flips"]}
    assert flips[stored.id] == "stored"
    assert sorted(flips.values()) == ["never_stored", "rules_changed", "stored"]
    assert tried(capsys, document, "--last", "2")["judged"] == 1
    assert main(["policy", "try", str(document)]) == 0
    said = capsys.readouterr().out
    assert "2 answered from stored findings" in said
    assert "woman" not in said


def test_stored_scores_of_pictures_are_tried_too(tmp_path, capsys):
    assert main(["policy", "show"]) == 0
    seen = PictureJudgement(
        policy="house-1",
        version="v",
        pictures=((Found(check="nsfw", outcome="allow", score=0.3),),),
    )
    asyncio.run(keep(a_judged_job("a fox", picture_judgement=seen)))
    path = tmp_path / "strict.toml"
    path.write_text('version = 1\nid = "strict"\n[scores]\nnsfw_review = 0.2', encoding="utf-8")
    capsys.readouterr()
    told = tried(capsys, path)["pictures"]
    assert (told["before"], told["after"]) == ({"allow": 1}, {"review": 1})


def test_a_guilds_policy_is_tried_on_that_guilds_jobs(tmp_path, capsys):
    path = tmp_path / "guild.toml"
    path.write_text(
        'version = 1\nid = "school"\n[at_least]\nliving_artist = "review"', encoding="utf-8"
    )
    assert main(["policy", "show"]) == 0
    prompt = "portrait by greg rutkowski"
    here = a_judged_job(prompt, guild="7")
    asyncio.run(keep(here, a_judged_job(prompt, guild="8"), a_judged_job(prompt)))
    capsys.readouterr()
    told = tried(capsys, path, "--guild", "7")
    assert told["judged"] == 1
    assert [flip["job"] for flip in told["flips"]] == [here.id]
    # Once it holds there, nothing would change by it.
    assert main(["policy", "set", str(path), "--guild", "7", "--by", "ann"]) == 0
    capsys.readouterr()
    assert tried(capsys, path, "--guild", "7")["flips"] == []
    # And another deployment's policy leaves it standing.
    house = tmp_path / "house.toml"
    house.write_text(
        'version = 1\nid = "h"\n[at_least]\nliving_artist = "review"', encoding="utf-8"
    )
    assert here.id not in [flip["job"] for flip in tried(capsys, house)["flips"]]


GRADED = """
version = 1
id = "graded"
[[grades]]
restricted = true
scores = { nsfw_review = 0.9, nsfw_block = 0.95 }
[[grades]]
roles = ["4711"]
at_most = { sexual = "review" }
"""


def test_grades_are_tried_by_the_circumstances_that_are_stored_with_each_job(tmp_path, capsys):
    assert main(["policy", "show"]) == 0
    seen = PictureJudgement(
        policy="house-1",
        version="v",
        pictures=((Found(check="nsfw", outcome="allow", score=0.7),),),
    )
    words = "a naked woman"
    plain = a_judged_job(words, guild="7", picture_judgement=seen)
    for_adults = a_judged_job(words, guild="7", restricted=True, picture_judgement=seen)
    artist = a_judged_job(words, guild="7", roles=("12", "4711"), picture_judgement=seen)
    over_rest = a_judged_job(words, picture_judgement=seen)
    asyncio.run(keep(plain, for_adults, artist, over_rest))
    path = tmp_path / "graded.toml"
    path.write_text(GRADED, encoding="utf-8")
    capsys.readouterr()
    told = tried(capsys, path)
    assert [(one["job"], one["after"]) for one in told["flips"]] == [(artist.id, "review")]
    pictures = told["pictures"]["flips"]
    assert [(one["job"], one["after"]) for one in pictures] == [(for_adults.id, "spoiler")]
    assert told["without_grades"] == 0
    assert main(["policy", "try", str(path)]) == 0
    assert "without grades" not in capsys.readouterr().out


def test_a_guilds_grades_are_tried_too_and_held_to_the_deployments(tmp_path, capsys):
    assert main(["policy", "show"]) == 0
    prompt = "portrait by greg rutkowski"
    plain = a_judged_job(prompt, guild="7")
    pupil = a_judged_job(prompt, guild="7", roles=("4711",))
    asyncio.run(keep(plain, pupil))
    path = tmp_path / "guild.toml"
    path.write_text(
        'version = 1\nid = "school"\n'
        '[[grades]]\nroles = ["4711"]\nat_least = { living_artist = "review" }',
        encoding="utf-8",
    )
    capsys.readouterr()
    assert [one["job"] for one in tried(capsys, path, "--guild", "7")["flips"]] == [pupil.id]
    assert main(["policy", "set", str(path), "--guild", "7", "--by", "ann"]) == 0
    capsys.readouterr()
    assert tried(capsys, path, "--guild", "7")["flips"] == []


def test_jobs_whose_place_was_not_stored_are_judged_without_grades_and_counted(tmp_path, capsys):
    assert main(["policy", "show"]) == 0
    whole = a_judged_job("a naked woman", guild="7", roles=("4711",))
    older = a_judged_job("a naked woman", guild="7", roles=("4711",))
    oldest = a_judged_job("a naked woman")
    asyncio.run(keep(whole, older, oldest))

    def forget(name, job):
        with closing(sqlite3.connect(Settings().home / "impasto.db")) as database, database:
            database.execute(
                "UPDATE jobs SET request = json_remove(request, ?) WHERE id = ?", (name, job.id)
            )

    forget("$.requester.place.roles", older)
    forget("$.requester.place", oldest)
    path = tmp_path / "graded.toml"
    path.write_text(GRADED, encoding="utf-8")
    capsys.readouterr()
    told = tried(capsys, path)
    assert [one["job"] for one in told["flips"]] == [whole.id]
    assert (told["judged"], told["without_grades"]) == (3, 2)
    assert main(["policy", "try", str(path)]) == 0
    assert "2 judged without grades of channel or role" in capsys.readouterr().out


def test_a_guilds_document_that_would_be_refused_is_not_tried(document, capsys):
    assert main(["policy", "try", str(document), "--guild", "7"]) == 2
    assert "softer than house-1" in capsys.readouterr().err


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
