"""A gateway for every test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.gateway.workshop import Workshop, open_workshop


@pytest.fixture
async def workshop(tmp_path: Path) -> AsyncIterator[Workshop]:
    async with open_workshop(objects_folder=tmp_path / "objects") as opened:
        yield opened
