"""A moderator's own appeal over REST: marked, or left to another."""

from tests.integration.gateway.workshop import Workshop


async def test_a_moderators_own_appeal_is_marked_or_left_to_another(workshop: Workshop) -> None:
    _, secret = await workshop.services.accounts.create_key("mod", is_moderator=True)
    headers = {"Authorization": f"Bearer {secret}"}

    async def post(path: str, **body: str) -> tuple[int, dict]:
        response = await workshop.client.post(path, json=body, headers=headers)
        return response.status, await response.json()

    _, held = await post("/v1/generations", prompt="forbidden")
    await post(f"/v1/generations/{held['request_id']}/appeal", reason="a nature film")
    listed = await (await workshop.client.get("/v1/reviews", headers=headers)).json()
    [review] = listed["data"]
    assert review["is_own"] is False
    path = f"/v1/reviews/{review['id']}/decision"
    moderators = workshop.services.moderation.reviews._moderators
    moderators._decide_own = False
    status, problem = await post(path, decision="approve")
    assert (status, problem["code"]) == (403, "own_case")
    assert "another moderator" in problem["way_out"]
    moderators._decide_own = True
    status, decided = await post(path, decision="approve")
    assert (status, decided["state"], decided["is_own"]) == (200, "released", True)
