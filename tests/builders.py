"""Builders of domain objects with sensible defaults for tests."""

import itertools
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from backend.domain.events import JobEvent, JobEventKind
from backend.domain.families import ModelFamily
from backend.domain.jobs import Change, Job
from backend.domain.prompts import LoraRef, PromptSpec, WeightedPart
from backend.domain.requests import AccountId, GenerationRequest, JobId, Requester, Surface
from backend.domain.results import GenerationResult, ImageRef, ImageVariant
from backend.scheduling.gpu_pool import LiveWorker

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
_numbers = itertools.count(1)


def at(seconds: float) -> datetime:
    """Return a moment `seconds` after the tests' noon."""
    return NOW + timedelta(seconds=seconds)


def a_requester(name: str = "alice", **fields: Any) -> Requester:
    return Requester(
        **{
            "account_id": AccountId(f"discord:{name}"),
            "surface": Surface.DISCORD,
            "display_name": name,
            **fields,
        }
    )


def a_request(prompt: str = "a fox in the snow", **fields: Any) -> GenerationRequest:
    return GenerationRequest(**{"requester": a_requester(), "prompt": prompt, **fields})


def a_spec(
    text: str = "a fox in the snow", *, adapters: Iterable[str] = (), **fields: Any
) -> PromptSpec:
    """Return a prompt as understood; `adapters` names LoRAs that count as they were trained."""
    loras = tuple(LoraRef(name=name) for name in adapters)
    return PromptSpec(**{"positive": (WeightedPart.plain(text),), "loras": loras, **fields})


def a_job(**fields: Any) -> Job:
    number = next(_numbers)
    job = Job(
        id=JobId(f"gen_{number:06d}"),
        request=a_request(),
        spec=a_spec(),
        seed=7,
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(job, **fields)


def a_birth(job: Job) -> Change:
    """Return the change with which a job enters the store."""
    kind = JobEventKind.BLOCKED if job.block else JobEventKind.QUEUED
    return Change(job=job, event=JobEvent(job_id=job.id, kind=kind, attempt=0, at=job.created_at))


def an_image(index: int = 0, **fields: Any) -> ImageRef:
    keys = {variant: f"images/ab/{index}/{variant}" for variant in ImageVariant}
    values = {
        "index": index,
        "seed": 7 + index,
        "width": 64,
        "height": 64,
        "sha256": f"{index:064x}",
        "size_bytes": 1000,
        "keys": keys,
    }
    return ImageRef(**{**values, **fields})


def a_result(count: int = 4) -> GenerationResult:
    return GenerationResult(images=tuple(an_image(i) for i in range(count)))


def a_worker(name: str = "w1", *, adapters: Iterable[str] = (), **fields: Any) -> LiveWorker:
    """Return a live worker of one slot that asks for one job."""
    values = {"family": ModelFamily.SDXL, "slots": 1, "wants": 1, **fields}
    return LiveWorker(name=name, adapters=frozenset(adapters), **values)
