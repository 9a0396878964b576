"""A gateway opens each list of known pictures once, for everything here that looks in it."""

import io
import threading
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import pytest
from PIL import Image
from redis.asyncio import Redis

from backend.bootstrap import checks
from backend.bootstrap.checks import OpenLists, share_lists
from backend.bootstrap.moderation import make_moderation, make_standings
from backend.bootstrap.opening import make_uploads
from backend.bootstrap.policies import make_policies
from backend.bootstrap.provenance import make_likenesses
from backend.db.sessions import Database
from backend.db.stores import SqlJobStore
from backend.delivery.outbox import Outbox
from backend.delivery.previews import RedisPreviews
from backend.service.services import Moderation
from backend.service.uploads import Uploads
from backend.settings import Settings
from safety.errors import HashListsInvalid
from safety.image_check import ImageCheck
from safety.image_checks import WantedChecks, open_image_check
from safety.listing import held
from safety.policy import DEFAULT_POLICY
from storage.blocked import BlockedHashes
from tests.builders import NOW
from tests.fakes.events import MemoryEventBus

NAMES_ONE = '[[list]]\nname = "vetted"\nkind = "file"\npath = "vetted.csv"\n'


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "vetted.csv").write_text(f"hash,id\n{'ab' * 32},entry-1\n")
    (tmp_path / "lists.toml").write_text(NAMES_ONE)
    return Settings(home=tmp_path, hash_lists=tmp_path / "lists.toml")


@pytest.fixture
async def house(settings: Settings, sqlite_url: str) -> AsyncIterator[tuple[Uploads, Moderation]]:
    """Wire uploads and moderation as a gateway does."""
    database, redis = Database(sqlite_url), Redis(port=1)

    def clock():
        return NOW

    outbox = Outbox(jobs=SqlJobStore(database=database), bus=MemoryEventBus())
    standings = make_standings(settings, database, redis, outbox, clock=clock)
    policies, lists = make_policies(database, settings, clock=clock), share_lists(settings)
    index = make_likenesses(database)
    yield (
        make_uploads(
            database, settings, policies, clock=clock, standings=standings, open_lists=lists
        ),
        make_moderation(
            settings, database, standings, outbox, lists, index, RedisPreviews(redis=redis), clock
        ),
    )
    await redis.aclose()
    await database.close()


def a_png() -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((128, 128), 50).convert("RGB").save(buffer, format="PNG")
    return buffer.getvalue()


async def test_uploads_requests_for_removal_and_readiness_read_each_list_once(
    house: tuple[Uploads, Moderation], monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads, moderation = house
    reads: Counter[str] = Counter()
    blocked, listed = BlockedHashes.read, held.read_listed

    def read_own(self: BlockedHashes) -> dict[str, str]:
        reads["own"] += 1
        return blocked(self)

    def read_named(file: BinaryIO) -> object:
        reads[Path(file.name).name] += 1
        return listed(file)

    def open_known_alone(wanted: WantedChecks) -> tuple[ImageCheck, ...]:
        return (open_image_check("known_pictures", wanted=wanted),)

    monkeypatch.setattr(BlockedHashes, "read", read_own)
    monkeypatch.setattr(held, "read_listed", read_named)
    # The checks that look in no list take seconds to load.
    monkeypatch.setattr(checks, "open_image_checks", open_known_alone)
    await uploads._pictures.admit(a_png(), policy=DEFAULT_POLICY)
    await moderation.requests._listed.must_not_be_listed(a_png())
    moderation.lists._patience_s = 30
    assert await moderation.lists.states() == {"own": "", "vetted": ""}
    assert reads == {"own": 1, "vetted.csv": 1}


def test_two_who_look_first_at_once_open_one_list(settings: Settings) -> None:
    open_lists = share_lists(settings)
    both = threading.Barrier(2)

    def look(open_lists: OpenLists) -> object:
        both.wait(10)
        return open_lists()

    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(look, [open_lists] * 2)
    assert one is other


def test_a_document_that_is_put_right_is_read_by_whoever_asks_next(settings: Settings) -> None:
    document = settings.home / "lists.toml"
    document.write_text("[[list]]\nname = 7\n")
    open_lists = share_lists(settings)
    with pytest.raises(HashListsInvalid):
        open_lists()
    document.write_text(NAMES_ONE)
    assert [one.name for one in open_lists()] == ["own", "vetted"]
