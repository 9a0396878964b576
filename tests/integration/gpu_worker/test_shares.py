"""What a worker takes while all three of its queues are backlogged."""

import sys
from collections import Counter

from backend.contracts import RenderStarted, Tier
from tests.integration.gpu_worker.conftest import (
    Line,
    StartWorker,
    a_render_job,
    wait_while_moving,
)

JOBS = 320
IDEAL = {Tier.TURBO: 10 / 16, Tier.FAST: 5 / 16, Tier.RELAX: 1 / 16}
SENT = {Tier.TURBO: 230, Tier.FAST: 130, Tier.RELAX: 50}


def test_backlogged_tiers_share_a_worker_ten_to_five_to_one(
    line: Line, start_worker: StartWorker, capsys
):
    for tier, count in SENT.items():
        for number in range(count):
            line.send(a_render_job(job_id=f"{tier}-{number}", tier=tier))
    start_worker()

    def started() -> list[Tier]:
        return [
            Tier(report.job_id.partition("-")[0])
            for report in line.reports()
            if isinstance(report, RenderStarted)
        ]

    wait_while_moving(lambda: len(started()), JOBS, "jobs begun")
    counts = Counter(started()[:JOBS])
    with capsys.disabled():
        shares = ", ".join(f"{tier} {counts[tier]}" for tier in IDEAL)
        sys.stdout.write(f"\n{JOBS} jobs from three backlogged queues: {shares}\n")
    assert all(count > counts[tier] for tier, count in SENT.items())
    for tier, ideal in IDEAL.items():
        assert abs(counts[tier] / JOBS - ideal) <= 0.02
