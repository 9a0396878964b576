"""What is put on record with what is decided, by whatever store decides it."""

from dataclasses import replace

import pytest

from backend.domain.accounts import ApiKey, KeyId
from backend.domain.jobs import Block, Change
from backend.domain.judgements import Judgement
from backend.domain.requests import AccountId
from backend.domain.results import ImageVariant
from backend.domain.reviews import Decision, Review
from safety.moderation.audit import AuditEntry
from tests.builders import a_birth, a_job, a_result, an_image, at
from tests.contract.db.conftest import Stores

NUDE = Block(stage="prompt", outcome="review", category="sexual", rule="sexual.named", score=0.75)
SHOWN = Block(stage="image", outcome="block", category="sexual", rule="nsfw.score", score=0.9)


def told(entry: AuditEntry) -> tuple[str, str, str, str]:
    return entry.action, entry.actor, entry.subject, entry.outcome


async def a_drawing(stores: Stores):
    job = a_job()
    await stores.jobs.add(a_birth(job), fingerprint="f")
    await stores.jobs.change(job.id, lambda job: job.dispatch(now=at(1), until=at(9)))
    return job


async def held(stores: Stores) -> Review:
    job = a_job()
    await stores.jobs.add(job.hold(block=NUDE, now=at(1)), fingerprint="f")
    (review,) = await stores.reviews.open_reviews(5)
    return review


async def test_a_prompt_that_may_be_drawn_is_on_record(stores: Stores):
    job = a_job()
    await stores.jobs.add(a_birth(job), fingerprint="f")
    (entry,) = await stores.recorded()
    assert told(entry) == ("prompt.screened", "discord:alice", f"job:{job.id}", "allow")


async def test_a_verdict_on_record_names_the_policy_and_the_version_of_it(stores: Stores):
    judgement = Judgement(policy="school", version="3.abc", rules="r1", looks=())
    await stores.jobs.add(a_birth(a_job(judgement=judgement)), fingerprint="f")
    (entry,) = await stores.recorded()
    assert entry.detail == {"policy": "school", "policy_version": "3.abc"}


async def test_a_held_prompt_is_on_record_with_its_rule_and_its_review(stores: Stores):
    review = await held(stores)
    screened, opened = await stores.recorded()
    assert told(screened) == ("prompt.screened", "discord:alice", f"job:{review.job_id}", "review")
    assert screened.detail == {"category": "sexual", "rule": "sexual.named", "score": "0.7500"}
    assert told(opened) == ("review.opened", "impasto", f"review:{review.id}", "open")
    assert screened.at == opened.at == at(1)


async def test_pictures_that_leave_are_on_record_by_their_content(stores: Stores):
    job = await a_drawing(stores)
    digests = {ImageVariant.ORIGINAL: "0" * 64, ImageVariant.WEBP: "1" * 64}
    result = replace(a_result(), images=(an_image(0, digests=digests), an_image(1)))
    await stores.jobs.change(job.id, lambda job: job.deliver(attempt=1, result=result, now=at(5)))
    entry = (await stores.recorded())[-1]
    assert told(entry) == ("picture.screened", "impasto", f"job:{job.id}", "allow")
    names = {name: value for name, value in entry.detail.items() if name.startswith("sha256_")}
    assert names == {
        "sha256_0": result.images[0].sha256,
        "sha256_0_webp": "1" * 64,
        "sha256_1": result.images[1].sha256,
    }
    assert (entry.detail["account"], entry.detail["attempt"]) == ("discord:alice", "1")


async def test_pictures_that_are_held_are_on_record(stores: Stores):
    job = await a_drawing(stores)
    await stores.jobs.change(job.id, lambda job: job.hold(block=SHOWN, now=at(5), attempt=1))
    _, screened, opened = await stores.recorded()
    assert told(screened) == ("picture.screened", "impasto", f"job:{job.id}", "block")
    assert screened.detail["rule"] == "nsfw.score"
    assert opened.action == "review.opened"


@pytest.mark.parametrize("decision", [Decision.RELEASED, Decision.KEPT])
async def test_a_moderators_decision_is_on_record_under_their_name(stores: Stores, decision):
    review = await held(stores)
    decided = Review(
        **vars(review)
        | {"decision": decision, "decided_by": AccountId("discord:mod"), "decided_at": at(7)}
    )
    move = (
        (lambda job: job.release(category="sexual", now=at(7)))
        if decision is Decision.RELEASED
        else None
    )
    await stores.reviews.decide(review.id, lambda _: decided, move)
    entry = (await stores.recorded())[-1]
    assert told(entry) == (f"review.{decision}", "discord:mod", f"review:{review.id}", decision)
    assert (entry.detail["job"], entry.at) == (review.job_id, at(7))


async def test_a_refused_decision_leaves_nothing_on_record(stores: Stores):
    review = await held(stores)
    before = await stores.recorded()

    def refuse(_: Review) -> Review:
        raise LookupError

    with pytest.raises(LookupError):
        await stores.reviews.decide(review.id, refuse, None)
    assert await stores.recorded() == before


async def test_a_refused_move_leaves_nothing_on_record(stores: Stores):
    job = await a_drawing(stores)
    before = await stores.recorded()

    def refuse(_: object) -> Change:
        raise LookupError

    with pytest.raises(LookupError):
        await stores.jobs.change(job.id, refuse)
    assert await stores.recorded() == before


async def test_keys_are_on_record_without_their_secret(stores: Stores):
    key = ApiKey(
        id=KeyId("key_1"),
        account_id=AccountId("api:alice"),
        name="alice",
        digest="ab" * 32,
        created_at=at(0),
    )
    await stores.keys.add(key)
    await stores.keys.revoke(key.id, at(3))
    await stores.keys.revoke("key_2", at(4))
    made, revoked = await stores.recorded()
    assert told(made) == ("key.made", "operator", "key:key_1", "made")
    assert told(revoked) == ("key.revoked", "operator", "key:key_1", "revoked")
    assert "ab" * 32 not in str(made)


async def test_what_is_recorded_by_itself_is_read_back_as_it_was(stores: Stores):
    entry = AuditEntry(
        action="reviews.listed",
        actor="discord:mod",
        subject="reviews",
        outcome="seen",
        detail={"count": "3", "z": "ä", "a": "1"},
        at=at(0.123456),
    )
    await stores.audit.record(entry)
    assert await stores.recorded() == [entry]


async def test_the_newest_entry_about_a_subject_is_found(stores: Stores):
    def told_of(subject: str, outcome: str) -> AuditEntry:
        return AuditEntry(
            action="model.served", actor="impasto", subject=subject, outcome=outcome, at=at(1)
        )

    for subject, outcome in [("family:sdxl", "a"), ("family:sdxl", "b"), ("family:flux", "c")]:
        await stores.audit.record(told_of(subject, outcome))
    found = await stores.audit.last("model.served", "family:sdxl")
    assert found == told_of("family:sdxl", "b")
    assert await stores.audit.last("model.served", "family:sd3") is None
