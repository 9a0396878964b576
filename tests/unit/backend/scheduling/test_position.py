"""Where a job stands."""

from hypothesis import given
from hypothesis import strategies as st

from backend.domain.families import ModelFamily
from backend.domain.jobs import JobState
from backend.domain.tiers import Tier
from backend.scheduling.position import jobs_ahead
from tests.builders import a_job, a_spec, at


def test_only_earlier_unstarted_jobs_of_the_same_line_are_ahead() -> None:
    job = a_job(created_at=at(10))
    rows = [
        a_job(created_at=at(1)),
        a_job(created_at=at(2), state=JobState.RENDERING),
        a_job(created_at=at(3), state=JobState.CANCELLED),
        a_job(created_at=at(4), spec=a_spec(tier=Tier.TURBO)),
        a_job(created_at=at(5), spec=a_spec(family=ModelFamily.FLUX)),
        a_job(created_at=at(11)),
        job,
    ]
    assert jobs_ahead(job, rows) == 1


@given(moments=st.lists(st.integers(0, 1000), unique=True, min_size=1, max_size=20))
def test_positions_in_a_line_are_its_order(moments: list[int]) -> None:
    rows = [a_job(created_at=at(moment)) for moment in moments]
    in_order = sorted(rows, key=lambda job: job.created_at)
    assert [jobs_ahead(job, rows) for job in in_order] == list(range(len(rows)))
