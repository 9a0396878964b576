"""What every `UploadStore` promises."""

from typing import Any

from backend.domain.judgements import Found, PictureJudgement
from backend.domain.requests import AccountId, UploadId
from backend.domain.uploads import Upload
from tests.builders import at
from tests.contract.db.conftest import Stores


def an_upload(name: str, **fields: Any) -> Upload:
    values = {
        "id": UploadId(f"upl_{name}"),
        "account_id": AccountId("rest:alice"),
        "key": f"uploads/upl_{name}.png",
        "width": 640,
        "height": 480,
        "size_bytes": 1000,
        "created_at": at(0),
        "expires_at": at(100),
    }
    return Upload(**{**values, **fields})


async def test_an_upload_is_found_by_its_id(stores: Stores):
    assert await stores.uploads.add(an_upload("a"), most=5)
    assert await stores.uploads.get(UploadId("upl_a")) == an_upload("a")
    assert await stores.uploads.get(UploadId("upl_b")) is None


async def test_an_account_has_no_more_than_so_many_that_have_not_expired(stores: Stores):
    for name in ("a", "b"):
        assert await stores.uploads.add(an_upload(name), most=2)
    assert not await stores.uploads.add(an_upload("c"), most=2)
    assert await stores.uploads.get(UploadId("upl_c")) is None
    assert await stores.uploads.add(an_upload("d", account_id=AccountId("rest:bob")), most=2)
    later = an_upload("e", created_at=at(101), expires_at=at(201))
    assert await stores.uploads.add(later, most=2)


async def test_what_expired_is_told_oldest_first_and_can_be_forgotten(stores: Stores):
    for name, expires_s in (("a", 30), ("b", 10), ("c", 20)):
        await stores.uploads.add(an_upload(name, expires_at=at(expires_s)), most=5)
    gone = await stores.uploads.expired(at(25), 10)
    assert [upload.id for upload in gone] == ["upl_b", "upl_c"]
    assert [upload.id for upload in await stores.uploads.expired(at(25), 1)] == ["upl_b"]
    for upload in gone:
        await stores.uploads.remove(upload.id)
        await stores.uploads.remove(upload.id)
    assert await stores.uploads.expired(at(25), 10) == []
    assert await stores.uploads.get(UploadId("upl_a")) is not None


async def test_what_was_found_in_an_upload_comes_back_with_it(stores: Stores):
    found = Found(check="nsfw", outcome="allow", score=0.25)
    judged = PictureJudgement(policy="house-1", version="v", pictures=((found,),))
    assert await stores.uploads.add(an_upload("a", judgement=judged), most=5)
    assert await stores.uploads.add(an_upload("b"), most=5)
    kept = [await stores.uploads.get(UploadId(f"upl_{name}")) for name in ("a", "b")]
    assert [one and one.judgement for one in kept] == [judged, None]
