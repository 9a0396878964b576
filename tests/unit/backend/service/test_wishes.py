"""What workers ask for, and who is handed which job."""

import pytest

from backend.domain.families import ModelFamily
from backend.domain.jobs import StaleAttempt
from tests.builders import (
    a_request,
    a_requester,
    a_spec,
    a_worker,
    at,
)
from tests.unit.backend.service.hall import Hall


async def test_a_job_on_its_way_answers_one_wish(hall: Hall) -> None:
    first, second = [await hall.enter(created_at=at(second)) for second in range(2)]
    assert await hall.send_to(a_worker(wants=1)) == [first]
    assert await hall.send_to(a_worker(wants=1)) == []
    await hall.start(first)
    assert await hall.send_to(a_worker(wants=0)) == []
    assert await hall.send_to(a_worker(wants=1)) == [second]


async def test_what_a_gone_worker_was_sent_answers_nobody_elses_wish(hall: Hall) -> None:
    warm = await hall.enter(created_at=at(0), spec=a_spec(adapters=("fox",)))
    plain = await hall.enter(created_at=at(1))
    assert await hall.send_to(a_worker("w1", adapters=["fox"])) == [warm]
    assert await hall.send_to(a_worker("w2")) == [plain]


async def test_a_job_goes_to_the_own_queue_of_a_worker_that_holds_its_adapters(hall: Hall) -> None:
    plain = await hall.enter(created_at=at(0))
    warm = await hall.enter(created_at=at(1), spec=a_spec(adapters=("fox",)))
    cold = await hall.enter(created_at=at(2), spec=a_spec(adapters=("owl",)))
    workers = [a_worker("w1"), a_worker("w2", adapters=["fox"]), a_worker("w3")]
    # The directed one first, so that its worker does not take another's meanwhile.
    assert await hall.send_to(*workers) == [warm, plain, cold]
    assert hall.queues.workers == ["w2", "", ""]
    assert (await hall.job(warm)).lease is not None
    assert (await hall.line.in_flight(ModelFamily.SDXL)) == {"w2": 1, "": 2}


async def test_a_warm_job_goes_first_unless_that_is_unfair_by_more_than_one_job(
    hall: Hall,
) -> None:
    colds = [await hall.enter(created_at=at(n), spec=a_spec(adapters=("owl",))) for n in range(3)]
    request = a_request(requester=a_requester(account_id="discord:2"))
    warm_spec = a_spec(adapters=("fox",))
    warms = [
        await hall.enter(created_at=at(5 + n), request=request, spec=warm_spec) for n in range(3)
    ]
    sent = []
    for _ in range(6):
        (job_id,) = await hall.send_to(a_worker("w1", adapters=["fox"]))
        sent.append(job_id)
        await hall.start(job_id)
    assert sent[0] == warms[0]
    for length in range(1, 7):
        drawn = [sum(job in jobs for job in sent[:length]) for jobs in (colds, warms)]
        # Taking turns alone makes one; the warm one may be one more ahead.
        assert -1 <= drawn[1] - drawn[0] <= 2, sent


async def test_only_the_worker_a_job_was_sent_to_may_begin_it(hall: Hall) -> None:
    job_id = await hall.enter(spec=a_spec(adapters=("fox",)))
    await hall.send_to(a_worker("w7", adapters=["fox"]))
    with pytest.raises(StaleAttempt):
        await hall.start(job_id)


async def test_a_job_left_lying_in_a_workers_own_queue_goes_to_anyone(hall: Hall) -> None:
    job_id = await hall.enter(spec=a_spec(adapters=("fox",)))
    await hall.send_to(a_worker("w1", adapters=["fox"]))
    hall.seconds = 61
    assert await hall.line.return_lost() == 1
    assert hall.queues.voided == [(job_id, 1)]
    assert await hall.send_to(a_worker("w1", adapters=["fox"])) == [job_id]
    assert hall.queues.workers == ["w1", ""]
    assert (await hall.job(job_id)).losses == 0
