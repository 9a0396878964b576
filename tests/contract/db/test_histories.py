"""Whatever happens to jobs in whatever order, the table, the outbox and the books agree."""

import asyncio

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from backend.db.sessions import Database
from backend.domain.events import JobEventKind
from tests.contract.db.conftest import memory_stores, sql_stores
from tests.contract.db.histories import Histories, run_in

IN_MEMORY, IN_SQL = 40, 8
# Which histories a seed stands for changes with the code around: the library picks constants there.
SEEDS = range(3, 9)
# No preview is ever in the table.
ALL_KINDS = {kind.value for kind in JobEventKind} - {JobEventKind.PREVIEW}


def test_random_histories_keep_every_promise_of_the_job_table(store_url: str | None):
    seen: set[str] = set()
    with asyncio.Runner() as runner:
        database = None if store_url is None else Database(store_url)
        stores = memory_stores() if database is None else sql_stores(database)
        try:
            for number in SEEDS:
                run_state_machine_as_test(
                    seed(number)(lambda: Histories(stores=stores, run=run_in(runner), seen=seen)),
                    settings=_settings(IN_MEMORY if database is None else IN_SQL),
                )
                if seen == ALL_KINDS:
                    break
        finally:
            if database is not None:
                runner.run(database.close())
    # Histories in which nothing happens would keep any promise.
    assert seen == ALL_KINDS


def _settings(examples: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=40,
        deadline=None,
        database=None,
        # Looking for the shortest bad history would take minutes of a database's time.
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
