"""What every `KeyStore` promises."""

from dataclasses import replace

from backend.domain.accounts import ApiKey, KeyId
from backend.domain.requests import AccountId
from tests.builders import at
from tests.contract.db.conftest import Stores

KEY = ApiKey(
    id=KeyId("key_1"),
    account_id=AccountId("rest:alice"),
    name="laptop",
    digest="ab" * 32,
    created_at=at(0),
)


async def test_a_key_is_found_by_its_digest(stores: Stores):
    await stores.keys.add(KEY)
    assert await stores.keys.by_digest(KEY.digest) == KEY
    assert await stores.keys.by_digest("cd" * 32) is None


async def test_a_revoked_key_is_not_found(stores: Stores):
    await stores.keys.add(KEY)
    assert await stores.keys.revoke(KEY.id, at(5))
    assert await stores.keys.by_digest(KEY.digest) is None
    assert await stores.keys.revoke(KEY.id, at(6))


async def test_all_keys_are_listed_oldest_first_and_the_revoked_ones_too(stores: Stores):
    assert await stores.keys.all() == []
    older = replace(KEY, id=KeyId("key_2"), digest="cd" * 32, created_at=at(-5), is_moderator=True)
    await stores.keys.add(KEY)
    await stores.keys.add(older)
    await stores.keys.revoke(KEY.id, at(5))
    assert await stores.keys.all() == [older, replace(KEY, revoked_at=at(5))]


async def test_an_unknown_key_cannot_be_revoked(stores: Stores):
    assert not await stores.keys.revoke("key_none", at(5))
