"""Who asks, and who is answered."""

from hypothesis import given
from hypothesis import strategies as st

from backend.scheduling.asking import Asks
from tests.builders import a_worker

FOX, OWL = frozenset({"fox"}), frozenset({"owl"})
NAMES = st.sampled_from(["w1", "w2", "w3"])


def test_a_job_for_anyone_answers_a_wish_of_anyone() -> None:
    asks = Asks([a_worker("w1"), a_worker("w2", wants=2)], sent={"": 1})
    assert (asks.room, asks.slots) == (2, 2)
    assert [asks.answer(frozenset()) for _ in range(2)] == ["", ""]
    assert asks.room == 0


def test_a_job_sent_to_one_worker_answers_only_its_wish() -> None:
    asks = Asks([a_worker("w1", adapters=FOX), a_worker("w2")], sent={"w1": 3})
    assert asks.room == 1
    assert asks.credit().adapters == frozenset()
    assert asks.answer(FOX) == ""


def test_adapters_of_busy_unheard_and_older_workers_count_for_nothing() -> None:
    asks = Asks(
        [
            a_worker("busy", wants=0, adapters=FOX),
            a_worker("deaf", adapters=FOX),
            a_worker("old", adapters=FOX, has_own_queue=False),
            a_worker("able", adapters=OWL),
        ],
        sent={},
        unheard=["deaf"],
    )
    assert asks.credit().adapters == OWL
    assert asks.answer(FOX) == ""
    assert asks.answer(OWL) == "able"


def test_a_worker_must_hold_all_adapters_of_a_job() -> None:
    asks = Asks([a_worker("w1", adapters=FOX), a_worker("w2", adapters=OWL)], sent={})
    assert asks.answer(FOX | OWL) == ""


def test_an_answer_that_came_to_nothing_leaves_the_wish_open() -> None:
    asks = Asks([a_worker("w1", adapters=FOX)], sent={})
    asks.take_back(asks.answer(FOX))
    assert (asks.room, asks.answer(FOX), asks.room) == (1, "w1", 0)


@given(
    wants=st.dictionaries(NAMES, st.integers(0, 4)),
    sent=st.dictionaries(st.one_of(NAMES, st.just("")), st.integers(0, 4)),
    jobs=st.lists(st.sampled_from([frozenset(), FOX, OWL]), max_size=20),
)
def test_nobody_is_ever_handed_more_than_it_asked_for(wants, sent, jobs) -> None:
    workers = [a_worker(name, wants=count, adapters=FOX) for name, count in wants.items()]
    asks = Asks(workers, sent=sent)
    given_out = dict(sent)
    for adapters in jobs:
        if asks.room > 0:
            name = asks.answer(adapters)
            given_out[name] = given_out.get(name, 0) + 1
    for name in wants:
        assert given_out.get(name, 0) <= max(wants[name], sent.get(name, 0))
    open_wishes = sum(max(0, wants[name] - sent.get(name, 0)) for name in wants)
    handed = sum(given_out.values()) - sum(sent.values())
    assert handed <= max(0, open_wishes - sent.get("", 0))
