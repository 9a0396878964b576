"""`impasto imagine`: one picture through the whole stack, written to a file."""

import argparse
import asyncio
import getpass
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from backend.bootstrap import open_screen, open_services
from backend.cli.stack import NotReady, Stack, open_stack
from backend.cli.supervisor import ProcessKeepsDying
from backend.cli.terminal import Subparsers, bar, say, show_progress
from backend.cli.valkey import ValkeyMissing
from backend.domain.errors import ImpastoError, InvalidParameter
from backend.domain.families import ModelFamily
from backend.domain.jobs import Job, JobState
from backend.domain.prompts import AspectRatio
from backend.domain.requests import AccountId, GenerationRequest, JobId, Requester, Surface
from backend.domain.results import ImageRef
from backend.domain.tiers import Tier
from backend.prompt.pipeline import understand
from backend.service.services import Services
from backend.settings import Settings

EXIT_DELIVERED, EXIT_BAD_INPUT, EXIT_BLOCKED, EXIT_FAILED = 0, 2, 3, 4
POLL_S: Final = 0.05
LOOK_EVERY_S: Final = 2.0


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser("imagine", help="make a picture and write it to a file")
    parser.add_argument("prompt")
    parser.add_argument("--family", choices=[family.value for family in ModelFamily])
    parser.add_argument("--seed", type=int)
    parser.add_argument("--ar", metavar="W:H", help="aspect ratio, for example 3:2")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--n", type=int, default=1, help="how many pictures (1 to 4)")
    parser.add_argument("--tier", choices=[tier.value for tier in Tier])
    parser.add_argument("--out", type=Path, help="file to write; more pictures get -1, -2 …")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Make the pictures. Exit 0 delivered, 2 bad input, 3 blocked, 4 failed."""
    settings = Settings()
    try:
        request = make_request(arguments)
        family = understand(request, screen=open_screen()).spec.family
        with open_stack(settings) as stack:
            if family in settings.families:
                stack.ensure(family)
            return asyncio.run(_imagine(stack, request, arguments))
    except ImpastoError as error:
        return _refuse(error.code, f"{error.message} {error.way_out}".strip(), arguments)
    except (NotReady, ProcessKeepsDying, ValkeyMissing) as error:
        _refuse("unavailable", str(error), arguments)
        return EXIT_FAILED


def make_request(arguments: argparse.Namespace) -> GenerationRequest:
    """Turn command-line options into a request.

    Raises:
        InvalidParameter, InvalidAspectRatio: an option has a value it cannot take.

    """
    return GenerationRequest(
        requester=Requester(
            account_id=AccountId(f"local:{getpass.getuser()}"), surface=Surface.COMMAND_LINE
        ),
        prompt=arguments.prompt,
        family=ModelFamily(arguments.family) if arguments.family else None,
        tier=Tier(arguments.tier) if arguments.tier else None,
        aspect_ratio=_aspect_ratio(arguments.ar) if arguments.ar else None,
        steps=arguments.steps,
        seed=arguments.seed,
        image_count=arguments.n,
    )


async def _imagine(stack: Stack, request: GenerationRequest, arguments: argparse.Namespace) -> int:
    async with open_services(stack.settings) as services:
        view = await services.generations.submit(request)
        job = await _wait(stack, services, view.job.id)
        show_progress("")
        paths = []
        if job.result is not None:
            for image in job.result.images:
                data = await services.generations.read_image(image)
                path = _path_of(arguments.out, job, image)
                await asyncio.to_thread(path.write_bytes, data)
                paths.append(path)
    _report(job, paths, as_json=arguments.json)
    match job.state:
        case JobState.DELIVERED:
            return EXIT_DELIVERED
        case JobState.BLOCKED:
            return EXIT_BLOCKED
        case _:
            return EXIT_FAILED


async def _wait(stack: Stack, services: Services, job_id: JobId) -> Job:
    next_look = 0.0

    def keep_going() -> None:
        nonlocal next_look
        stack.supervisor.poll()
        # Whoever was there when we looked first may have gone since.
        if time.monotonic() > next_look:
            next_look = time.monotonic() + LOOK_EVERY_S
            stack.ensure(job.spec.family)

    try:
        while True:
            job = (await services.generations.snapshot(job_id)).job
            if job.is_terminal:
                return job
            keep_going()
            if job.progress is None:
                show_progress(f"{job.state} …")
            else:
                show_progress(bar(job.progress.step, job.progress.steps))
            await asyncio.sleep(POLL_S)
    except asyncio.CancelledError:
        await services.generations.cancel(job_id, job.request.requester)
        raise


def _aspect_ratio(text: str) -> AspectRatio:
    width, _, height = text.partition(":")
    if not (width.isascii() and width.isdigit() and height.isascii() and height.isdigit()):
        raise InvalidParameter(name="ar", expected="W:H, like 3:2")
    return AspectRatio(width=int(width), height=int(height))


def _path_of(out: Path | None, job: Job, image: ImageRef) -> Path:
    if out is None:
        return Path(f"impasto-{job.id}-{image.index + 1}.png")
    if job.result is not None and len(job.result.images) > 1:
        return out.with_name(f"{out.stem}-{image.index + 1}{out.suffix}")
    return out


def _report(job: Job, paths: Sequence[Path], *, as_json: bool) -> None:
    if as_json:
        say(json.dumps(describe(job, paths)))
    elif job.state is JobState.DELIVERED:
        for path in paths:
            say(f"{path}  (seed {job.seed})")
    elif job.block is not None:
        sys.stderr.write(f"Held back ({job.block.category}); nothing was written.\n")
    elif job.failure is not None:
        sys.stderr.write(f"{job.failure.code}: {job.failure.message}\n")
    else:
        sys.stderr.write(f"The job is {job.state}.\n")


def describe(job: Job, paths: Sequence[Path]) -> dict[str, object]:
    """Describe an ended job for `--json`."""
    images = job.result.images if job.result else ()
    described: dict[str, object] = {
        "id": job.id,
        "state": job.state.value,
        "seed": job.seed,
        "images": [
            {
                "path": str(path),
                "width": image.width,
                "height": image.height,
                "sha256": image.sha256,
            }
            for path, image in zip(paths, images, strict=True)
        ],
        "verdict": _verdict(job),
        "timings": _timings(job),
    }
    if job.failure is not None:
        described["error"] = {"code": job.failure.code, "message": job.failure.message}
    return described


def _verdict(job: Job) -> dict[str, object] | None:
    if job.block is not None:
        return {
            "outcome": job.block.outcome,
            "stage": job.block.stage,
            "category": job.block.category,
            "rule": job.block.rule,
        }
    return {"outcome": "allow"} if job.result is not None else None


def _timings(job: Job) -> dict[str, float]:
    end_to_end_s = (job.updated_at - job.created_at).total_seconds()
    if job.result is None:
        return {"end_to_end_s": end_to_end_s}
    timings = job.result.timings
    return {
        "encode_s": timings.encode_s,
        "denoise_s": timings.denoise_s,
        "decode_s": timings.decode_s,
        "release_s": timings.release_s,
        "total_s": timings.total_s,
        "end_to_end_s": end_to_end_s,
    }


def _refuse(code: str, message: str, arguments: argparse.Namespace) -> int:
    if arguments.json:
        say(json.dumps({"error": {"code": code, "message": message}}))
    else:
        sys.stderr.write(f"{code}: {message}\n")
    return EXIT_BAD_INPUT
