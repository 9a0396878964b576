"""What the whole road costs beside the bare diffusers pipeline, for the same request in one run.

Both draw the same picture with the same model, sampler, steps and seed, alternating A B B A. The
road is everything: prompt screen, database, dispatcher, Celery, worker, NSFW check, PNG, WebP,
thumbnails.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

from backend.bootstrap.opening import open_services
from backend.cli.stack import open_stack
from backend.domain.families import ModelFamily, Sampler
from backend.domain.jobs import Job, JobState
from backend.domain.requests import AccountId, GenerationRequest, Requester, Surface
from backend.models.starters import starter_model
from backend.settings import Settings

PROMPT = "a fox in the snow"
TABLE = Path(__file__).with_suffix(".md")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        settings = Settings().model_copy(
            update={"home": Path(home), "redis_url": None, "database_url": None, "s3_bucket": None}
        )
        with open_stack(settings) as stack:
            stack.start_dispatcher()
            stack.start_worker(ModelFamily.SDXL)
            stack.wait_until(lambda: stack.has_worker(ModelFamily.SDXL), "The worker")
            pipeline = load_pipeline(str(settings.model_sdxl or starter_model(ModelFamily.SDXL)))
            raw_s, road_s, stages = asyncio.run(
                measure(stack.settings, pipeline, arguments.rounds, arguments.steps)
            )
    text = render(raw_s, road_s, stages, arguments)
    sys.stdout.write(text)
    TABLE.write_text(text)
    return 0


def load_pipeline(folder: str):
    import torch
    from diffusers import EulerAncestralDiscreteScheduler, StableDiffusionXLPipeline

    pipeline = StableDiffusionXLPipeline.from_pretrained(
        folder,
        dtype=torch.float32,
        use_safetensors=True,
        add_watermarker=False,
        local_files_only=True,
    )
    pipeline.scheduler = EulerAncestralDiscreteScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    # As many as a worker takes for a model of this size.
    torch.set_num_threads(1)
    return pipeline


async def measure(settings: Settings, pipeline, rounds: int, steps: int):
    raw_s: list[float] = []
    road_s: list[float] = []
    stages: list[Job] = []
    async with open_services(settings) as services:
        await draw_by_road(services, steps, 0)
        draw_bare(pipeline, steps, 0)
        for number in range(1, rounds + 1):
            order = ("raw", "road", "road", "raw") if number % 2 else ("road", "raw", "raw", "road")
            for kind in order:
                start = time.perf_counter()
                if kind == "raw":
                    draw_bare(pipeline, steps, number)
                    raw_s.append(time.perf_counter() - start)
                else:
                    stages.append(await draw_by_road(services, steps, number))
                    road_s.append(time.perf_counter() - start)
    return raw_s, road_s, stages


def draw_bare(pipeline, steps: int, seed: int) -> None:
    import torch

    side = pipeline.unet.config.sample_size * pipeline.vae_scale_factor
    pipeline(
        PROMPT,
        width=side,
        height=side,
        num_inference_steps=steps,
        guidance_scale=5.0,
        generator=torch.Generator("cpu").manual_seed(seed),
    )


async def draw_by_road(services, steps: int, seed: int) -> Job:
    requester = Requester(account_id=AccountId("bench"), surface=Surface.COMMAND_LINE)
    view = await services.generations.submit(
        GenerationRequest(
            requester=requester,
            prompt=PROMPT,
            steps=steps,
            guidance=5.0,
            sampler=Sampler.EULER_A,
            seed=seed,
            image_count=1,
        )
    )
    job = view.job
    while not job.is_terminal:
        await asyncio.sleep(0.005)
        job = (await services.generations.snapshot(job.id)).job
    if job.state is not JobState.DELIVERED:
        raise SystemExit(f"the job ended {job.state}: {job.failure or job.block}")
    return job


def render(raw_s, road_s, stages, arguments) -> str:
    raw, road = statistics.median(raw_s), statistics.median(road_s)

    def stage(name: str) -> str:
        return (
            f"{statistics.median(getattr(job.result.timings, name) for job in stages) * 1000:.0f}"
        )

    return "\n".join(
        (
            "# The road beside the bare pipeline",
            "",
            f"`make bench`: {len(raw_s)} pictures each, alternating in one run,",
            f"{arguments.steps} steps, one picture a job, small SDXL model on the CPU.",
            "Medians (least-most).",
            "",
            "| what | ms |",
            "|---|---|",
            f"| diffusers pipeline, in process | {spread(raw_s)} |",
            f"| whole road, submit to delivered | {spread(road_s)} |",
            f"| overhead | {(road - raw) * 1000:.0f} |",
            f"| ratio | {road / raw:.3f} |",
            f"| worker: encode | {stage('encode_s')} |",
            f"| worker: denoise | {stage('denoise_s')} |",
            f"| worker: decode | {stage('decode_s')} |",
            f"| worker: check, mark and store | {stage('release_s')} |",
            "",
        )
    )


def spread(values) -> str:
    return (
        f"{statistics.median(values) * 1000:.0f}"
        f" ({min(values) * 1000:.0f}-{max(values) * 1000:.0f})"
    )


if __name__ == "__main__":
    sys.exit(main())
