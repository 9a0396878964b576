"""Pictures people give us: screened before they are kept, for a day, for their owner alone."""

import hashlib
import secrets
from collections.abc import Callable
from datetime import timedelta

from backend.domain.errors import (
    PictureBlocked,
    PictureTooLarge,
    TooManyUploads,
    Unavailable,
    UploadNotFound,
)
from backend.domain.requests import Requester, UploadId
from backend.domain.uploads import (
    UPLOAD_BYTES_MAX,
    UPLOAD_LIFETIME_S,
    UPLOADS_MAX,
    Upload,
)
from backend.domain.ways_out import CHILD_SAFETY
from backend.prompt.judging import judge_pictures_again
from backend.service import on_record
from backend.service.child_safety import ChildSafety, report_on_sent
from backend.service.policies import PlacePolicies
from backend.service.ports import AdmittedPicture, AuditLog, Clock, UploadPictures, UploadStore
from backend.service.standings import Standings
from safety.policy import Policy
from safety.verdict import Outcome

# A job that was asked for in the last moment may wait and be drawn long after.
GRACE = timedelta(days=1)
EXPIRED_BATCH = 100
_MIB = 1024 * 1024


def new_upload_id() -> UploadId:
    """Make an unguessable id, safe in URLs and object keys."""
    return UploadId("upl_" + secrets.token_hex(10))


class Uploads:
    """The use cases around uploads."""

    def __init__(
        self,
        *,
        store: UploadStore,
        pictures: UploadPictures,
        standings: Standings | None,
        policies: PlacePolicies,
        audit: AuditLog,
        clock: Clock,
        child_safety: ChildSafety | None = None,
        make_id: Callable[[], UploadId] = new_upload_id,
    ) -> None:
        self._store = store
        self._pictures = pictures
        self._standings = standings
        self._policies = policies
        self._audit = audit
        self._child_safety = child_safety
        self._clock = clock
        self._make_id = make_id

    async def add(
        self, data: bytes, requester: Requester, *, bytes_max: int = UPLOAD_BYTES_MAX
    ) -> Upload:
        """Screen a picture by the policy of the place it is given at, and keep it.

        What may not be used there is never stored.

        Raises:
            PictureInvalid, PictureTooLarge: it cannot be read.
            PictureBlocked: it may not be used here.
            TooManyUploads: the account has as many as it may.
            Unavailable: the store does not answer.
            AccountSuspended: the account may not ask for pictures.

        """
        await self._must_be_welcome(requester)
        if len(data) > bytes_max:
            raise PictureTooLarge(limit=f"at most {bytes_max // _MIB} MiB are read")
        picture = await self._screened(data, requester)
        upload_id = self._make_id()
        key = await self._pictures.keep(upload_id, picture)
        now = self._clock()
        upload = Upload(
            id=upload_id,
            account_id=requester.account_id,
            key=key,
            width=picture.width,
            height=picture.height,
            size_bytes=len(picture.png),
            created_at=now,
            expires_at=now + timedelta(seconds=UPLOAD_LIFETIME_S),
            judgement=picture.judgement,
        )
        if not await self._store.add(upload, most=UPLOADS_MAX):
            await self._pictures.drop(key)
            raise TooManyUploads(limit=UPLOADS_MAX)
        return upload

    async def _screened(self, data: bytes, requester: Requester) -> AdmittedPicture:
        """Screen a picture, and put the verdict on record before anything comes of it."""
        who, sha256 = requester.account_id, hashlib.sha256(data).hexdigest()
        policy = await self._policies.at(requester.place)
        try:
            picture = await self._pictures.admit(data, policy=policy)
        except PictureBlocked as blocked:
            held = on_record.upload_screened(
                who, "block", policy, sha256=sha256, at=self._clock(), category=blocked.category
            )
            await self._audit.record(held)
            if blocked.category == CHILD_SAFETY and self._child_safety is not None:
                whose = hashlib.sha256(who.encode()).hexdigest()[:8]
                report = report_on_sent(
                    blocked,
                    report_id=f"upload-{sha256[:24]}-{whose}",
                    account_id=who,
                    sha256=sha256,
                    now=self._clock(),
                )
                await self._child_safety.open(report)
            raise
        cleared = on_record.upload_screened(who, "allow", policy, sha256=sha256, at=self._clock())
        await self._audit.record(cleared)
        return picture

    async def get(self, upload_id: UploadId, requester: Requester) -> Upload:
        """Return an upload to its owner.

        Raises:
            UploadNotFound: there is none (any more), or it is somebody else's.

        """
        upload = await self._store.get(upload_id)
        if upload is None or not upload.is_open_to(requester.account_id, now=self._clock()):
            raise UploadNotFound
        return upload

    async def _must_be_welcome(self, requester: Requester) -> None:
        # Whoever only sweeps was given none, and takes nothing in.
        if self._standings is None:
            raise Unavailable
        await self._standings.must_be_welcome(requester.account_id)

    async def forget_expired(self) -> int:
        """Remove what expired a day ago, and count it."""
        gone = await self._store.expired(self._clock() - GRACE, EXPIRED_BATCH)
        for upload in gone:
            # The row last: without it nobody would find the object again.
            await self._pictures.drop(upload.key)
            await self._store.remove(upload.id)
        return len(gone)


def must_be_usable(upload: Upload, policy: Policy) -> None:
    """Refuse an upload that was let in by another policy than this, and would not be by this one.

    Raises:
        PictureBlocked: it may not be used.

    """
    judged = upload.judgement
    if judged is None or judged.version == policy.version:
        return
    verdict = judge_pictures_again(judged, policy, told=())
    if Outcome(verdict.outcome).is_held:
        raise PictureBlocked(category=verdict.category, rule=verdict.rule)
