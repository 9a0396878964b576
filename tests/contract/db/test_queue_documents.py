"""What a fair queue remembers, under one contract."""

from backend.domain.families import ModelFamily
from tests.contract.db.conftest import Stores


async def test_each_family_has_the_document_that_was_saved_last(stores: Stores):
    assert await stores.documents.load(ModelFamily.SDXL) is None
    await stores.documents.save(ModelFamily.SDXL, {"queue": {"virtual_s": 1.5}})
    await stores.documents.save(ModelFamily.FLUX, {"queue": {}})
    await stores.documents.save(ModelFamily.SDXL, {"queue": {"virtual_s": 2.5, "running": []}})
    assert await stores.documents.load(ModelFamily.SDXL) == {
        "queue": {"virtual_s": 2.5, "running": []}
    }
    assert await stores.documents.load(ModelFamily.FLUX) == {"queue": {}}
