"""The same doors over a real database."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backend.db import migrate
from backend.db.sessions import Database
from backend.db.stores import SqlJobStore, SqlKeyStore, SqlReviewStore
from tests.fakes.servers import free_port
from tests.integration.gateway.workshop import Workshop, open_workshop


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'impasto.db'}"
    return str(request.getfixturevalue("empty_postgres_url"))


@pytest.fixture
async def workshop(database_url: str, tmp_path: Path) -> AsyncIterator[Workshop]:
    await asyncio.to_thread(migrate.upgrade, database_url)
    database = Database(database_url)
    async with open_workshop(
        objects_folder=tmp_path / "objects",
        jobs=SqlJobStore(database=database),
        reviews=SqlReviewStore(database=database),
        keys=SqlKeyStore(database=database),
    ) as opened:
        yield opened
    await database.close()


async def test_a_picture_goes_all_the_way(workshop: Workshop) -> None:
    job_id = await workshop.create(prompt="a fox, 雪の中 🦊", seed=3, n=1)
    await workshop.deliver(job_id)
    response = await workshop.client.get(f"/v1/generations/{job_id}", headers=workshop.alice)
    shown = await response.json()
    assert shown["status"] == "delivered"
    assert shown["created_at"] == "2026-01-01T12:00:00Z"
    picture = await workshop.client.get(
        shown["images"][0]["url"].removeprefix("http://pictures.test")
    )
    assert await picture.read() == b"original 0"


async def test_retries_at_the_same_moment_make_one_job(workshop: Workshop) -> None:
    headers = {**workshop.alice, "Idempotency-Key": "one"}

    async def ask() -> str:
        response = await workshop.client.post(
            "/v1/generations", json={"prompt": "a fox"}, headers=headers
        )
        assert response.status == 202, await response.text()
        return str((await response.json())["id"])

    assert len(set(await asyncio.gather(*(ask() for _ in range(20))))) == 1
    listed = await workshop.client.get("/v1/generations", headers=workshop.alice)
    assert len((await listed.json())["data"]) == 1


async def test_of_two_requests_under_one_key_at_the_same_moment_one_is_refused(
    workshop: Workshop,
) -> None:
    headers = {**workshop.alice, "Idempotency-Key": "one"}

    async def ask(prompt: str) -> tuple[str, int, str]:
        response = await workshop.client.post(
            "/v1/generations", json={"prompt": prompt}, headers=headers
        )
        answer = await response.json()
        return prompt, response.status, str(answer.get("code") or answer["id"])

    answers = await asyncio.gather(*(ask(("a fox", "an owl")[n % 2]) for n in range(20)))
    accepted = {(prompt, said) for prompt, status, said in answers if status == 202}
    refused = {(prompt, status, said) for prompt, status, said in answers if status != 202}
    ((winner, _),) = accepted
    (loser,) = {"a fox", "an owl"} - {winner}
    assert refused == {(loser, 422, "idempotency_mismatch")}
    listed = await workshop.client.get("/v1/generations", headers=workshop.alice)
    assert len((await listed.json())["data"]) == 1


async def test_a_held_prompt_is_kept_with_its_review(workshop: Workshop) -> None:
    response = await workshop.client.post(
        "/v1/generations", json={"prompt": "forbidden"}, headers=workshop.alice
    )
    job_id = (await response.json())["request_id"]
    shown = await workshop.client.get(f"/v1/generations/{job_id}", headers=workshop.alice)
    assert (await shown.json())["status"] == "blocked"


async def test_a_silent_database_is_a_503_that_says_when_to_come_back(tmp_path: Path) -> None:
    database = Database(f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none")
    async with open_workshop(
        objects_folder=tmp_path, jobs=SqlJobStore(database=database)
    ) as opened:
        response = await opened.client.get("/v1/generations", headers=opened.alice)
        assert response.status == 503
        assert (await response.json())["code"] == "unavailable"
        assert int(response.headers["Retry-After"]) > 0
    await database.close()
