"""What members do about decisions and pictures: appeal against a block, report a picture."""

from datetime import timedelta

from backend.domain.errors import AppealImpossible, JobNotFound
from backend.domain.jobs import JobState
from backend.domain.requests import JobId, Requester
from backend.domain.reviews import REPORT_WORDS_MAX, Review, ReviewKind
from backend.service.generations import image_of
from backend.service.moderation_ports import Complaint, ReviewStore
from backend.service.ports import Clock, JobStore

REPORTS_AN_HOUR = 10


class Appeals:
    """One appeal for each block, one report for each member and picture."""

    def __init__(
        self,
        *,
        reviews: ReviewStore,
        jobs: JobStore,
        clock: Clock,
        reports_an_hour: int = REPORTS_AN_HOUR,
    ) -> None:
        self._reviews = reviews
        self._jobs = jobs
        self._clock = clock
        self._reports_an_hour = reports_an_hour

    async def appeal(self, job_id: JobId, requester: Requester, *, words: str) -> Review:
        """Ask moderators for a second look at why one's own job is held.

        Raises:
            JobNotFound: there is none, or it is somebody else's.
            AppealImpossible: it is not held, or for what nobody releases.
            AppealRepeated: there was an appeal against this block.

        """
        review = await self.must_be_open(job_id, requester)
        decided = await self._reviews.decide(
            review.id, lambda found: found.appealed(words.strip(), now=self._clock()), None
        )
        if decided is None:
            raise AppealImpossible
        return decided[0]

    async def must_be_open(self, job_id: JobId, requester: Requester) -> Review:
        """Return the review that an appeal would go to; nothing is changed.

        Raises:
            JobNotFound, AppealImpossible, AppealRepeated: as `appeal`.

        """
        job = await self._jobs.get(job_id)
        if job is None or job.request.requester.account_id != requester.account_id:
            raise JobNotFound
        reviews = await self._reviews.of_job(job_id)
        held = next((review for review in reviews if review.kind is ReviewKind.HELD), None)
        if job.state is not JobState.BLOCKED or held is None:
            raise AppealImpossible
        held.appealed("", now=self._clock())
        return held

    async def report(
        self, job_id: JobId, index: int, requester: Requester, *, words: str = ""
    ) -> Review:
        """Put a delivered picture before moderators; whose it is never learns who reported it.

        Raises:
            JobNotFound, JobNotDelivered, ImageNotFound: there is no such picture.
            ReportRepeated, TooManyReports: this member has reported it, or very many others.

        """
        job = await self._jobs.get(job_id)
        if job is None:
            raise JobNotFound
        image_of(job, index)
        now = self._clock()
        complaint = Complaint(
            account_id=requester.account_id,
            job_id=job_id,
            picture_index=index,
            words=words.strip()[:REPORT_WORDS_MAX],
            at=now,
        )
        most_since = (self._reports_an_hour, now - timedelta(hours=1))
        return await self._reviews.complain(complaint, most_since=most_since)
