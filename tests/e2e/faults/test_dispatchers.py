"""Dispatchers and gateways that die between two moments, lead twice, or have a wrong clock."""

import signal
import time
import urllib.error
from collections.abc import Iterator
from http.client import HTTPException

import pytest

from backend.dispatch.leader import LEADER_KEY
from tests.e2e.faults.house import DISPATCHERS, GATEWAY, House
from tests.e2e.faults.test_broker import all_delivered

pytestmark = pytest.mark.fault

# What a leader says at the moments between two things that belong together.
MOMENTS = {
    "leased, not sent": rb"LPUSH[^*]*impasto:celery:sdxl",
    "applied, not acknowledged": rb"XACK",
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_dispatcher_killed_between_two_moments_costs_no_job(house: House, moment: str) -> None:
    traps = [
        house.to_broker[name].set_trap(
            MOMENTS[moment], lambda name=name: house.kill(name), passes=False
        )
        for name in DISPATCHERS
    ]
    job_id = house.submit()
    house.until(lambda: any(trap.sprung.is_set() for trap in traps), "the kill")
    for name in DISPATCHERS:
        house.to_broker[name].heal()
    (row,) = house.ended(job_id)
    assert row["state"] == "delivered"
    assert row["losses"] == 0
    assert house.events(job_id).count("delivered") == 1


def test_a_gateway_killed_right_after_its_commit_has_accepted_the_job(house: House) -> None:
    trap = house.to_database[GATEWAY].set_trap(rb"COMMIT", lambda: house.kill(GATEWAY))
    key = f"killed-{time.time_ns()}"
    with pytest.raises((urllib.error.URLError, HTTPException, OSError)):
        house.ask(key=key)
    assert trap.sprung.is_set()
    house.until(house.is_whole, "the gateway to be back")
    job_id = house.submit(key=key)
    all_delivered(house, [job_id])
    assert len(house.query("SELECT id FROM jobs WHERE idempotency_key = %s", key)) == 1
    kinds = [row["kind"] for row in house.query("SELECT * FROM ledger WHERE job_id = %s", job_id)]
    assert kinds.count("hold") == 1


def test_a_leader_that_wakes_beside_its_successor_sends_nothing_twice(house: House) -> None:
    with house.broker() as broker:
        token = broker.get(LEADER_KEY)
        house.signal(house.leader(), signal.SIGSTOP)
        house.until(lambda: broker.get(LEADER_KEY) not in (None, token), "a successor")
    jobs = [house.submit(seed=number) for number in range(6)]
    house.heal()
    jobs += [house.submit(seed=number) for number in range(6, 12)]
    all_delivered(house, jobs)
    for job_id in jobs:
        told = house.events(job_id)
        # One that both had sent would have been sent again without coming back to the line.
        assert told.count("dispatched") == 1 + told.count("returned"), told
        assert told.count("delivered") == 1


@pytest.fixture
def wrong_clock(house: House, request: pytest.FixtureRequest) -> Iterator[House]:
    """A house led by a dispatcher whose clock is wrong."""
    name = f"dispatcher{request.param:+d}"
    house.start_process(
        name, "tests.e2e.faults.skewed", str(request.param), "backend", "dispatcher"
    )
    for other in DISPATCHERS:
        house.signal(other, signal.SIGSTOP)
    log = house.home / "logs" / f"{name}.log"
    house.until(lambda: log.exists() and "dispatcher_leads" in log.read_text(), "a leader")
    yield house
    house.heal()
    house.retire(name)


@pytest.mark.parametrize("wrong_clock", [3600, -3600], indirect=True)
def test_a_leader_with_a_wrong_clock_takes_no_job_away_and_forgets_none(
    wrong_clock: House,
) -> None:
    house = wrong_clock
    kept, lost = house.submit(steps=50), house.submit(seed=8, steps=50)
    name = house.holder(lost)
    assert house.holder(kept) != name
    house.signal(name, signal.SIGSTOP)
    rows = house.ended(kept, lost)
    house.signal(name, signal.SIGCONT)
    assert [row["state"] for row in rows] == ["delivered", "delivered"]
    assert [row["attempt"] for row in rows] == [1, 2]
