"""A broker that restarts, forgets, refuses to write, is slow, or is not there."""

import shutil
import time

import pytest

from tests.e2e.faults.house import House

pytestmark = pytest.mark.fault


def submit_some(house: House, count: int = 5) -> list[str]:
    """Fill the line, and wait until somebody draws."""
    jobs = [house.submit(seed=number, steps=40) for number in range(count)]

    def is_drawn() -> bool:
        return any(house.job(job_id)["state"] == "rendering" for job_id in jobs)

    house.until(is_drawn, "somebody to draw")
    return jobs


def all_delivered(house: House, job_ids: list[str]) -> None:
    assert {row["state"] for row in house.ended(*job_ids)} == {"delivered"}


def test_a_broker_that_restarts_with_its_log_costs_no_job(house: House) -> None:
    jobs = submit_some(house)
    house.valkey.stop()
    house.valkey.start()
    all_delivered(house, jobs)


def test_a_broker_that_comes_back_empty_costs_no_job(house: House) -> None:
    jobs = submit_some(house)
    house.valkey.kill()
    shutil.rmtree(house.valkey.directory / "appendonlydir")
    house.valkey.start()
    all_delivered(house, jobs)


def test_a_wiped_broker_costs_no_job(house: House) -> None:
    jobs = submit_some(house)
    with house.broker() as broker:
        broker.flushall()
    all_delivered(house, jobs)


def test_while_the_broker_is_away_requests_are_accepted_and_wait(house: House) -> None:
    house.valkey.kill()
    asked = [house.ask(seed=number) for number in range(3)]
    accepted = [job_id for job_id in asked if job_id is not None]
    for job_id in accepted:
        assert house.rest.call("GET", f"/v1/generations/{job_id}")[0] == 200
    house.valkey.start()
    assert accepted
    all_delivered(house, accepted)


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
        (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
    ],
    ids=["full", "read-only"],
)
def test_a_broker_that_takes_no_writes_costs_no_job(
    house: House, begin: tuple[str, ...], end: tuple[str, ...]
) -> None:
    jobs = submit_some(house, 3)
    with house.broker() as broker:
        broker.execute_command(*begin)
        jobs += [job_id for job_id in [house.ask(seed=9), house.ask(seed=10)] if job_id]
        time.sleep(2.0)
        broker.execute_command(*end)
    all_delivered(house, jobs)


def test_a_slow_broker_makes_everything_slower_and_nothing_wrong(house: House) -> None:
    for proxy in house.to_broker.values():
        proxy.latency_s = 0.3
    all_delivered(house, submit_some(house, 3))


def test_a_broker_that_says_nothing_hangs_no_request(house: House) -> None:
    house.to_broker["gateway"].is_black_hole = True
    job_id = house.ask()
    assert job_id is not None
    assert house.rest.call("GET", f"/v1/generations/{job_id}")[0] == 200
    house.to_broker["gateway"].heal()
    all_delivered(house, [job_id])


def test_links_that_the_broker_ends_are_made_anew(house: House) -> None:
    jobs = submit_some(house, 3)
    for proxy in house.to_broker.values():
        proxy.half_close()
    jobs.append(house.submit())
    for proxy in house.to_broker.values():
        proxy.reset()
    all_delivered(house, jobs)
