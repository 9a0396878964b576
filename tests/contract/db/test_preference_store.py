"""What accounts save, by the word of every `PreferenceStore`."""

import asyncio

import pytest

from backend.domain.preferences import Preferences
from backend.domain.requests import AccountId
from tests.contract.db.conftest import Stores

ALICE, BOB = AccountId("discord:alice"), AccountId("discord:bob")


async def test_nothing_is_saved_at_first(stores: Stores) -> None:
    assert await stores.preferences.get(ALICE) == Preferences()


async def test_what_is_saved_is_the_accounts_own(stores: Stores) -> None:
    changed = await stores.preferences.change(
        ALICE, lambda saved: saved.with_option("wide", "--ar 16:9")
    )
    assert changed == Preferences(options={"wide": "--ar 16:9"})
    assert await stores.preferences.get(ALICE) == changed
    assert await stores.preferences.get(BOB) == Preferences()
    again = await stores.preferences.change(ALICE, lambda saved: saved.with_option("wide", ""))
    assert again == await stores.preferences.get(ALICE) == Preferences()


async def test_a_refused_change_leaves_what_was_there(stores: Stores) -> None:
    await stores.preferences.change(ALICE, lambda saved: saved.with_option("a", "--relax"))

    def refuse(saved: Preferences) -> Preferences:
        raise RuntimeError(f"refused {saved.suffix}")

    with pytest.raises(RuntimeError, match="refused"):
        await stores.preferences.change(ALICE, refuse)
    assert (await stores.preferences.get(ALICE)).options == {"a": "--relax"}


async def test_changes_at_once_do_not_overwrite_each_other(stores: Stores) -> None:
    await stores.preferences.change(ALICE, lambda saved: saved)
    await asyncio.gather(
        *(
            stores.preferences.change(
                ALICE, lambda saved, name=name: saved.with_option(name, "--relax")
            )
            for name in "abcd"
        )
    )
    assert set((await stores.preferences.get(ALICE)).options) == set("abcd")
