"""A bucket's rules on a real server, and what it means when a picture lies in an archive."""

import pytest
from botocore.stub import Stubber

from storage.errors import ObjectCold, StorageUnavailable
from storage.lifecycle import Lifecycle, bucket_rules
from storage.object_stores.s3 import S3ObjectStore

RULES = bucket_rules(Lifecycle(), cold_class="GLACIER_IR")
KEY = f"images/ab/{'ab' * 32}/webp.webp"


def test_a_server_that_cannot_move_objects_says_so(s3_objects: S3ObjectStore):
    """SeaweedFS knows rules that delete, and no storage classes."""
    with pytest.raises(StorageUnavailable, match="NotImplemented"):
        s3_objects.apply_lifecycle(RULES)


@pytest.fixture
def archive():
    """A store whose server answers as told: the one that the tests run has no archive."""
    keys = {"access_key_id": "a", "secret_access_key": "s"}
    store = S3ObjectStore(bucket="b", endpoint_url="http://127.0.0.1:9", **keys)
    with Stubber(store._client) as stub:
        yield store, stub
        stub.assert_no_pending_responses()


def test_a_picture_in_an_archive_is_asked_for_and_said_to_be_on_its_way(archive):
    store, stub = archive
    stub.add_client_error("get_object", "InvalidObjectState", http_status_code=403)
    stub.add_response(
        "restore_object", {}, {"Bucket": "b", "Key": KEY, "RestoreRequest": {"Days": 3}}
    )
    with pytest.raises(ObjectCold, match="being fetched"):
        store.get(KEY)


def test_asking_again_while_it_is_on_its_way_says_the_same(archive):
    store, stub = archive
    stub.add_client_error("get_object", "InvalidObjectState", http_status_code=403)
    stub.add_client_error("restore_object", "RestoreAlreadyInProgress", http_status_code=409)
    with pytest.raises(ObjectCold):
        store.get(KEY)


def test_rules_of_others_stay_and_our_older_ones_go(archive):
    store, stub = archive
    theirs = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "x/"}}
    older = bucket_rules(Lifecycle(hot_days=90), cold_class="GLACIER")["Rules"]
    stub.add_response("get_bucket_lifecycle_configuration", {"Rules": [theirs, *older]})
    stub.add_response(
        "put_bucket_lifecycle_configuration",
        {},
        {"Bucket": "b", "LifecycleConfiguration": {"Rules": [theirs, *RULES["Rules"]]}},
    )
    assert store.apply_lifecycle(RULES)


def test_rules_that_are_there_are_not_set_again(archive):
    store, stub = archive
    stub.add_response("get_bucket_lifecycle_configuration", {"Rules": RULES["Rules"]})
    assert not store.apply_lifecycle(RULES)


def test_a_bucket_without_rules_gets_ours(archive):
    store, stub = archive
    stub.add_client_error(
        "get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration", http_status_code=404
    )
    stub.add_response("put_bucket_lifecycle_configuration", {})
    assert store.apply_lifecycle(RULES)
