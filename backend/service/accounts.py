"""Accounts: API keys and a member's standing."""

import hashlib
import secrets
from dataclasses import dataclass

from backend.billing.ledger import Balance
from backend.domain.accounts import ApiKey, KeyId
from backend.domain.errors import Unauthenticated
from backend.domain.jobs import JobState
from backend.domain.requests import AccountId, Requester, Surface
from backend.domain.standing import must_not_be_frozen
from backend.service.moderation_ports import StandingStore
from backend.service.ports import Books, Clock, JobStore, KeyStore

KEY_PREFIX = "imp_live_"


@dataclass(frozen=True, kw_only=True)
class AccountInfo:
    """How many of an account's newest hundred jobs are in each state, and what it was charged."""

    account_id: AccountId
    counts: dict[JobState, int]
    balance: Balance


class Accounts:
    """Makes and checks API keys; tells members where they stand."""

    def __init__(
        self,
        *,
        keys: KeyStore,
        jobs: JobStore,
        books: Books,
        standings: StandingStore,
        clock: Clock,
    ) -> None:
        self._keys = keys
        self._standings = standings
        self._books = books
        self._jobs = jobs
        self._clock = clock

    async def create_key(self, name: str, *, is_moderator: bool = False) -> tuple[ApiKey, str]:
        """Make a key for the account `api:<name>` and return it with its secret, shown only now."""
        secret = KEY_PREFIX + secrets.token_urlsafe(24)
        key = ApiKey(
            id=KeyId("key_" + secrets.token_hex(6)),
            account_id=AccountId(f"api:{name}"),
            name=name,
            digest=digest(secret),
            created_at=self._clock(),
            is_moderator=is_moderator,
        )
        await self._keys.add(key)
        return key, secret

    async def keys(self) -> list[ApiKey]:
        """Return all keys, the revoked ones too, oldest first."""
        return await self._keys.all()

    async def revoke_key(self, key_id: str) -> bool:
        """Revoke a key; False if there is none."""
        return await self._keys.revoke(key_id, self._clock())

    async def authenticate(self, secret: str) -> Requester:
        """Return who speaks with this secret.

        Raises:
            Unauthenticated: nobody does.
            AccountFrozen: whoever does is, and their keys work again when that is lifted.

        """
        key = await self._keys.by_digest(digest(secret))
        if key is None:
            raise Unauthenticated
        must_not_be_frozen(await self._standings.get(key.account_id))
        return Requester(
            account_id=key.account_id,
            surface=Surface.REST,
            display_name=key.name,
            is_moderator=key.is_moderator,
        )

    async def info(self, requester: Requester) -> AccountInfo:
        """Return the standing of the requester's account."""
        counts = dict.fromkeys(JobState, 0)
        for job in await self._jobs.by_account(requester.account_id, 100):
            counts[job.state] += 1
        balance = await self._books.balance(requester.account_id)
        return AccountInfo(account_id=requester.account_id, counts=counts, balance=balance)


def digest(secret: str) -> str:
    """Hash a key's secret; 144 random bits need no salt and no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()
