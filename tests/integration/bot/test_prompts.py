"""Prompts that are explained, pointed at, or stand for several jobs, in the channel."""

from backend.domain.jobs import JobState
from tests.fakes.discord import Town


async def test_a_dry_run_is_answered_to_the_asker_alone(town: Town) -> None:
    for options in ({"prompt": "a (red:1.3) fox --q 2", "dry": True}, {"prompt": "a fox --dry"}):
        answer = await town.alice.slash(town.channel, "imagine", **options)
        [said] = answer.followups
        assert said.ephemeral
        for fact in ("Nothing is drawn", "clip_l", "GPU-second", "512"):
            assert fact in said.content
    assert town.memory.jobs == {}
    assert town.channel.history() == []


async def test_a_wrong_prompt_is_shown_with_a_mark_under_the_character(town: Town) -> None:
    answer = await town.alice.slash(town.channel, "imagine", prompt="a fox --sede `7`")
    [said] = answer.followups
    assert "Did you mean --seed?" in said.content
    assert "a fox --sede '7'\n      ^" in said.content


async def test_an_approximation_is_told_with_the_job(town: Town) -> None:
    await town.alice.slash(town.channel, "imagine", prompt="a fox --weird 500")
    content = town.message_of(town.newest_job().id).content
    assert "--weird is approximated by sdxl" in content


async def test_a_few_jobs_come_each_in_its_own_message(town: Town) -> None:
    await town.alice.slash(town.channel, "imagine", prompt="a {red, blue} fox")
    jobs = list(town.memory.jobs.values())
    assert [job.spec.positive_text for job in jobs] == ["a red fox", "a blue fox"]
    assert all(job.state is JobState.QUEUED for job in jobs)
    shown = [town.message_of(job.id).content for job in jobs]
    assert "a red fox" in shown[0]
    assert "a blue fox" in shown[1]
    assert len({town.message_of(job.id).id for job in jobs}) == 2


async def test_many_jobs_are_asked_about_first(town: Town) -> None:
    prompt = "a fox --repeat 6"
    answer = await town.alice.slash(town.channel, "imagine", prompt=prompt)
    [said] = answer.followups
    assert said.ephemeral
    assert "**6 jobs**" in said.content
    assert town.memory.jobs == {}
    await town.alice.slash(town.channel, "imagine", prompt=prompt, confirm=True)
    assert len(town.memory.jobs) == 6


async def test_preferences_are_saved_shown_and_used(town: Town) -> None:
    await town.alice.slash(
        town.channel, "prefer option set", name="wide", value="--ar 16:9 --turbo"
    )
    await town.alice.slash(town.channel, "prefer suffix", value="--no text")
    answer = await town.alice.slash(town.channel, "prefer option list")
    assert answer.response is not None
    assert "`--wide` stands for `--ar 16:9 --turbo`" in answer.response.content
    assert "All your prompts end with `--no text`" in answer.response.content
    await town.alice.slash(town.channel, "imagine", prompt="a fox --wide")
    spec = town.newest_job().spec
    assert (str(spec.aspect_ratio), spec.tier, spec.negative_text) == ("16:9", "turbo", "text")
