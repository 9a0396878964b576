"""Builders of domain objects with sensible defaults for tests."""

import itertools
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from backend.domain.child_safety import SafetyReport
from backend.domain.events import JobEvent, JobEventKind
from backend.domain.families import ModelFamily, Sampler
from backend.domain.jobs import Change, Job
from backend.domain.prompts import LoraRef, PromptSpec, WeightedPart
from backend.domain.recipes import DrawnBy, Recipe
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


def a_result(count: int = 4, **fields: Any) -> GenerationResult:
    return GenerationResult(images=tuple(an_image(i) for i in range(count)), **fields)


def a_recipe(**fields: Any) -> Recipe:
    drawn_by = DrawnBy(
        model="starter",
        model_sha256="5e" * 32,
        device="cpu",
        dtype="float32",
        engine="0.1.0",
        libraries={"torch": "2.9.1", "diffusers": "0.36.0", "transformers": "4.57.3"},
    )
    values = {
        "family": ModelFamily.SDXL,
        "prompt": "a fox in the snow",
        "aspect_ratio": "3:2",
        "width": 48,
        "height": 32,
        "steps": 4,
        "guidance": 5.5,
        "sampler": Sampler.EULER_A,
        "sampler_sha256": "5a" * 32,
        "seed": 7,
        "image_count": 4,
        "drawn_by": drawn_by,
        "pixels_sha256": tuple(f"{index:064x}" for index in range(4)),
    }
    return Recipe(**{**values, **fields})


def a_worker(name: str = "w1", *, adapters: Iterable[str] = (), **fields: Any) -> LiveWorker:
    """Return a live worker of one slot that asks for one job."""
    values = {"family": ModelFamily.SDXL, "slots": 1, "wants": 1, **fields}
    return LiveWorker(name=name, adapters=frozenset(adapters), **values)


def a_listed_finding(**fields: Any) -> SafetyReport:
    return SafetyReport(
        **{
            "id": "gen_1",
            "account_id": AccountId("discord:1"),
            "found_at": NOW,
            "rule": "known.test-bank",
            "list_name": "test-bank",
            "distance": 3,
            **fields,
        }
    )
