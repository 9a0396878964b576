"""What the engine costs and gains beside the bare diffusers pipeline, with the small SDXL model.

Three questions, each answered in one process with the same threads, alternating: what one picture
alone costs, what eight mixed requests in flight gain, and how soon a turbo job starts.
"""

import argparse
import os
import statistics
import sys
import time
from functools import partial
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from diffusers import EulerAncestralDiscreteScheduler

from backend.contracts import ModelFamily, RenderJob, Sampler, Tier
from backend.models.starters import starter_model
from gpu_worker.compose.composer import load_model
from gpu_worker.engine.loop import Engine
from gpu_worker.families import open_family
from gpu_worker.render.drawing import DrawOrder
from gpu_worker.render.pipeline import Renderer
from gpu_worker.samplers import open_sampler

PROMPT = "a red star on a blue background"
TABLE = Path(__file__).with_suffix(".md")
MIX = [
    {"steps": 20, "sampler": Sampler.EULER_A, "guidance": 5.0},
    {"steps": 12, "sampler": Sampler.DPMPP_2M_KARRAS, "guidance": 3.0},
    {"steps": 8, "sampler": Sampler.LCM, "guidance": 1.0},
    {"steps": 16, "sampler": Sampler.DDIM, "guidance": 7.0},
]


class NotingRenderer(Renderer):
    """Notes by their seeds which jobs each look of the network was for."""

    def __init__(self, **parts):
        super().__init__(**parts)
        self.looks = []

    def step(self, runs):
        self.looks.append(tuple(run.generators[0].initial_seed() for run in runs))
        super().step(runs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8, help="A B B A this many times")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--model", default=str(starter_model(ModelFamily.SDXL)))
    parser.add_argument("--called", default="small SDXL model", help="what the table calls it")
    parser.add_argument("--target", type=Path, default=TABLE)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = load_model(ModelFamily.SDXL, arguments.model, device="cpu", dtype="float32")
    renderer = open_renderer(model)
    engine = Engine(open_artist=lambda: renderer)
    engine.start()
    try:
        text = render(
            arguments,
            compare_alone(engine, model.pipeline, arguments),
            compare_mixed(engine, renderer, arguments),
            time_turbo(engine, renderer, arguments),
        )
    finally:
        engine.close()
    sys.stdout.write(text)
    arguments.target.write_text(text)
    return 0


def open_renderer(model):
    family = open_family(ModelFamily.SDXL, model)
    return NotingRenderer(
        family=family,
        open_sampler=partial(
            open_sampler, family=ModelFamily.SDXL, scheduler_config=family.scheduler_config
        ),
    )


def an_order(seed: int, *, tier=Tier.FAST, prompt=PROMPT, **fields):
    job = RenderJob.model_validate(
        {
            "job_id": f"bench_{seed}",
            "attempt": 1,
            "family": ModelFamily.SDXL,
            "tier": tier,
            "prompt": prompt,
            "image_count": 1,
            "seed": seed,
            **fields,
        }
    )
    return DrawOrder(job=job)


def ignore(done: int, steps: int) -> None:
    """Take a step for granted."""


def timed(work, *inputs) -> float:
    start = time.perf_counter()
    work(*inputs)
    return time.perf_counter() - start


def alternate(one, other, rounds: int):
    """Time both, A B B A, each warmed up; rounds are numbered from one."""
    one(0), other(0)
    times = {one: [], other: []}
    for number in range(1, rounds + 1):
        for work in (one, other, other, one):
            times[work].append(timed(work, number))
    return times[one], times[other]


def compare_alone(engine, pipeline, arguments):
    pipeline.scheduler = EulerAncestralDiscreteScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    side = pipeline.unet.config.sample_size * pipeline.vae_scale_factor

    def bare(seed: int) -> None:
        pipeline(
            f"{PROMPT} {seed}",
            width=side,
            height=side,
            num_inference_steps=arguments.steps,
            guidance_scale=5.0,
            generator=torch.Generator("cpu").manual_seed(seed),
        )

    def ours(seed: int) -> None:
        # Words of its own each time, so that none are known already.
        order = an_order(
            seed,
            prompt=f"{PROMPT} {seed} {time.perf_counter_ns()}",
            steps=arguments.steps,
            guidance=5.0,
            sampler=Sampler.EULER_A,
        )
        engine.submit(order, ignore).result()

    return alternate(bare, ours, arguments.rounds)


def compare_mixed(engine, renderer, arguments):
    def orders():
        return [an_order(100 + index, **MIX[index % len(MIX)]) for index in range(8)]

    def in_turn(_number: int) -> None:
        for order in orders():
            engine.submit(order, ignore).result()

    def in_flight(_number: int) -> None:
        for ended in [engine.submit(order, ignore) for order in orders()]:
            ended.result()

    turn_s, flight_s = alternate(in_turn, in_flight, max(1, arguments.rounds // 4))
    renderer.looks.clear()
    in_flight(0)
    return turn_s, flight_s, len(renderer.looks), sum(map(len, renderer.looks))


def time_turbo(engine, renderer, arguments):
    """Submit a turbo job at the fifth step of an eight-picture relax job."""
    ended = []

    def on_step(done: int, steps: int) -> None:
        if done == 5 and not ended:
            ended.append(engine.submit(an_order(900, tier=Tier.TURBO, **MIX[0]), ignore))

    renderer.looks.clear()
    relaxed = an_order(800, tier=Tier.RELAX, image_count=8, steps=20, guidance=5.0)
    engine.submit(relaxed, on_step).result()
    ended[0].result()
    first = next(index for index, look in enumerate(renderer.looks) if 900 in look)
    last = max(index for index, look in enumerate(renderer.looks) if 900 in look)
    between = sum(800 in look for look in renderer.looks[first:last])
    return first - 5, between, len(renderer.looks)


def render(arguments, alone, mixed, turbo) -> str:
    bare_s, ours_s = alone
    turn_s, flight_s, looks, steps = mixed
    waited, between, all_looks = turbo
    ratio = statistics.median(ours_s) / statistics.median(bare_s)
    gain = statistics.median(turn_s) / statistics.median(flight_s)
    return "\n".join(
        (
            "# The engine beside the bare pipeline",
            "",
            f"`python bench/engine.py --rounds {arguments.rounds} --steps {arguments.steps}`,",
            f"{arguments.called} on one CPU thread, float32, alternating in one process.",
            "Medians (least-most) in milliseconds.",
            "",
            "| one picture, euler_a, guided | |",
            "|---|---|",
            f"| diffusers pipeline, {len(bare_s)} pictures | {spread(bare_s)} |",
            f"| engine, {len(ours_s)} pictures | {spread(ours_s)} |",
            f"| ratio of medians (limit: 1.00) | {ratio:.3f} |",
            f"| ratio of the least | {min(ours_s) / min(bare_s):.3f} |",
            "",
            "| eight mixed requests: four samplers, 8 to 20 steps, guided and not | |",
            "|---|---|",
            f"| one at a time | {spread(turn_s)} |",
            f"| all in flight | {spread(flight_s)} |",
            f"| times as fast | {gain:.2f} |",
            f"| looks of the network, for {steps} steps | {looks} |",
            "",
            "| a turbo job comes at step 5 of an eight-picture relax job of 20 | |",
            "|---|---|",
            f"| relax steps until its first one (limit: 0) | {waited} |",
            f"| relax steps between its first and its last | {between} |",
            f"| steps of both | {all_looks} |",
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
