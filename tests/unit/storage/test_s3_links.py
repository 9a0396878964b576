"""Links to an S3 server are made without asking it."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.credentials import Credentials

from storage.errors import StorageUnavailable
from storage.object_stores.s3 import S3ObjectStore
from tests.builders import NOW

KEY = "images/ab/abc/original.png"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # noqa: S105 - Amazon's example


def a_store(**fields: str | None) -> S3ObjectStore:
    values = {
        "bucket": "pictures",
        "endpoint_url": "http://s3.internal:8333",
        "access_key_id": "AKIAIOSFODNN7EXAMPLE",
        "secret_access_key": SECRET,
        **fields,
    }
    return S3ObjectStore(**values)  # type: ignore[arg-type]  # words only


def test_a_link_is_signed_as_of_the_time_given() -> None:
    query = parse_qs(urlsplit(a_store().link(KEY, 3600, NOW + timedelta(seconds=20))).query)
    assert query["X-Amz-Date"] == ["20260101T120000Z"]
    assert query["X-Amz-Expires"] == ["3660"]
    assert "X-Amz-Security-Token" not in query


def test_a_link_lives_a_week_at_most() -> None:
    query = parse_qs(urlsplit(a_store().link(KEY, 10**7, NOW)).query)
    assert query["X-Amz-Expires"] == ["604800"]


def test_links_lead_to_where_the_server_is_reached_from_outside() -> None:
    store = a_store(public_endpoint_url="https://s3.example.org")
    assert store.link(KEY, 60, NOW).startswith(f"https://s3.example.org/pictures/{KEY}?X-Amz-")


def test_the_bucket_may_stand_in_the_host_name() -> None:
    store = a_store(addressing_style="virtual", endpoint_url="https://s3.example.org")
    assert store.link(KEY, 60, NOW).startswith(f"https://pictures.s3.example.org/{KEY}?X-Amz-")


def test_a_temporary_credential_is_named_in_the_link() -> None:
    store = a_store()
    store._links._credentials = Credentials("key", "secret", "session-token")
    query = parse_qs(urlsplit(store.link(KEY, 60, NOW)).query)
    assert query["X-Amz-Security-Token"] == ["session-token"]


def test_botocore_itself_signs_the_same_link(monkeypatch: pytest.MonkeyPatch) -> None:
    minute = NOW.replace(tzinfo=None)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: minute)
    store = a_store()
    client = boto3.session.Session("AKIAIOSFODNN7EXAMPLE", SECRET).client(
        "s3",
        region_name="us-east-1",
        endpoint_url="http://s3.internal:8333",
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    expected = client.generate_presigned_url(
        "get_object", Params={"Bucket": "pictures", "Key": KEY}, ExpiresIn=600
    )
    link = store.link(KEY, 600, NOW)
    assert parse_qs(urlsplit(link).query) == parse_qs(urlsplit(expected).query)


@pytest.mark.parametrize(
    "fields",
    [{"endpoint_url": "nonsense"}, {"endpoint_url": "http://[x"}, {"secret_access_key": None}],
)
def test_a_wrong_setting_is_told_at_once(fields: dict[str, str | None]) -> None:
    with pytest.raises(StorageUnavailable):
        a_store(**fields).link(KEY, 60, NOW)
