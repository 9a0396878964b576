"""Accounts and the keys that speak for them."""

from dataclasses import dataclass
from datetime import datetime
from typing import NewType

from backend.domain.requests import AccountId

KeyId = NewType("KeyId", str)


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A key as stored: `digest` is the SHA-256 of the secret in hex; the secret is shown once.

    Whoever holds one with `is_moderator` may do what moderators do.
    """

    id: KeyId
    account_id: AccountId
    name: str
    digest: str
    created_at: datetime
    revoked_at: datetime | None = None
    is_moderator: bool = False
