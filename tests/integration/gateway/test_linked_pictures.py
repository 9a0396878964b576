"""Links in prompts over HTTP, fetched from real servers of which the test's rule lets one in."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from backend.fetching.fetcher import FetchLimits, PictureFetcher
from tests.fakes.link_servers import LinkServer, a_png, link_server
from tests.fakes.uploads import FORBIDDEN_COLOUR
from tests.integration.gateway.workshop import Workshop, open_workshop

OUTSIDE, INSIDE = "127.0.0.2", "127.0.0.1"


@pytest.fixture
async def outside() -> AsyncIterator[LinkServer]:
    async with link_server(OUTSIDE) as server:
        yield server


@pytest.fixture
async def linking(tmp_path: Path, outside: LinkServer) -> AsyncIterator[Workshop]:
    fetcher = PictureFetcher(
        rule=lambda address: address == OUTSIDE,
        limits=FetchLimits(ports=frozenset({outside.port})),
    )
    async with open_workshop(objects_folder=tmp_path / "objects", links=fetcher) as opened:
        yield opened


async def ask(workshop: Workshop, prompt: str, query: str = "") -> tuple[int, dict[str, Any]]:
    response = await workshop.client.post(
        f"/v1/generations{query}", json={"prompt": prompt}, headers=workshop.alice
    )
    return response.status, await response.json()


async def test_a_linked_picture_is_an_upload_before_its_job_is_accepted(
    linking: Workshop, outside: LinkServer
) -> None:
    job_id = await linking.create(prompt=f"{outside.link()} a fox --sref {outside.link()} --sw 0")
    assert outside.paths == ["/fox.png"]
    answer = await linking.client.get(f"/v1/generations/{job_id}", headers=linking.alice)
    look, style = (await answer.json())["params"]["image_prompts"]
    assert look["upload_id"] == style["upload_id"]
    assert (look["use"], look["scale"]) == ("look", 1.0)
    assert (style["use"], style["scale"]) == ("style", 0.0)
    upload = await linking.client.get(f"/v1/uploads/{look['upload_id']}", headers=linking.alice)
    assert upload.status == 200
    theirs = await linking.client.get(f"/v1/uploads/{look['upload_id']}", headers=linking.bob)
    assert theirs.status == 422


async def test_a_link_inside_is_refused_and_pointed_at(
    linking: Workshop, outside: LinkServer
) -> None:
    async with link_server(INSIDE, outside.port) as inside:
        status, problem = await ask(linking, f"{outside.link()} {inside.link()} a fox")
        assert inside.visits == 0
    assert (status, problem["code"]) == (422, "picture_link_unreachable")
    assert problem["position"] == len(outside.link()) + 1
    assert "upload the picture" in problem["way_out"]


async def test_what_a_link_shows_is_screened_like_an_upload(
    linking: Workshop, outside: LinkServer
) -> None:
    outside.answer("/red.png", a_png(FORBIDDEN_COLOUR))
    status, problem = await ask(linking, f"{outside.link('/red.png')} a fox")
    assert (status, problem["code"]) == (400, "picture_blocked")


async def test_a_dry_run_fetches_nothing(linking: Workshop, outside: LinkServer) -> None:
    status, told = await ask(linking, f"{outside.link()} a fox", "?dry_run=true")
    assert status == 200
    assert any("would be fetched" in note for note in told["prompts"][0]["notes"])
    assert outside.visits == 0
