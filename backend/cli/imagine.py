"""`impasto imagine`: one picture through the whole stack, written to a file."""

import argparse
import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from backend.bootstrap.opening import open_services
from backend.bootstrap.reading import open_screen
from backend.cli.given import ControlFile, read_control, with_controls
from backend.cli.recipes import (
    must_stand_alone,
    read_recipe,
    tell_reproduction,
    write_recipe,
)
from backend.cli.stack import Stack, open_stack
from backend.cli.terminal import (
    EXIT_BLOCKED,
    EXIT_DELIVERED,
    EXIT_FAILED,
    IMAGE_COUNT,
    bar,
    say,
    show_progress,
    user_name,
)
from backend.cli.wait import ServerEnded, ask, end_as_by_ctrl_c, wait
from backend.domain.errors import BadInput, InvalidAspectRatio, InvalidParameter
from backend.domain.families import ModelFamily
from backend.domain.jobs import Block, Job, JobState
from backend.domain.languages import language_name
from backend.domain.prompts import AspectRatio, LoraRef
from backend.domain.requests import AccountId, GenerationRequest, JobId, Requester, Surface
from backend.domain.results import ImageRef, ImageVariant
from backend.domain.tiers import Tier
from backend.domain.ways_out import NOT_CHECKED, way_out
from backend.prompt.pipeline import understand
from backend.service.alt_text import alt_text
from backend.service.job_view import JobView
from backend.service.recipes import request_by
from backend.settings import Settings
from safety.verdict import Outcome

FORMATS: Final = {
    "png": ImageVariant.ORIGINAL,
    "webp": ImageVariant.WEBP,
    "jpeg": ImageVariant.JPEG,
    "avif": ImageVariant.AVIF,
}
RATIO: Final = re.compile(r"([0-9]{1,5}):([0-9]{1,5})")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument(
        "prompt", nargs="?", help="what to draw, in quotes; may have parameters (--ar 3:2)"
    )
    parser.add_argument(
        "--family",
        choices=[family.value for family in ModelFamily],
        help="which family draws it (the first that is served)",
    )
    parser.add_argument(
        "--seed", type=int, help="the same seed draws the same picture (one by chance)"
    )
    parser.add_argument("--ar", metavar="W:H", help="aspect ratio, for example 3:2")
    parser.add_argument("--steps", type=int, help="1 to 150 (the model's own choice)")
    parser.add_argument("--n", type=int, help="how many pictures (1 to 4; one, if not told)")
    parser.add_argument(
        "--lora",
        metavar="NAME[:SCALE]",
        action="append",
        default=[],
        help="a LoRA and how strongly it counts, for example pixel-art:0.8; may be repeated",
    )
    parser.add_argument(
        "--format",
        choices=list(FORMATS),
        default="png",
        help="in which format it is written (png)",
    )
    parser.add_argument(
        "--metadata",
        action="store_true",
        help="have the file tell prompt and settings",
    )
    parser.add_argument(
        "--control",
        metavar="NAME[:SCALE]=FILE",
        action="append",
        default=[],
        help="a ControlNet and the picture it is shown, for example edges:0.8=lines.png",
    )
    parser.add_argument(
        "--tier",
        choices=[tier.value for tier in Tier],
        help="how soon its turn comes (fast)",
    )
    parser.add_argument(
        "--out", type=Path, help="file to write (impasto-ID-1.png here); more pictures get -1, -2 …"
    )
    parser.add_argument(
        "--recipe", type=Path, metavar="FILE", help="write into this file how it was made"
    )
    parser.add_argument(
        "--exact", type=Path, metavar="FILE", help="draw the very pictures of a recipe again"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Make the pictures. Exit 0 delivered, 2 bad input, 3 blocked, 4 failed."""
    settings = Settings()
    request = make_request(arguments)
    default_family = settings.families[0]
    controls = tuple(read_control(text) for text in arguments.control)
    understood = understand(request, screen=open_screen(settings), default_family=default_family)
    family = understood.spec.family
    # Whose worker is started here draws, whoever else is live.
    request = replace(request, family=family)
    check_out(arguments.out)
    if arguments.recipe is not None:
        check_out(arguments.recipe)
    end_as_by_ctrl_c(signal.SIGTERM, signal.SIGHUP)
    job_id = None
    while True:
        with open_stack(settings) as stack:
            if family in settings.families:
                stack.ensure(family)
            try:
                return asyncio.run(_imagine(stack, request, controls, arguments, job_id))
            except ServerEnded as ended:
                job_id = ended.job_id


def make_request(arguments: argparse.Namespace) -> GenerationRequest:
    """Turn command-line options into a request.

    Raises:
        InvalidParameter, InvalidAspectRatio, InvalidLora: an option has a value it cannot take.
        RecipeIncomplete: the recipe began with a picture.

    """
    requester = Requester(
        account_id=AccountId(f"local:{user_name()}"), surface=Surface.COMMAND_LINE
    )
    if arguments.exact is not None:
        must_stand_alone(arguments)
        exact = request_by(read_recipe(arguments.exact), requester)
        return replace(exact, writes_parameters=arguments.metadata)
    if arguments.prompt is None:
        raise BadInput("There is nothing to draw.", way_out="Say what you would like to see.")
    return GenerationRequest(
        requester=requester,
        # Bytes that are no UTF-8 come as lone surrogates, which no database stores.
        prompt=arguments.prompt.encode(errors="replace").decode(),
        family=ModelFamily(arguments.family) if arguments.family else None,
        tier=Tier(arguments.tier) if arguments.tier else None,
        aspect_ratio=None if arguments.ar is None else _aspect_ratio(arguments.ar),
        steps=arguments.steps,
        seed=arguments.seed,
        image_count=IMAGE_COUNT if arguments.n is None else arguments.n,
        loras=tuple(LoraRef.read(text) for text in arguments.lora),
        writes_parameters=arguments.metadata,
    )


def check_out(out: Path | None) -> None:
    """Make sure, before anything is drawn, that the pictures can be written.

    Raises:
        InvalidParameter: they cannot.

    """
    path = out or Path("impasto.png")
    if path.is_dir() or not path.parent.is_dir():
        raise _wrong_out("a file in a folder that exists")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise _wrong_out("a file that may be written")


async def _imagine(
    stack: Stack,
    request: GenerationRequest,
    controls: tuple[ControlFile, ...],
    arguments: argparse.Namespace,
    job_id: JobId | None,
) -> int:
    async with open_services(stack.settings) as services:
        if job_id is None:
            steered = await with_controls(services.uploads, request, controls)
            job_id = await ask(services, steered)
        job = await wait(stack, services, job_id, request.requester, show=_show)
        show_progress("")
        images = job.images
        variant = FORMATS[arguments.format]
        pictures = [await services.generations.read_image(image, variant) for image in images]
    paths = [_path_of(arguments.out, job, image, arguments.format) for image in images]
    for path, data in zip(paths, pictures, strict=True):
        try:
            await asyncio.to_thread(path.write_bytes, data)
        except OSError as error:
            why = f"{path} could not be written ({error.strerror})."
            _report_unwritten(stack.settings, job, why, as_json=arguments.json)
            return EXIT_FAILED
    if arguments.recipe is not None and job.result is not None:
        await asyncio.to_thread(write_recipe, job, arguments.recipe)
    _report(job, paths, variant, as_json=arguments.json)
    match job.state:
        case JobState.DELIVERED:
            return EXIT_DELIVERED
        case JobState.BLOCKED:
            return EXIT_BLOCKED
        case _:
            return EXIT_FAILED


def _show(job: Job) -> None:
    if job.progress is None:
        show_progress(f"{job.state} …")
    else:
        show_progress(bar(job.progress.step, job.progress.steps))


def _wrong_out(expected: str) -> InvalidParameter:
    error = InvalidParameter(name="out", expected=expected)
    error.way_out = "Nothing was drawn; make the folder, or name another file."
    return error


def _aspect_ratio(text: str) -> AspectRatio:
    found = RATIO.fullmatch(text)
    if found is None:
        raise InvalidAspectRatio(given=text)
    return AspectRatio(width=int(found[1]), height=int(found[2]))


def _path_of(out: Path | None, job: Job, image: ImageRef, extension: str) -> Path:
    if out is None:
        return Path(f"impasto-{job.id}-{image.index + 1}.{extension}")
    if job.result is not None and len(job.result.images) > 1:
        return out.with_name(f"{out.stem}-{image.index + 1}{out.suffix}")
    return out


def _report(job: Job, paths: Sequence[Path], variant: ImageVariant, *, as_json: bool) -> None:
    if as_json:
        say(json.dumps(describe(job, paths, variant)))
    elif job.state is JobState.DELIVERED:
        for path in paths:
            say(f"{path}  (seed {job.seed})")
        if job.spec.typed is not job.spec:
            language = language_name(job.spec.language)
            say(f"Drawn from {language} as: {job.spec.positive_text}")
        for note in JobView(job=job).notes:
            say(note)
        if job.result is not None and job.result.reproduction is not None:
            say(tell_reproduction(job.result.reproduction))
    elif job.block is not None:
        held = f"Held back ({job.block.category}); nothing was written."
        sys.stderr.write(f"{held} {_held_way_out(job, job.block)}\n")
    elif job.failure is not None:
        sys.stderr.write(f"{job.failure.code}: {job.failure.message}\n")
    else:
        sys.stderr.write(f"The job is {job.state}.\n")


def _report_unwritten(settings: Settings, job: Job, why: str, *, as_json: bool) -> None:
    """Say that the pictures could not be written, and where they are kept."""
    root = f"s3://{settings.s3_bucket}" if settings.s3_bucket else str(settings.objects_folder)
    images = job.images
    kept = [f"{root}/{image.keys[ImageVariant.ORIGINAL]}" for image in images]
    message = f"{why} The pictures of {job.id} are kept: {', '.join(kept)}"
    if as_json:
        described = describe(job, [None] * len(images))
        say(json.dumps(described | {"error": {"code": "out_not_written", "message": message}}))
    else:
        sys.stderr.write(f"out_not_written: {message}\n")


def describe(
    job: Job, paths: Sequence[Path | None], variant: ImageVariant = ImageVariant.ORIGINAL
) -> dict[str, object]:
    """Describe an ended job for `--json`; a path is None where nothing was written."""
    images = job.images
    described: dict[str, object] = {
        "id": job.id,
        "state": job.state.value,
        "seed": job.seed,
        "images": [
            {
                "path": None if path is None else str(path),
                "width": image.width,
                "height": image.height,
                "sha256": image.digests.get(variant, image.sha256),
                "alt": alt_text(job, image),
            }
            for path, image in zip(paths, images, strict=True)
        ],
        "drawn_as": job.spec.positive_text,
        "notes": list(JobView(job=job).notes),
        "verdict": _verdict(job),
        "timings": _timings(job),
    }
    if job.result is not None and job.result.reproduction is not None:
        made = job.result.reproduction
        described["exact"] = {"reproduced": made.is_same, "differs": list(made.differs)}
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
            "way_out": _held_way_out(job, job.block),
        }
    return {"outcome": "allow"} if job.result is not None else None


def _held_way_out(job: Job, block: Block) -> str:
    if job.is_not_checked:
        return NOT_CHECKED
    return way_out(block.category, is_final=block.outcome == Outcome.BLOCK)


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
