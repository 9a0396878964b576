"""One offline Discord and one bot for all tests that leave both as they found them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.openapi import openapi_document
from tests.integration.devcord.processes import (
    Devcord,
    bot_process,
    devcord_process,
)


@pytest.fixture(scope="package")
def openapi() -> Path:
    """Discord's OpenAPI document; skips where there is none."""
    path = openapi_document()
    if path is None:
        pytest.skip("no shared/data/discord-openapi.json beside this checkout")
    return path


@pytest.fixture(scope="package")
def bare_devcord(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devcord]:
    """An offline Discord without rate limits, judging requests where the document is at hand."""
    document = openapi_document()
    judged = ("--openapi", str(document)) if document else ()
    with devcord_process(tmp_path_factory.mktemp("devcord"), "--no-rate-limits", *judged) as it:
        yield it


@pytest.fixture(scope="package")
def devcord(bare_devcord: Devcord) -> Iterator[Devcord]:
    """The same with the echo bot logged in."""
    with bot_process(bare_devcord):
        yield bare_devcord
