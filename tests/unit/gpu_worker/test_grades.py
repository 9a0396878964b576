"""What becomes of a picture by place, role and score: from two documents to the real release."""

import io

import pytest
from PIL import Image

from backend.contracts import RenderJob
from backend.domain.errors import BadInput
from backend.domain.requests import Place
from backend.service.policies import Policies, policy_use
from gpu_worker.release.papers import papers_of
from gpu_worker.release.pipeline import ReleasePipeline
from gpu_worker.release.policies import judged_by, policy_of
from gpu_worker.release.screening import Held, Screening, words_of
from safety.errors import PolicyInvalid
from safety.policy import DEFAULT_POLICY, read_policy
from safety.prompt_checks.blocklist.check import BlocklistPromptCheck
from safety.prompt_checks.blocklist.lexicon import read_lexicon
from safety.verdict import Finding, KnownMatch, Outcome
from storage.image_store import ImageStore
from storage.object_stores.memory import MemoryObjectStore
from tests.builders import at
from tests.fakes.image_checks import EachByItself, SureOf
from tests.fakes.marks import a_marker
from tests.fakes.policies import MemoryGuildPolicies
from tests.unit.gpu_worker.conftest import a_render_job

TRUSTED, NEWCOMER = "4711", "4712"
HOUSE = f"""
version = 1
id = "house"
guilds_may_soften = ["nsfw_review"]

[[grades]]
restricted = true
scores = {{ nsfw_review = 0.8, nsfw_block = 0.95 }}

[[grades]]
restricted = true
roles = ["{TRUSTED}"]
at_most = {{ sexual = "spoiler" }}

[[grades]]
roles = ["{NEWCOMER}"]
scores = {{ nsfw_review = 0.3 }}
"""
# It would be softer than the house lets it be in all but `nsfw_review`.
GUILD = f"""
version = 1
id = "guild"
[scores]
nsfw_spoiler = 0.2

[[grades]]
roles = ["{TRUSTED}"]
scores = {{ nsfw_review = 0.7 }}
"""
LAX = f"""
version = 1
id = "lax"
guilds_may_soften = ["sexual", "nsfw_review", "nsfw_block", "nsfw_spoiler"]
[[grades]]
restricted = true
roles = ["{TRUSTED}"]
scores = {{ nsfw_spoiler = 1.0, nsfw_review = 1.0, nsfw_block = 1.0 }}
at_most = {{ sexual = "allow" }}
"""
AGES = """
version = 1
category = "age_cue"
[[rules]]
id = "age_cue.test"
terms = "zqyoung"
outcome = "allow"
"""

PIXELS = Image.effect_noise((64, 64), 90).convert("RGB")
CHANNEL = Place(guild_id="1", channel_id="2")
ADULTS = Place(guild_id="1", channel_id="3", is_age_restricted=True)


def with_role(place: Place, role: str) -> Place:
    return Place(
        guild_id=place.guild_id,
        channel_id=place.channel_id,
        is_age_restricted=place.is_age_restricted,
        roles=("99", role),
    )


class Listed(EachByItself):
    """A list that knows every picture."""

    name = "known"

    def look(self, pixels: Image.Image) -> list[Finding]:
        match = KnownMatch(list_name="bank", entry="e", distance=0, fingerprint="ab" * 32)
        return [
            Finding(
                check=self.name,
                outcome=Outcome.BLOCK,
                category="child_safety",
                rule="known.bank",
                match=match,
            )
        ]


async def a_job(
    place: Place | None, *, house: str = HOUSE, guild: str | None = None, prompt: str = "a fox"
) -> RenderJob:
    """Return a job as the dispatcher sends it from a place, through the wire and back."""
    policies = Policies(house=read_policy(house), guilds=MemoryGuildPolicies(), clock=lambda: at(0))
    if guild is not None:
        await policies.set("1", guild, author="ann")
    sent = a_render_job(prompt=prompt, policy=policy_use(await policies.at(place)))
    return RenderJob.model_validate_json(sent.model_dump_json())


class Desk:
    """A worker's release, over a store of its own."""

    def __init__(self, check: EachByItself) -> None:
        self.objects = MemoryObjectStore()
        words = BlocklistPromptCheck(lexicon=read_lexicon([AGES]), name="words")
        self.pipeline = ReleasePipeline(
            screening=Screening(checks=[check], policy=DEFAULT_POLICY, word_checks=[words]),
            check_timeout_s=30.0,
            preview_timeout_s=30.0,
            images=ImageStore(objects=self.objects),
            marker=a_marker(),
        )

    def release(self, job: RenderJob) -> str:
        """Return what becomes of a picture: its outcome, or the rule it is held by."""
        try:
            (stored,) = self.pipeline.release(
                [PIXELS],
                clearances=frozenset(),
                papers=papers_of(job, None, count=1, ingredient=None),
                words=words_of(job),
                policy=policy_of(job),
            )
        except Held as held:
            assert list(self.objects.list_keys("")) == []
            return str(held.finding.outcome)
        assert judged_by(job, [stored.found]).version
        return "spoiler" if stored.is_spoiler else "allow"

    def preview(self, job: RenderJob) -> str:
        """Return how a preview leaves, or that it does not."""
        try:
            shown = self.pipeline.release_preview(
                [PIXELS],
                clearances=frozenset(),
                papers=papers_of(job, None, count=0, ingredient=None),
                words=words_of(job),
                policy=policy_of(job),
            )
        except Held:
            return "held"
        assert Image.open(io.BytesIO(shown.webp)).size
        return "blurred" if shown.is_blurred else "clear"


# By place and role: what becomes of scores of 0.1, 0.35, 0.5, 0.65, 0.75, 0.85 and 0.97.
SCORES = (0.1, 0.35, 0.5, 0.65, 0.75, 0.85, 0.97)
A, S, R, B = "allow", "spoiler", "review", "block"
TABLE = {
    "over REST": (None, None, (A, A, S, R, R, B, B)),
    "in a channel": (CHANNEL, None, (A, A, S, R, R, B, B)),
    "in a channel for adults": (ADULTS, None, (A, A, A, S, S, R, B)),
    "trusted, in a channel": (with_role(CHANNEL, TRUSTED), None, (A, A, S, R, R, B, B)),
    "trusted, among adults": (with_role(ADULTS, TRUSTED), None, (A, A, A, S, S, S, S)),
    "a newcomer, in a channel": (with_role(CHANNEL, NEWCOMER), None, (A, R, R, R, R, B, B)),
    "a newcomer, among adults": (with_role(ADULTS, NEWCOMER), None, (A, R, R, R, R, R, B)),
    "in a guild of its own mind": (CHANNEL, GUILD, (A, S, S, R, R, B, B)),
    "trusted there": (with_role(CHANNEL, TRUSTED), GUILD, (A, S, S, S, R, B, B)),
    "among its adults": (ADULTS, GUILD, (A, A, A, S, S, R, B)),
    "trusted, among its adults": (with_role(ADULTS, TRUSTED), GUILD, (A, A, A, S, S, S, S)),
}
SHOWN = {A: ("clear", "blurred"), S: ("blurred",), R: ("held",), B: ("held",)}
CASES = [
    pytest.param(place, guild, score, outcome, id=f"{name}, {score}")
    for name, (place, guild, outcomes) in TABLE.items()
    for score, outcome in zip(SCORES, outcomes, strict=True)
]


@pytest.mark.parametrize(("place", "guild", "score", "outcome"), CASES)
async def test_place_and_role_grade_a_score_and_previews_follow(
    place: Place | None, guild: str | None, score: float, outcome: str
) -> None:
    job, desk = await a_job(place, guild=guild), Desk(SureOf(score))
    assert desk.release(job) == outcome
    assert Desk(SureOf(score)).preview(job) in SHOWN[outcome]


@pytest.mark.parametrize("place", [None, CHANNEL, ADULTS, with_role(ADULTS, TRUSTED)])
async def test_nothing_grades_child_safety(place: Place | None) -> None:
    guild = LAX.replace("guilds_may_soften", "# guilds_may_soften")
    plain = await a_job(place, house=LAX, guild=guild)
    young = await a_job(place, house=LAX, guild=guild, prompt="zqyoung lamp")
    if place is not None and place.roles:
        # As lax as can be: so it is the cue of age that holds.
        assert Desk(SureOf(0.99)).release(plain) == "allow"
    for score in (0.4, 0.7, 0.99):
        desk = Desk(SureOf(score))
        assert (desk.release(young), desk.preview(young)) == ("block", "held")
    assert (Desk(Listed()).release(plain), Desk(Listed()).preview(plain)) == ("block", "held")


@pytest.mark.parametrize(
    "text",
    [
        "restricted = true\nscores = { age_nudity = 0.9 }",
        'restricted = true\nat_most = { child_safety = "review" }',
        'restricted = true\nat_most = { check_failed = "allow" }',
        "restricted = true\nscores = { nsfw_block = 0.0 }",
        "restricted = true\nscores = { nsfw_block = 1.1 }",
        "scores = { nsfw_block = 0.9 }",
        "restricted = false",
        "roles = [4711]",
        'roles = ["everyone"]',
        'roles = "4711"',
        "restricted = true\ncolour = 1",
    ],
)
def test_what_no_grade_may_say_is_refused(text: str) -> None:
    with pytest.raises(PolicyInvalid):
        read_policy(f'version = 1\nid = "a"\n[[grades]]\n{text}')


@pytest.mark.parametrize(
    ("grade", "softer"),
    [
        ('roles = ["4711"]\nscores = { nsfw_block = 0.9 }', "nsfw_block"),
        ("restricted = true\nscores = { nsfw_block = 0.96 }", "nsfw_block"),
        ('roles = ["4711"]\nat_most = { sexual = "spoiler" }', "sexual"),
    ],
)
async def test_a_guilds_grade_that_is_softer_than_the_deployments_is_refused(
    grade: str, softer: str
) -> None:
    policies = Policies(house=read_policy(HOUSE), guilds=MemoryGuildPolicies(), clock=lambda: at(0))
    with pytest.raises(BadInput, match=softer):
        await policies.set("1", f'version = 1\nid = "g"\n[[grades]]\n{grade}', author="ann")


async def test_a_guild_is_as_soft_among_adults_as_the_deployment_is_there() -> None:
    policies = Policies(house=read_policy(HOUSE), guilds=MemoryGuildPolicies(), clock=lambda: at(0))
    grade = "restricted = true\nscores = { nsfw_block = 0.9 }"
    await policies.set("1", f'version = 1\nid = "g"\n[[grades]]\n{grade}', author="ann")
    assert (await policies.at(ADULTS)).nsfw_block_score == 0.9
    assert (await policies.at(CHANNEL)).nsfw_block_score == 0.8


async def test_a_document_that_became_too_soft_is_held_to_the_deployments_in_every_grade() -> None:
    guilds = MemoryGuildPolicies()
    lax = Policies(house=read_policy(LAX), guilds=guilds, clock=lambda: at(0))
    soft = LAX.replace("guilds_may_soften", "# guilds_may_soften")
    await lax.set("1", soft, author="ann")
    strict = Policies(house=DEFAULT_POLICY, guilds=guilds, clock=lambda: at(0))
    place = with_role(ADULTS, TRUSTED)
    assert (await lax.at(place)).nsfw_block_score == 1.0
    graded = await strict.at(place)
    assert (graded.nsfw_review_score, graded.nsfw_block_score) == (0.6, 0.8)
    assert graded.at_most.get("sexual", Outcome.BLOCK) is Outcome.BLOCK
