"""Seals the pictures of a job that is held for child safety, and keeps nothing of any other."""

import time
from collections.abc import Callable
from typing import Final

import structlog
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from backend.contracts import KnownCopy, RenderBlocked, RenderJob
from gpu_worker.release.policies import judged_by
from gpu_worker.release.screening import Held
from safety.moderation.quarantine import seal
from safety.verdict import CHILD_SAFETY, Outcome
from storage.errors import StorageError
from storage.formats import encode_png
from storage.sealed import SealedObjects

# How often a store that is away is asked, and how long between: the job's slot is held meanwhile.
TRIES: Final = 6
PAUSE_S: Final = 5.0

_log = structlog.get_logger(__name__)


class Sealing:
    """Keeps sealed pictures; without a key they are dropped."""

    def __init__(
        self,
        *,
        sealed: SealedObjects,
        public_key: X25519PublicKey | None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sealed = sealed
        self._public_key = public_key
        self._sleep = sleep

    def keep(self, job: RenderJob, held: Held) -> tuple[str, ...]:
        """Seal what is held for child safety; return the keys it lies under, none if it does not.

        Nothing else is made of these pictures: no preview, no thumbnail, no copy.
        """
        if held.finding.category != CHILD_SAFETY or self._public_key is None:
            return ()
        name = f"{job.job_id}-{job.attempt}"
        keys = tuple(self._sealed.key_of(name, index) for index in range(len(held.pictures)))
        for key, picture in zip(keys, held.pictures, strict=True):
            sealed = seal(encode_png(picture), to=self._public_key, about=key)
            if not self._put(key, sealed):
                return ()
        return keys

    def _put(self, key: str, sealed: bytes) -> bool:
        for attempt in range(TRIES):
            try:
                self._sealed.keep(key, sealed)
            except StorageError as error:
                _log.error("evidence_not_kept", code=error.code, is_last=attempt == TRIES - 1)
                self._sleep(PAUSE_S)
            else:
                return True
        return False


def told_held(job: RenderJob, worker: str, held: Held, evidence: tuple[str, ...]) -> RenderBlocked:
    """Return what is told of a job whose pictures may not leave."""
    finding, match = held.finding, held.finding.match
    return RenderBlocked(
        job_id=job.job_id,
        attempt=job.attempt,
        worker=worker,
        outcome="review" if finding.outcome is Outcome.REVIEW else "block",
        category=finding.category,
        rule=finding.rule,
        score=finding.score,
        judged=judged_by(job, held.found),
        match=None
        if match is None
        else KnownCopy(
            list_name=match.list_name,
            entry=match.entry,
            distance=match.distance,
            fingerprint=match.fingerprint,
        ),
        evidence=evidence,
    )
