"""One prompt in two guilds, of which one has a policy of its own, by the real checks."""

from dataclasses import replace

from backend.domain.jobs import JobState
from backend.prompt.judging import SafetyScreen
from backend.service.policies import ScreensByPolicy
from safety.policy import DEFAULT_POLICY
from safety.prompt_checks import open_prompt_checks, rules_version
from tests.fakes.discord import Town
from tests.fakes.policies import make_policies

STRICT = 'version = 1\nid = "school"\n[at_least]\nliving_artist = "review"'
NAMED = "portrait by greg rutkowski"


async def test_what_one_guild_holds_is_drawn_in_another_and_in_private(town: Town) -> None:
    screen = SafetyScreen(checks=open_prompt_checks(), policy=DEFAULT_POLICY, rules=rules_version())
    policies = make_policies()
    generations = town.bot.services.generations
    generations._reader = replace(  # the only part of the town that is not as it always is
        generations._reader, screens=ScreensByPolicy(screen, policies)
    )
    await policies.set(str(town.guild.id), STRICT, author="ann")
    studio = town.env.create_guild()
    gallery = studio.create_text_channel("gallery")
    carol = town.env.create_user("carol")
    carol_there = studio.add_member(carol)

    await town.ask(NAMED)
    held = town.newest_job()
    assert (held.state, held.block and held.block.category) == (JobState.BLOCKED, "living_artist")
    assert held.judgement is not None
    assert (held.judgement.policy, held.judgement.version[:2]) == ("school", "1.")

    await carol_there.slash(gallery, "imagine", prompt=NAMED)
    drawn = town.newest_job()
    assert drawn.id != held.id
    assert drawn.state is JobState.QUEUED
    assert drawn.judgement is not None
    assert drawn.judgement.policy == DEFAULT_POLICY.id

    await carol.slash("imagine", prompt=NAMED)
    private = town.newest_job()
    assert private.id != drawn.id
    assert private.state is JobState.QUEUED
