"""The stores that the service asks for, in SQL."""

from backend.db.audit_store import SqlAuditLog
from backend.db.card_store import SqlCardStore
from backend.db.child_safety_store import SqlSafetyReportStore
from backend.db.job_store import SqlJobStore
from backend.db.key_store import SqlKeyStore
from backend.db.ledger_store import SqlBooks
from backend.db.message_store import SqlMessageStore
from backend.db.picture_store import SqlPictureStore
from backend.db.policy_store import SqlGuildPolicies
from backend.db.preference_store import SqlPreferenceStore
from backend.db.queue_store import SqlQueueDocuments
from backend.db.removal_store import SqlRemovalStore
from backend.db.review_store import SqlReviewStore
from backend.db.standing_store import SqlStandingStore
from backend.db.upload_store import SqlUploadStore
from backend.db.withheld_store import SqlWithheldPictures

__all__ = [
    "SqlAuditLog",
    "SqlBooks",
    "SqlCardStore",
    "SqlGuildPolicies",
    "SqlJobStore",
    "SqlKeyStore",
    "SqlMessageStore",
    "SqlPictureStore",
    "SqlPreferenceStore",
    "SqlQueueDocuments",
    "SqlRemovalStore",
    "SqlReviewStore",
    "SqlSafetyReportStore",
    "SqlStandingStore",
    "SqlUploadStore",
    "SqlWithheldPictures",
]
