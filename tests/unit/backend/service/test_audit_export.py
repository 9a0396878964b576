"""The audit log in the words of the Elastic Common Schema."""

import json

import pytest

from backend.service.audit_export import as_ecs, pseudonyms
from safety.moderation.audit import AuditEntry, ChainedEntry
from tests.builders import at


def chained(**fields) -> ChainedEntry:
    given = {
        "action": "review.released",
        "actor": "discord:mod",
        "subject": "review:rev_1",
        "outcome": "released",
        "detail": {"job": "gen_1", "account": "discord:alice"},
        "at": at(0.5),
    }
    return ChainedEntry(number=7, entry=AuditEntry(**given | fields), hash="ab" * 32)


def test_an_entry_has_the_fields_of_the_schema():
    told = as_ecs(chained())
    assert told["@timestamp"] == "2026-01-01T12:00:00.500000+00:00"
    assert told["ecs"] == {"version": "8.17.0"}
    assert told["user"] == {"id": "discord:mod"}
    event = told["event"]
    assert (event["kind"], event["action"], event["outcome"]) == (
        "event",
        "review.released",
        "success",
    )
    assert (event["sequence"], event["id"], event["type"]) == (7, "ab" * 32, ["allowed"])
    assert told["impasto"]["detail"] == {"job": "gen_1", "account": "discord:alice"}
    assert json.loads(json.dumps(told)) == told


def test_ids_of_people_are_hashed_wherever_they_stand():
    name = pseudonyms(b"s" * 32)
    told = as_ecs(chained(subject="account:discord:alice"), name=name)
    text = json.dumps(told)
    assert "alice" not in text
    assert "discord:" not in text
    assert told["impasto"]["detail"]["account"] == name("discord:alice")
    assert told["impasto"]["subject"] == f"account:{name('discord:alice')}"
    assert told["impasto"]["detail"]["job"] == "gen_1"


def test_a_hash_is_the_same_each_time_and_another_under_another_secret():
    one, other = pseudonyms(b"s" * 32), pseudonyms(b"t" * 32)
    assert one("discord:alice") == one("discord:alice") != one("discord:bob")
    assert one("discord:alice") != other("discord:alice")


def test_the_house_is_nobodys_data():
    assert as_ecs(chained(actor="impasto"), name=pseudonyms(b"s" * 32))["user"]["id"] == "impasto"


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [("block", "denied"), ("allow", "allowed"), ("seen", "access"), ("something", "info")],
)
def test_what_was_decided_is_told_in_the_schemas_words(outcome, kind):
    assert as_ecs(chained(outcome=outcome))["event"]["type"] == [kind]


# Expected event types of each category: elastic.co/docs/reference/ecs, "Categorization fields".
EXPECTED = {
    "iam": {"admin", "change", "creation", "deletion", "group", "info", "user"},
    "configuration": {"access", "change", "creation", "deletion", "info"},
    "file": {"access", "change", "creation", "deletion", "info"},
    "web": {"access", "error", "info"},
    "intrusion_detection": {"allowed", "denied", "info"},
}


@pytest.mark.parametrize(
    "outcome", ["allow", "block", "review", "seen", "made", "revoked", "removed", "changed", "odd"]
)
@pytest.mark.parametrize(
    "action", ["key.made", "account.banned", "policy.set", "picture.viewed", "review.listed"]
)
def test_categories_and_types_are_those_that_the_schema_has_go_together(action, outcome):
    event = as_ecs(chained(action=action, outcome=outcome))["event"]
    (category,), (kind,) = event["category"], event["type"]
    assert kind in EXPECTED[category]
