"""Wires the backend together: opens databases, brokers and stores, and closes them again."""

from backend.bootstrap.images import open_images, open_objects
from backend.bootstrap.opening import (
    make_accounts,
    make_given_pictures,
    make_reader,
    make_uploads,
    now,
    open_accounts,
    open_bus,
    open_database,
    open_expectations,
    open_explanations,
    open_gauges,
    open_interpreter,
    open_measures,
    open_redis,
    open_screen,
    open_services,
)
from backend.bootstrap.policies import make_policies
from backend.bootstrap.provenance import open_provenance, open_signing_credentials

__all__ = [
    "make_accounts",
    "make_given_pictures",
    "make_policies",
    "make_reader",
    "make_uploads",
    "now",
    "open_accounts",
    "open_bus",
    "open_database",
    "open_expectations",
    "open_explanations",
    "open_gauges",
    "open_images",
    "open_interpreter",
    "open_measures",
    "open_objects",
    "open_provenance",
    "open_redis",
    "open_screen",
    "open_services",
    "open_signing_credentials",
]
