"""Uploads without servers: rows in memory, bytes in an object store, one check that is real."""

from datetime import datetime

import numpy as np
from PIL import Image

from backend.delivery.uploads import StoredUploads
from backend.domain.errors import ImpastoError, PictureLinkUnreachable
from backend.domain.requests import AccountId, UploadId
from backend.domain.uploads import Upload
from backend.service.child_safety import ChildSafety
from backend.service.given_pictures import GivenPictures
from backend.service.named_pictures import NamedPictures, PictureLinks
from backend.service.policies import OneEverywhere, PlacePolicies
from backend.service.ports import Clock, JobStore
from backend.service.standings import Standings
from backend.service.uploads import Uploads
from safety.image_check import ImageCheck
from safety.policy import DEFAULT_POLICY
from safety.verdict import Finding, Outcome
from storage.image_store import ImageStore
from storage.object_store import ObjectStore
from storage.object_stores.memory import MemoryObjectStore
from tests.fakes.audit import MemoryAuditLog
from tests.fakes.image_checks import EachByItself

FORBIDDEN_COLOUR = (255, 0, 0)


class RedIsForbidden(EachByItself):
    """An `ImageCheck` that blocks pictures which are red all over."""

    name = "red"

    def look(self, pixels: Image.Image) -> list[Finding]:
        is_red = np.abs(np.asarray(pixels, np.int16) - FORBIDDEN_COLOUR).max() < 8
        outcome = Outcome.BLOCK if is_red else Outcome.ALLOW
        category = "sexual" if is_red else ""
        return [Finding(check=self.name, outcome=outcome, category=category, rule="red")]


class MemoryUploadStore:
    """The `UploadStore` in memory."""

    def __init__(self) -> None:
        self.uploads: dict[UploadId, Upload] = {}

    async def add(self, upload: Upload, *, most: int) -> bool:
        alive = [
            other
            for other in self.uploads.values()
            if other.is_open_to(upload.account_id, now=upload.created_at)
        ]
        if len(alive) >= most:
            return False
        self.uploads[upload.id] = upload
        return True

    async def get(self, upload_id: UploadId) -> Upload | None:
        return self.uploads.get(upload_id)

    async def expired(self, before: datetime, limit: int) -> list[Upload]:
        gone = [upload for upload in self.uploads.values() if upload.expires_at < before]
        return sorted(gone, key=lambda upload: upload.expires_at)[:limit]

    async def remove(self, upload_id: UploadId) -> None:
        self.uploads.pop(upload_id, None)


class MemoryPictureLinks:
    """The `PictureLinks` in memory: what is there, and what was asked for."""

    def __init__(self) -> None:
        self.pictures: dict[str, bytes | ImpastoError] = {}
        self.asked: list[str] = []

    async def fetch(self, link: str) -> bytes:
        self.asked.append(link)
        found = self.pictures.get(link, PictureLinkUnreachable("nothing is there"))
        if isinstance(found, ImpastoError):
            raise found
        return found


class Darkroom:
    """What handles pictures that people give; `links` None follows none."""

    def __init__(
        self,
        *,
        jobs: JobStore,
        clock: Clock,
        standings: Standings,
        audit: MemoryAuditLog | None = None,
        objects: ObjectStore | None = None,
        links: PictureLinks | None = None,
        child_safety: ChildSafety | None = None,
        policies: PlacePolicies | None = None,
    ) -> None:
        self.objects = objects or MemoryObjectStore()
        policies = policies or OneEverywhere(DEFAULT_POLICY)
        self.store = MemoryUploadStore()
        self.audit = audit or MemoryAuditLog()

        async def is_frozen(account_id: AccountId) -> bool:
            return (await standings.standing_of(account_id)).is_frozen

        self.given = GivenPictures(
            jobs=jobs, uploads=self.store, is_frozen=is_frozen, policies=policies, clock=clock
        )
        # Opened with the first picture that comes in: until then a test may add others.
        self.checks: list[ImageCheck] = [RedIsForbidden()]
        images = ImageStore(objects=self.objects)
        self.uploads = Uploads(
            store=self.store,
            pictures=StoredUploads(images=images, open_checks=lambda: self.checks),
            standings=standings,
            policies=policies,
            audit=self.audit,
            child_safety=child_safety,
            clock=clock,
        )
        self.named = NamedPictures(links=links, uploads=self.uploads, given=self.given)
