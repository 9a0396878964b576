"""Guilds' policies over REST, for the accounts that the settings name."""

from typing import Any

import pytest

from tests.fakes.services import POLICY_EDITOR
from tests.integration.gateway.workshop import Workshop

STRICT = 'version = 1\nid = "school"\n[at_least]\nliving_artist = "review"\n'
PATH = "/v1/guilds/4711/policy"


@pytest.fixture
async def editor(workshop: Workshop) -> dict[str, str]:
    name = POLICY_EDITOR.removeprefix("api:")
    _, secret = await workshop.services.accounts.create_key(name)
    return {"Authorization": f"Bearer {secret}"}


async def ask(
    workshop: Workshop, method: str, path: str, headers: dict[str, str], **body: str
) -> tuple[int, Any]:
    response = await workshop.client.request(method, path, json=body or None, headers=headers)
    return response.status, await response.json()


async def test_a_policy_is_set_shown_and_taken_away(
    workshop: Workshop, editor: dict[str, str]
) -> None:
    status, shown = await ask(workshop, "GET", PATH, editor)
    assert (status, shown["own"], shown["in_force"]["id"]) == (200, None, "house-1")
    status, told = await ask(workshop, "PUT", PATH, editor, document=STRICT)
    assert (status, told["version"], told["author"]) == (200, 1, POLICY_EDITOR)
    _, shown = await ask(workshop, "GET", PATH, editor)
    assert shown["own"]["document"] == STRICT
    assert shown["in_force"]["at_least"] == {"living_artist": "review"}
    _, elsewhere = await ask(workshop, "GET", "/v1/guilds/4712/policy", editor)
    assert elsewhere["own"] is None
    status, told = await ask(workshop, "DELETE", PATH, editor)
    assert (status, told["version"], told["document"]) == (200, 2, None)
    status, problem = await ask(workshop, "DELETE", PATH, editor)
    assert (status, problem["code"]) == (422, "bad_input")
    _, listed = await ask(workshop, "GET", f"{PATH}/history", editor)
    assert [one["version"] for one in listed["data"]] == [1, 2]


async def test_a_softer_document_is_refused_as_everywhere(
    workshop: Workshop, editor: dict[str, str]
) -> None:
    softer = 'version = 1\nid = "school"\n[at_most]\nsexual = "allow"\n'
    status, problem = await ask(workshop, "PUT", PATH, editor, document=softer)
    assert (status, problem["code"]) == (422, "bad_input")
    assert "softer than house-1 allows in sexual (line 4)" in problem["detail"]
    status, problem = await ask(workshop, "PUT", "/v1/guilds/art/policy", editor, document=STRICT)
    assert (status, problem["code"]) == (422, "bad_input")
    _, listed = await ask(workshop, "GET", f"{PATH}/history", editor)
    assert listed["data"] == []


async def test_no_other_key_sees_or_sets_one_be_it_that_it_moderates(workshop: Workshop) -> None:
    _, secret = await workshop.services.accounts.create_key("mod", is_moderator=True)
    for headers in (workshop.alice, {"Authorization": f"Bearer {secret}"}):
        for method, path in (("GET", PATH), ("DELETE", PATH), ("GET", f"{PATH}/history")):
            status, problem = await ask(workshop, method, path, headers)
            assert (status, problem["code"]) == (403, "guild_managers_only")
        status, problem = await ask(workshop, "PUT", PATH, headers, document=STRICT)
        assert (status, problem["code"]) == (403, "guild_managers_only")
