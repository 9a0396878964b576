"""Requests for removal that nobody answered in time, where the operator would have them granted."""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from backend.domain.errors import ImageNotFound, ReviewNotFound
from backend.domain.requests import AccountId
from backend.domain.reviews import Decision, Review, ReviewKind
from backend.domain.standing import HOUSE
from backend.service.moderation_ports import ReviewStore
from backend.service.ports import Clock, JobStore
from backend.service.removals import Removals

BATCH: Final = 100
NOBODY_ANSWERED: Final = "Nobody answered in time."

_log = structlog.get_logger(__name__)


class UnansweredRequests:
    """Grants what was promised an answer by now and has none; done again, it changes nothing.

    What an account that is frozen had drawn is preserved, and shown to nobody anyway.
    """

    def __init__(
        self,
        *,
        reviews: ReviewStore,
        jobs: JobStore,
        removals: Removals,
        is_frozen: Callable[[AccountId], Awaitable[bool]],
        clock: Clock,
    ) -> None:
        self._reviews = reviews
        self._jobs = jobs
        self._removals = removals
        self._is_frozen = is_frozen
        self._clock = clock

    async def settle(self) -> int:
        """Remove everywhere what nobody decided about in time; return how many pictures that was.

        Raises:
            Unavailable: the database does not answer; the rest is for next time.

        """
        late = [one for one in await self._reviews.open_reviews(BATCH) if self._is_late(one)]
        return sum([await self._grant(review) for review in late])

    def _is_late(self, review: Review) -> bool:
        is_request = review.kind is ReviewKind.REQUEST and review.appeal is None
        return is_request and review.due_at is not None and review.due_at <= self._clock()

    async def _grant(self, review: Review) -> bool:
        job = await self._jobs.get(review.job_id)
        owner = None if job is None else job.request.requester.account_id
        if review.picture_index is None or owner is None or await self._is_frozen(owner):
            return False
        try:
            await self._removals.remove_unasked(
                review.job_id, review.picture_index, by=HOUSE, reason=NOBODY_ANSWERED
            )
        except ImageNotFound:
            _log.info("picture_removed_before", review_id=review.id)
        try:
            await self._reviews.decide(
                review.id,
                lambda found: found.decided(
                    Decision.REMOVED, by=HOUSE, now=self._clock(), reason=NOBODY_ANSWERED
                ),
                None,
            )
        except ReviewNotFound:
            _log.info("request_decided_meanwhile", review_id=review.id)
        return True
