"""A store of pictures that is busy, silent, shut, or loses its answers."""

import time

import pytest

from tests.e2e.faults.house import BUCKET, House
from tests.fakes.store_front import StoreFault

pytestmark = pytest.mark.fault


def fresh(house: House, count: int = 1, **fields: object) -> list[str]:
    """Ask for pictures that nobody has stored yet."""
    seed = time.time_ns() % 1_000_000_000
    return [house.submit(seed=seed + number, **fields) for number in range(count)]


def test_a_store_that_refuses_a_third_of_all_writes_costs_no_job(house: House) -> None:
    house.front.break_down(StoreFault(kind="refused", share=0.3))
    for row in house.ended(*fresh(house, 5)):
        assert (row["state"], row["losses"]) == ("delivered", 0)
    assert house.front.hit


def test_a_store_that_hangs_and_then_hangs_up_is_asked_again(house: House) -> None:
    house.front.break_down(StoreFault(kind="hanging"))
    (job_id,) = fresh(house)
    house.until(lambda: house.front.hit, "a write that hangs")
    time.sleep(1.0)
    house.front.heal()
    (row,) = house.ended(job_id)
    assert (row["state"], row["attempt"]) == ("delivered", 1)


def test_a_lost_answer_of_the_store_makes_no_second_object(house: House) -> None:
    house.front.break_down(StoreFault(kind="reply_lost", share=0.5))
    rows = house.ended(*fresh(house, 3))
    house.front.heal()
    assert house.front.hit
    for row in rows:
        (image,) = row["result"]["images"]
        name = image["keys"]["original"].split("/")[-2]
        originals = {path for method, path in house.front.seen if name in path}
        assert len([path for path in originals if path.endswith("original.png")]) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "InvalidAccessKeyId"), (404, "NoSuchBucket"), (503, "SlowDown")],
)
def test_while_the_store_is_shut_drawn_pictures_are_held_and_no_attempt_is_lost(
    house: House, status: int, code: str
) -> None:
    house.front.break_down(StoreFault(kind="refused", status=status, code=code))
    (job_id,) = fresh(house)
    house.until(lambda: len(house.front.hit) >= 5, "several refusals")
    assert house.job(job_id)["state"] == "rendering"
    house.front.heal()
    (row,) = house.ended(job_id)
    assert (row["state"], row["attempt"]) == ("delivered", 1)


def test_a_job_that_is_cancelled_while_its_pictures_are_held_frees_the_worker(
    house: House,
) -> None:
    house.front.break_down(StoreFault(kind="refused", status=403, code="AccessDenied"))
    held = fresh(house, 2)
    house.until(lambda: len(house.front.hit) >= 4, "several refusals")
    for job_id in held:
        assert house.rest.call("POST", f"/v1/generations/{job_id}/cancel")[0] == 202
    refused = len(house.front.hit)
    house.until(lambda: not house.unfinished(), "the end of both")
    house.front.heal()
    assert refused
    (row,) = house.ended(*fresh(house))
    assert row["state"] == "delivered"


def test_a_worker_cut_off_from_the_store_for_a_while_costs_no_job(house: House) -> None:
    for proxy in house.to_store.values():
        proxy.is_refusing = True
    (job_id,) = fresh(house)
    time.sleep(3.0)
    house.heal()
    (row,) = house.ended(job_id)
    assert row["state"] == "delivered"
    assert BUCKET in "".join(path for _, path in house.front.seen)
