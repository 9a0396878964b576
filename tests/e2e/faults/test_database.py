"""A database that restarts, is full of connections, is locked, or whose answers get lost."""

import contextlib
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
import pytest

from tests.e2e.faults.house import GATEWAY, House
from tests.e2e.faults.test_broker import all_delivered, submit_some

pytestmark = pytest.mark.fault


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
def test_a_database_that_restarts_costs_no_job_and_refuses_honestly(
    house: House, how: signal.Signals
) -> None:
    jobs = submit_some(house)
    house.postgres.halt(how)
    refused = house.ask()
    house.postgres.resume()
    assert refused is None
    all_delivered(house, jobs)


def test_nothing_is_accepted_without_a_row(house: House) -> None:
    before = house.query("SELECT count(*) FROM jobs")
    house.postgres.halt(signal.SIGINT)
    asked = [house.ask(seed=number) for number in range(3)]
    house.postgres.resume()
    assert asked == [None, None, None]
    assert house.query("SELECT count(*) FROM jobs") == before
    all_delivered(house, [house.submit()])


def test_when_every_connection_is_taken_requests_are_refused_and_later_served(
    house: House,
) -> None:
    jobs = submit_some(house, 2)
    with taken(house):
        assert house.ask() is None
    all_delivered(house, [*jobs, house.submit()])


def test_a_locked_table_only_makes_people_wait(house: House) -> None:
    jobs = submit_some(house, 3)
    with psycopg.connect(house.database_url) as connection:
        connection.execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
        time.sleep(2.0)
    all_delivered(house, [*jobs, house.submit()])


def test_an_answer_lost_after_the_commit_makes_no_second_job(house: House) -> None:
    trap = house.to_database[GATEWAY].set_trap(rb"COMMIT", loses_answer=True)
    key = f"lost-{time.time_ns()}"
    first = house.ask(key=key)
    assert trap.sprung.is_set()
    assert first is None
    job_id = house.submit(key=key)
    all_delivered(house, [job_id])
    rows = house.query("SELECT id FROM jobs WHERE idempotency_key = %s", key)
    assert [row["id"] for row in rows] == [job_id]
    holds = house.query("SELECT kind FROM ledger WHERE job_id = %s AND kind = 'hold'", job_id)
    assert len(holds) == 1


def test_a_database_that_says_nothing_hangs_no_request(house: House) -> None:
    house.to_database[GATEWAY].is_black_hole = True
    assert house.ask() is None
    house.to_database[GATEWAY].heal()
    house.until(house.is_whole, "the gateway to find the database again")
    all_delivered(house, [house.submit()])


def test_a_dispatcher_cut_off_from_the_database_costs_no_job(house: House) -> None:
    jobs = submit_some(house)
    for name in ("dispatcher-1", "dispatcher-2"):
        house.to_database[name].reset()
    house.to_database["dispatcher-1"].is_black_hole = True
    time.sleep(3.0)
    house.to_database["dispatcher-1"].heal()
    all_delivered(house, jobs)


@contextlib.contextmanager
def taken(house: House) -> Iterator[None]:
    """Take every connection the server has, those of our processes too."""
    with ExitStack() as held:
        first = held.enter_context(psycopg.connect(house.database_url, autocommit=True))
        own = [first.info.backend_pid]
        give_up_at = time.monotonic() + 30
        while time.monotonic() < give_up_at:
            try:
                another = held.enter_context(psycopg.connect(house.database_url, autocommit=True))
            except psycopg.OperationalError:
                if not _end_others(first, own):
                    break
            else:
                own.append(another.info.backend_pid)
        yield


def _end_others(connection: psycopg.Connection, own: list[int]) -> bool:
    """End the connections of everybody else; say whether there were any."""
    ended = connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND NOT pid = ANY(%s)",
        [own],
    ).fetchall()
    return bool(ended)
