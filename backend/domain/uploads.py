"""A picture somebody gave us: kept for a day, for its owner alone."""

from dataclasses import dataclass
from datetime import datetime

from backend.domain.judgements import PictureJudgement
from backend.domain.requests import AccountId, UploadId

UPLOAD_BYTES_MAX = 10 * 1024 * 1024
UPLOAD_LIFETIME_S = 24 * 3600
UPLOADS_MAX = 100


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A stored upload; `key` names its object, a PNG without metadata.

    `judgement` tells what was found in it, and by which policy it was let in; of older ones none.
    """

    id: UploadId
    account_id: AccountId
    key: str
    width: int
    height: int
    size_bytes: int
    created_at: datetime
    expires_at: datetime
    judgement: PictureJudgement | None = None

    def is_open_to(self, account_id: AccountId, *, now: datetime) -> bool:
        """Say whether somebody may use it now."""
        return self.account_id == account_id and now < self.expires_at
