"""Requests for removal from anybody, account or none: matched, put before moderators, answered.

Of a picture that comes with a request only its hashes are kept, never a byte. One that the lists of
child safety know is put on file instead, and no moderator is shown anything it matches.
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta

from backend.domain.errors import (
    PictureBlocked,
    RemovalRequestEmpty,
    RemovalRequestNotFound,
    TooManyRequests,
)
from backend.domain.removals import (
    REQUEST_WORDS_MAX,
    SEALED,
    RemovalRequest,
    RequestId,
    RequestState,
)
from backend.domain.requests import AccountId, JobId, Requester
from backend.domain.reviews import Decision, Review, ReviewId
from backend.domain.ways_out import CHILD_SAFETY
from backend.service import looks_on_record
from backend.service.child_safety import ChildSafety, report_on_sent
from backend.service.likenesses import Likenesses
from backend.service.moderation_ports import Complaint, ReviewStore
from backend.service.moderators import Moderators
from backend.service.picture_links import PictureLink, read_link
from backend.service.picture_ports import RateLimiter
from backend.service.ports import AuditLog, Clock, JobStore
from backend.service.removal_ports import ListedPictures, PictureFiles, RemovalStore

CONTACT_MAX = 200
MATCHES_MAX = 20
_KEPT_FOR = timedelta(days=365)
# A card that could not be posted for so long is not posted any more; REST still lists the request.
_SHOWN_WITHIN = timedelta(days=30)


class RemovalRequests:
    """The use cases around requests for removal."""

    def __init__(
        self,
        *,
        store: RemovalStore,
        reviews: ReviewStore,
        jobs: JobStore,
        files: PictureFiles,
        likenesses: Likenesses,
        moderators: Moderators,
        clock: Clock,
        listed: ListedPictures,
        child_safety: ChildSafety,
        audit: AuditLog,
        limiter: RateLimiter | None = None,
    ) -> None:
        self._limiter = limiter
        self._listed = listed
        self._child_safety = child_safety
        self._audit = audit
        self._store = store
        self._reviews = reviews
        self._jobs = jobs
        self._files = files
        self._likenesses = likenesses
        self._moderators = moderators
        self._clock = clock

    def must_be_welcome(self, client: str) -> None:
        """Count a request of an address, before its picture is taken in.

        Raises:
            TooManyRequests: too many came from there.

        """
        wait_s = 0 if self._limiter is None else self._limiter.take(client)
        if wait_s:
            raise TooManyRequests(retry_after_s=wait_s)

    async def ask(
        self, *, picture: bytes = b"", link: str = "", words: str = "", contact: str = ""
    ) -> tuple[RemovalRequest, str]:
        """Look for a picture and put every copy before moderators; return it with its secret.

        Raises:
            RemovalRequestEmpty: neither a picture nor a link came with it.
            PictureInvalid, PictureTooLarge: the picture cannot be read.
            PictureBlocked: no list can be relied on, so the picture may not be looked for.

        """
        named = read_link(link)
        if not picture and named.says_nothing:
            raise RemovalRequestEmpty
        request_id = RequestId("req_" + secrets.token_hex(10))
        if picture and (sealed := await self._sealed(request_id, picture)):
            return await self._add(request_id, words, contact, review_ids=(SEALED + sealed,))
        fingerprints = await self._files.fingerprints_of(picture) if picture else ()
        sha256 = hashlib.sha256(picture).hexdigest() if picture else ""
        found = await self._matches(sha256, fingerprints, named)
        said = words.strip()[:REQUEST_WORDS_MAX]
        reviews = [await self._open(request_id, job_id, index, said) for job_id, index in found]
        return await self._add(
            request_id,
            said,
            contact,
            sha256=sha256,
            fingerprint=fingerprints[0] if fingerprints else "",
            review_ids=tuple(review.id for review in reviews),
        )

    async def unseen(self) -> list[RemovalRequest]:
        """Return requests that no card shows yet, though nothing here matches them."""
        return await self._store.unseen_requests(since=self._clock() - _SHOWN_WITHIN)

    async def see(self, request_id: RequestId, requester: Requester) -> None:
        """Put on record that a moderator has looked at a request.

        Raises:
            ModeratorsOnly, AccountSuspended: the requester may not decide.
            Unavailable: it cannot be put on record.

        """
        await self._moderators.must_moderate(requester)
        seen = looks_on_record.removal_request_seen(
            requester.account_id, request_id, at=self._clock()
        )
        await self._audit.record(seen)

    async def _add(
        self,
        request_id: RequestId,
        words: str,
        contact: str,
        *,
        sha256: str = "",
        fingerprint: str = "",
        review_ids: tuple[str, ...] = (),
    ) -> tuple[RemovalRequest, str]:
        secret = secrets.token_urlsafe(24)
        request = RemovalRequest(
            id=request_id,
            token_digest=_digest(secret),
            words=words.strip()[:REQUEST_WORDS_MAX],
            contact=contact.strip()[:CONTACT_MAX],
            sha256=sha256,
            fingerprint=fingerprint,
            at=self._clock(),
            review_ids=review_ids,
        )
        await self._store.add_request(request)
        return request, secret

    async def _sealed(self, request_id: RequestId, picture: bytes) -> str:
        """Put a picture on file that a vetted list knows; return its report's id, or ""."""
        try:
            await self._listed.must_not_be_listed(picture)
        except PictureBlocked as blocked:
            if blocked.category != CHILD_SAFETY:
                raise
            report = report_on_sent(
                blocked,
                report_id=f"removal-{request_id}",
                account_id=_public(request_id),
                sha256=hashlib.sha256(picture).hexdigest(),
                now=self._clock(),
            )
            await self._child_safety.file(report)
            return report.id
        return ""

    async def status(self, secret: str) -> tuple[RemovalRequest, RequestState]:
        """Return a request and what became of it, to whoever has its secret.

        Raises:
            RemovalRequestNotFound: nobody has this one.

        """
        request = await self._store.request_by(_digest(secret))
        if request is None:
            raise RemovalRequestNotFound
        return request, await self._state_of(request)

    async def all(self, requester: Requester) -> list[tuple[RemovalRequest, RequestState]]:
        """Return the requests of a year with what became of them, newest first; it is on record.

        Raises:
            ModeratorsOnly, AccountSuspended: the requester may not decide.
            Unavailable: it cannot be put on record, so nothing is shown.

        """
        await self._moderators.must_moderate(requester)
        now = self._clock()
        requests = await self._store.requests(since=now - _KEPT_FOR, limit=200)
        seen = looks_on_record.removal_requests_listed(requester.account_id, requests, at=now)
        await self._audit.record(seen)
        return [(request, await self._state_of(request)) for request in requests]

    async def _state_of(self, request: RemovalRequest) -> RequestState:
        # Told apart, anybody could try out which pictures the lists know, and change one until they
        # do not.
        if request.is_sealed or not request.review_ids:
            return RequestState.NOT_FOUND
        reviews = [await self._reviews.get(ReviewId(one)) for one in request.review_ids]
        decisions = {review.decision for review in reviews if review is not None}
        if Decision.OPEN in decisions:
            return RequestState.OPEN
        return RequestState.REMOVED if Decision.REMOVED in decisions else RequestState.REFUSED

    async def _matches(
        self, sha256: str, fingerprints: Sequence[str], link: PictureLink
    ) -> list[tuple[JobId, int]]:
        found: dict[tuple[JobId, int], None] = {}
        digests = [*link.digests, *([sha256] if sha256 else [])]
        if digests:
            found |= dict.fromkeys(await self._same(digests))
        alike = await self._likenesses.near(fingerprints)
        found |= dict.fromkeys((one.picture.job_id, one.picture.index) for one in alike)
        found |= dict.fromkeys(await self._linked(link))
        return list(found)[:MATCHES_MAX]

    async def _same(self, digests: Sequence[str]) -> list[tuple[JobId, int]]:
        """Return the pictures of which files are these; all of a job where one is their grid."""
        found: list[tuple[JobId, int]] = []
        for job_id, index in await self._store.copies_of(digests):
            job = await self._jobs.get(job_id)
            image = None if job is None else job.image(index)
            if job is not None and image is not None and image.shows_others(digests):
                found += [(job_id, one.index) for one in job.images]
            else:
                found.append((job_id, index))
        return found

    async def _linked(self, link: PictureLink) -> list[tuple[JobId, int]]:
        """Return the pictures of the first job that a link may mean: one, or all of them."""
        for named in link.jobs:
            job = await self._jobs.get(named.job_id)
            if job is None or job.result is None:
                continue
            images = [one.index for one in job.result.images]
            wanted = [named.index] if named.index in images else images
            return [(job.id, one) for one in wanted]
        return []

    async def _open(self, request_id: RequestId, job_id: JobId, index: int, words: str) -> Review:
        now = self._clock()
        complaint = Complaint(
            account_id=_public(request_id),
            job_id=job_id,
            picture_index=index,
            words=words,
            at=now,
            is_request=True,
        )
        return await self._reviews.complain(complaint, most_since=(MATCHES_MAX, now))


def _public(request_id: RequestId) -> AccountId:
    """Return what stands for whoever asked, who has no account here."""
    return AccountId(f"public:{request_id}")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
