"""Who is counted behind a reverse proxy: people, where the proxy is trusted, and else the proxy."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector
from multidict import CIMultiDict

from backend.limits.memory_limiter import MemoryLimiter
from tests.integration.gateway.workshop import Workshop, open_workshop

HERE = "http://127.0.0.1:8080"
PROXY, STRANGER = "127.0.0.1", "127.0.0.2"
NAMES_A_PICTURE = {"link": "gen_" + "0" * 20}


@pytest.fixture
async def workshop(tmp_path: Path) -> AsyncIterator[Workshop]:
    async with open_workshop(
        objects_folder=tmp_path / "objects", public_url=HERE, trusted_proxies=[PROXY]
    ) as opened:
        yield opened


async def ask(workshop: Workshop, *lines: str, peer: str = PROXY) -> int:
    """Ask for a removal from an address of this host, and return the status."""
    given = CIMultiDict([("X-Forwarded-For", line) for line in lines])
    connector = TCPConnector(local_addr=(peer, 0))
    async with (
        ClientSession(connector=connector) as session,
        session.post(
            workshop.client.make_url("/v1/removal-requests"), json=NAMES_A_PICTURE, headers=given
        ) as response,
    ):
        return response.status


async def shut(workshop: Workshop, *lines: str, peer: str = PROXY) -> None:
    """Ask for as long as one may."""
    statuses = [await ask(workshop, *lines, peer=peer) for _ in range(6)]
    assert statuses == [201] * 5 + [429]


async def test_one_stranger_behind_a_trusted_proxy_does_not_shut_the_form_for_others(
    workshop: Workshop,
) -> None:
    await shut(workshop, "203.0.113.7")
    assert await ask(workshop, "203.0.113.8") == 201
    assert await ask(workshop, "2001:db8::8") == 201
    assert await ask(workshop) == 201


@pytest.mark.parametrize(
    "lines",
    [
        ("198.51.100.1, 203.0.113.7",),
        ("198.51.100.1", "203.0.113.7"),
        ("unknown, 203.0.113.7:4711, 127.0.0.1",),
    ],
)
async def test_nobody_gets_more_by_writing_addresses_before_their_own(
    workshop: Workshop, lines: tuple[str, ...]
) -> None:
    await shut(workshop, "203.0.113.7")
    assert await ask(workshop, *lines) == 429


async def test_who_is_no_trusted_proxy_is_counted_as_who_connects(workshop: Workshop) -> None:
    await shut(workshop, "203.0.113.7", peer=STRANGER)
    assert await ask(workshop, "203.0.113.8", peer=STRANGER) == 429
    assert await ask(workshop, "203.0.113.7") == 201


async def test_checks_of_where_a_picture_is_from_are_counted_the_same_way(
    workshop: Workshop,
) -> None:
    workshop.services.provenance._limiter = MemoryLimiter(burst=1, per_minute=6, clock=lambda: 0.0)

    async def check(address: str) -> int:
        headers = {"X-Forwarded-For": address}
        return (await workshop.client.post("/v1/provenance/checks", headers=headers)).status

    # No picture is sent: who is welcome is asked first.
    assert [await check("203.0.113.7") for _ in range(2)] == [415, 429]
    assert await check("203.0.113.8") == 415


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "203.0.113.7"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Forwarded-For": "127.0.0.1, 203.0.113.7"},
        {"X-Forwarded-For": "unknown"},
        {"X-Forwarded-For": ""},
    ],
    ids=str,
)
async def test_what_comes_through_a_trusted_proxy_is_not_of_this_host_for_the_metrics(
    workshop: Workshop, headers: Mapping[str, str]
) -> None:
    assert (await workshop.client.get("/metrics")).status == 200
    assert (await workshop.client.get("/metrics", headers=headers)).status == 404


async def test_not_even_a_trusted_proxy_says_where_links_lead(workshop: Workshop) -> None:
    headers = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "elsewhere.example",
        "X-Forwarded-For": "203.0.113.7",
    }
    response = await workshop.client.post(
        "/v1/removal-requests", json=NAMES_A_PICTURE, headers=headers
    )
    assert (await response.json())["status_url"].startswith(f"{HERE}/removal/")
