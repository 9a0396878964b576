"""A hall to wait in."""

import pytest

from tests.unit.backend.service.hall import Hall


@pytest.fixture
def hall() -> Hall:
    return Hall()
