"""What every `MessageStore` promises."""

from dataclasses import replace
from typing import Any

from backend.domain.deliveries import DiscordMessage
from backend.domain.requests import JobId
from tests.builders import at
from tests.contract.db.conftest import Stores

BOT = 2**60 + 1
SECOND = {"token": "second"}


def a_message(**fields: Any) -> DiscordMessage:
    values: dict[str, Any] = {
        "job_id": JobId("gen_1"),
        "application_id": BOT,
        "channel_id": 2**60 + 2,
        "message_id": 2**60 + 3,
        "guild_id": 2**60 + 4,
        "asker_id": 2**60 + 5,
        "token": "first",
        "token_created_at": at(0),
    }
    return DiscordMessage(**{**values, **fields})


async def test_a_saved_message_comes_back(stores: Stores):
    for message in (
        a_message(),
        a_message(job_id=JobId("gen_2"), guild_id=None, is_ephemeral=True),
    ):
        await stores.messages.save(message)
        assert await stores.messages.get(message.job_id) == message


async def test_an_unknown_message_is_none(stores: Stores):
    assert await stores.messages.get(JobId("gen_none")) is None
    await stores.messages.mark_shown(JobId("gen_none"), version=1, is_final=True)


async def test_another_message_replaces_the_first(stores: Stores):
    await stores.messages.save(a_message(shown_version=7, is_final=True))
    other = a_message(message_id=1, **SECOND)
    await stores.messages.save(other)
    assert await stores.messages.get(other.job_id) == other


async def test_a_new_token_does_not_forget_what_was_shown(stores: Stores):
    await stores.messages.save(a_message())
    await stores.messages.mark_shown(JobId("gen_1"), version=3, is_final=True)
    await stores.messages.save(a_message(**SECOND, token_created_at=at(9)))
    expected = a_message(**SECOND, token_created_at=at(9), shown_version=3, is_final=True)
    assert await stores.messages.get(JobId("gen_1")) == expected


async def test_what_was_shown_never_goes_back(stores: Stores):
    message = a_message()
    await stores.messages.save(message)
    await stores.messages.mark_shown(message.job_id, version=3, is_final=False)
    await stores.messages.mark_shown(message.job_id, version=2, is_final=True)
    assert await stores.messages.get(message.job_id) == replace(message, shown_version=3)
    await stores.messages.mark_shown(message.job_id, version=3, is_final=True)
    await stores.messages.mark_shown(message.job_id, version=4, is_final=False)
    final = replace(message, shown_version=4, is_final=True)
    assert await stores.messages.get(message.job_id) == final


async def test_unfinished_are_this_applications_messages_without_an_end(stores: Stores):
    late = a_message(job_id=JobId("gen_late"), token_created_at=at(5))
    early = a_message(job_id=JobId("gen_early"), token_created_at=at(1))
    for message in (
        late,
        early,
        a_message(job_id=JobId("gen_final"), is_final=True),
        a_message(job_id=JobId("gen_other"), application_id=BOT + 1),
    ):
        await stores.messages.save(message)
    assert await stores.messages.unfinished(BOT) == [early, late]
