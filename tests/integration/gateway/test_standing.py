"""An account's standing over REST."""

from backend.domain.requests import AccountId
from tests.builders import a_requester
from tests.integration.gateway.workshop import Workshop

MODERATOR = a_requester("mod", is_moderator=True)
ALICE = AccountId("api:alice")


async def test_a_clean_account_reads_that(workshop: Workshop) -> None:
    response = await workshop.client.get("/v1/account/standing", headers=workshop.alice)
    assert await response.json() == {
        "may_generate": True,
        "strike_count": 0,
        "strikes": [],
        "sanction": None,
    }


async def test_a_banned_account_is_refused_with_a_reason_and_a_way_out(workshop: Workshop) -> None:
    standings = workshop.services.moderation.standings
    await standings.strike(ALICE, reason="gore", by=MODERATOR)
    await standings.ban(ALICE, reason="spam", by=MODERATOR)
    response = await workshop.client.post(
        "/v1/generations", json={"prompt": "a fox"}, headers=workshop.alice
    )
    problem = await response.json()
    assert (response.status, problem["code"]) == (403, "account_banned")
    assert "spam" in problem["detail"]
    assert problem["way_out"]
    own = await (await workshop.client.get("/v1/account/standing", headers=workshop.alice)).json()
    assert own["may_generate"] is False
    assert own["sanction"]["kind"] == "ban"
    assert [strike["reason"] for strike in own["strikes"]] == ["gore"]
    assert "mod" not in str(own)
