"""Workers that die, hang, or lose their links, at every stage of a job."""

import hashlib
import signal
import time
from io import BytesIO

import pytest
from PIL import Image

from backend.contracts import REPORT_STREAM
from tests.e2e.faults.house import WORKERS, House, are_alike, pictures
from tests.e2e.rest import fetch

pytestmark = pytest.mark.fault

# What a worker says to the broker at each stage; it dies with the words in its mouth or just said.
STAGES = {
    "claimed": (rb"impasto:claim:", True),
    "started": (rb"render_started", True),
    "first step": (rb'render_progress[^}]*"step":[1-4],', True),
    "mid": (rb'render_progress[^}]*"step":[5-9],', True),
    "report lost": (rb"render_finished", False),
}


@pytest.fixture(scope="session")
def expected(whole_house: House) -> Image.Image:
    """The picture of seed 7, drawn in peace."""
    picture = picture_of(whole_house, whole_house.submit())
    assert not are_alike(picture, picture_of(whole_house, whole_house.submit(seed=8)))
    return picture


def picture_of(house: House, job_id: str) -> Image.Image:
    """Wait for a job's only picture, and see that it is whole and what the job says it is."""
    (row,) = house.ended(job_id)
    (digest,) = pictures(row)
    (image,) = house.rest.call("GET", f"/v1/generations/{job_id}")[1]["images"]
    status, data = fetch(image["url"])
    assert status == 200
    assert hashlib.sha256(data).hexdigest() == digest
    return Image.open(BytesIO(data)).convert("RGB")


@pytest.mark.parametrize("stage", STAGES)
def test_a_worker_killed_at_any_stage_costs_one_attempt_and_no_pixel(
    house: House, expected: Image.Image, stage: str
) -> None:
    pattern, passes = STAGES[stage]
    traps = [
        house.to_broker[name].set_trap(pattern, lambda name=name: house.kill(name), passes=passes)
        for name in WORKERS
    ]
    job_id = house.submit()
    house.until(lambda: any(trap.sprung.is_set() for trap in traps), "the kill")
    for name in WORKERS:
        house.to_broker[name].heal()
    (row,) = house.ended(job_id)
    assert are_alike(picture_of(house, job_id), expected)
    assert row["attempt"] == 2
    assert house.events(job_id).count("delivered") == 1


def test_a_worker_killed_while_it_stores_leaves_no_half_picture(house: House) -> None:
    traps = [
        house.to_store[name].set_trap(rb"PUT /", lambda name=name: house.kill(name), passes=False)
        for name in WORKERS
    ]
    # A picture that is stored already would not be stored again.
    job_id = house.submit(seed=9008)
    house.until(lambda: any(trap.sprung.is_set() for trap in traps), "the kill")
    for name in WORKERS:
        house.to_store[name].heal()
    (row,) = house.ended(job_id)
    assert row["attempt"] == 2
    assert picture_of(house, job_id)


def test_a_worker_killed_when_it_has_reported_costs_nothing(
    house: House, expected: Image.Image
) -> None:
    for name in WORKERS:
        house.to_broker[name].set_trap(rb"render_finished", lambda name=name: house.kill(name))
    job_id = house.submit()
    (row,) = house.ended(job_id)
    assert are_alike(picture_of(house, job_id), expected)
    assert row["attempt"] == 1


def test_a_job_that_kills_every_worker_ends_failed_and_hurts_no_other(house: House) -> None:
    others = [house.submit(seed=number) for number in range(8)]
    poison = house.submit(seed=666, steps=150)
    pattern = rf'"job_id":"{poison}"[^}}]*render_progress'.encode()

    def arm() -> bool:
        for name in WORKERS:
            proxy = house.to_broker[name]
            if not proxy.has_trap():
                proxy.set_trap(pattern, lambda name=name: house.kill(name), passes=False)
        return bool(house.job(poison)["state"] == "failed")

    house.until(arm, "the end of the poison job")
    row = house.job(poison)
    assert row["failure"]["code"] == "worker_lost"
    assert row["losses"] <= 3
    # At its first attempt nobody knows what it is: a job that is being stored goes down with it.
    ended = house.ended(*others)
    assert all(other["state"] == "delivered" for other in ended)
    assert all(other["losses"] <= 1 for other in ended)


def test_a_notice_moves_a_job_that_is_longer_than_the_notice(house: House) -> None:
    job_id = house.submit(steps=100)
    name = house.holder(job_id)
    house.signal(name, signal.SIGTERM)
    time.sleep(1.0)
    house.kill(name)
    (row,) = house.ended(job_id)
    assert (row["state"], row["attempt"]) == ("delivered", 2)


def test_a_notice_lets_a_short_job_end(house: House) -> None:
    job_id = house.submit(steps=30)
    house.signal(house.holder(job_id), signal.SIGTERM)
    (row,) = house.ended(job_id)
    assert (row["state"], row["attempt"]) == ("delivered", 1)


def test_a_worker_that_wakes_too_late_is_not_listened_to(house: House) -> None:
    job_id = house.submit(steps=20)
    name = house.holder(job_id)
    house.signal(name, signal.SIGSTOP)
    (row,) = house.ended(job_id)
    assert (row["state"], row["attempt"]) == ("delivered", 2)
    house.signal(name, signal.SIGCONT)
    # It draws to the end and reports; the report is read, and refused.
    log = house.home / "logs" / f"{name}.log"
    house.until(lambda: _has_ended(log.read_text(), job_id), "the late end")
    with house.broker() as broker:
        house.until(lambda: broker.xlen(REPORT_STREAM) == 0, "the late report to be read")
    assert house.job(job_id) == row
    assert house.events(job_id).count("delivered") == 1


def test_a_worker_cut_off_from_the_broker_loses_its_job_to_another_and_comes_back(
    house: House,
) -> None:
    job_id = house.submit(steps=60)
    name = house.holder(job_id)
    house.to_broker[name].is_black_hole = True
    (row,) = house.ended(job_id)
    assert (row["state"], row["attempt"]) == ("delivered", 2)
    house.to_broker[name].heal()
    house.until(house.is_whole, "the worker to be back")
    assert house.job(job_id) == row


def test_a_short_silence_of_the_broker_costs_no_attempt(house: House) -> None:
    job_id = house.submit(steps=60)
    name = house.holder(job_id)
    house.to_broker[name].is_black_hole = True
    time.sleep(1.0)
    house.to_broker[name].heal()
    (row,) = house.ended(job_id)
    assert (row["state"], row["attempt"]) == ("delivered", 1)


def _has_ended(log: str, job_id: str) -> bool:
    return any('"job_ended"' in line and job_id in line for line in log.splitlines())
