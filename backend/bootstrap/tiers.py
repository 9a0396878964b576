"""Wires the ageing of pictures: rules for a bucket, a sweep now and then for local folders."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import structlog

from backend.bootstrap.images import open_objects
from backend.service.meanwhile import in_rounds, meanwhile
from backend.settings import Settings
from storage.errors import StorageError
from storage.lifecycle import bucket_rules, sweep
from storage.object_store import StorageTier
from storage.object_stores.local import LocalObjectStore
from storage.object_stores.s3 import S3ObjectStore

SWEEP_EVERY_S: Final = 3600.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What came of applying the policy: whether a bucket's rules are new, or what was moved."""

    has_changed: bool
    moved: dict[StorageTier, int] = field(default_factory=dict)


def lifecycle_document(settings: Settings) -> dict[str, Any]:
    """Return the policy as a bucket takes it."""
    return bucket_rules(settings.lifecycle, cold_class=settings.s3_cold_class)


def apply_lifecycle(settings: Settings) -> Applied:
    """Give the bucket its rules, or move the pictures of local folders where they belong.

    Raises:
        StorageError: the store cannot be used, or its server knows no such rules.

    """
    objects = open_objects(settings)
    if isinstance(objects, S3ObjectStore):
        return Applied(has_changed=objects.apply_lifecycle(lifecycle_document(settings)))
    if isinstance(objects, LocalObjectStore):
        moved = sweep(objects, settings.lifecycle, now=datetime.now(UTC))
        return Applied(has_changed=bool(moved), moved=moved)
    return Applied(has_changed=False)


@asynccontextmanager
async def tiers_kept(settings: Settings, *, every_s: float = SWEEP_EVERY_S) -> AsyncIterator[None]:
    """Move pictures of local folders now and then while in the block; a bucket moves its own."""
    if settings.s3_bucket is not None:
        yield
        return

    async def sweep() -> None:
        try:
            applied = await asyncio.to_thread(apply_lifecycle, settings)
        except StorageError as error:
            _log.warning("pictures_not_moved", code=error.code, why=str(error))
        else:
            if applied.has_changed:
                _log.info("pictures_moved", **applied.moved)

    async with meanwhile(in_rounds(sweep, every_s=every_s, name="tiers", at_once=False)):
        yield
