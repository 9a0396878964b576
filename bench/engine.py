"""What the engine costs and gains beside the bare diffusers pipeline, with the small models.

Three questions, each answered in one process with the same threads, alternating: what one picture
alone costs (every family), what eight mixed requests in flight gain, and how soon a turbo job
starts. What changing LoRAs costs is `adapters.py`'s.
"""

import argparse
import os
import statistics
import sys
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from diffusers import EulerAncestralDiscreteScheduler
from PIL import ImageChops, ImageStat

from backend.contracts import ModelFamily, RenderJob, Sampler, Tier
from backend.models.starters import starter_model
from gpu_worker.compose.composer import load_model
from gpu_worker.engine.loop import Engine
from gpu_worker.families import open_family
from gpu_worker.render.drawing import DrawOrder
from gpu_worker.render.pipeline import Renderer
from gpu_worker.samplers import open_sampler

PROMPT = "a red star on a blue background"
GUIDANCE = 5.0
MOST_COST = 1.02
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
    parser.add_argument("--target", type=Path, default=TABLE)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    alone = {family: compare_family(family, arguments) for family in ModelFamily}
    model = load(ModelFamily.SDXL)
    renderer = open_renderer(ModelFamily.SDXL, model)
    with running(renderer) as engine:
        mixed = compare_mixed(engine, renderer, arguments)
        turbo = time_turbo(engine, renderer, arguments)
    text = render(arguments, alone, mixed, turbo)
    sys.stdout.write(text)
    arguments.target.write_text(text)
    return 0


def load(name: ModelFamily):
    return load_model(name, str(starter_model(name)), device="cpu", dtype="float32")


@contextmanager
def running(renderer):
    engine = Engine(open_artist=lambda: renderer)
    engine.start()
    try:
        yield engine
    finally:
        engine.close()


def open_renderer(name: ModelFamily, model):
    family = open_family(name, model)
    return NotingRenderer(
        family=family,
        open_sampler=partial(open_sampler, family=name, scheduler_config=family.scheduler_config),
    )


def an_order(seed: int, *, family=ModelFamily.SDXL, tier=Tier.FAST, prompt=PROMPT, **fields):
    job = RenderJob.model_validate(
        {
            "job_id": f"bench_{seed}",
            "attempt": 1,
            "family": family,
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


def compare_family(name: ModelFamily, arguments):
    model = load(name)
    with running(open_renderer(name, model)) as engine:
        return compare_alone(engine, name, model, arguments)


def compare_alone(engine, name: ModelFamily, model, arguments):
    pipeline, side = model.pipeline, open_family(name, model).native_side
    if name is ModelFamily.SDXL:
        pipeline.scheduler = EulerAncestralDiscreteScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)

    longest = text_length(name, pipeline)

    def bare_of(prompt: str, seed: int):
        return pipeline(
            prompt,
            width=side,
            height=side,
            num_inference_steps=arguments.steps,
            guidance_scale=GUIDANCE,
            generator=torch.Generator("cpu").manual_seed(seed),
            **longest,
        ).images

    def ours_of(prompt: str, seed: int):
        order = an_order(
            seed,
            family=name,
            prompt=prompt,
            steps=arguments.steps,
            guidance=GUIDANCE,
            sampler=Sampler.EULER_A if name is ModelFamily.SDXL else Sampler.FLOW_EULER,
        )
        return engine.submit(order, ignore).result().pictures

    def bare(seed: int) -> None:
        bare_of(f"{PROMPT} {seed}", seed)

    def ours(seed: int) -> None:
        # Words of its own each time, so that none are known already.
        ours_of(f"{PROMPT} {seed} {time.perf_counter_ns()}", seed)

    must_be_the_same(bare_of(PROMPT, 7), ours_of(PROMPT, 7))
    return alternate(bare, ours, arguments.rounds)


def text_length(name: ModelFamily, pipeline) -> dict[str, int]:
    """Return what has a pipeline's T5 read no more than ours: as much as its tokenizer may."""
    if name is ModelFamily.SDXL:
        return {}
    t5 = pipeline.tokenizer_3 if name is ModelFamily.SD3 else pipeline.tokenizer_2
    return {"max_sequence_length": int(t5.model_max_length)}


def must_be_the_same(theirs, ours) -> None:
    """Compare the cost of the same work only."""
    pairs = zip(theirs, ours, strict=True)
    apart = max(ImageStat.Stat(ImageChops.difference(*pair)).mean for pair in pairs)
    if max(apart) > 1.0:
        raise SystemExit(f"They draw different pictures: {apart} of 255 apart.")


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


def pair_ratio(bare_s, ours_s) -> float:
    """Return what the engine costs beside the pipeline right before or after it, as a rule.

    Whatever slows the machine for a while slows both of a pair.
    """
    return statistics.median(one / other for other, one in zip(bare_s, ours_s, strict=True))


def render(arguments, alone, mixed, turbo) -> str:
    turn_s, flight_s, looks, steps = mixed
    waited, between, all_looks = turbo
    gain = statistics.median(turn_s) / statistics.median(flight_s)
    pictures = len(next(iter(alone.values()))[0])
    return "\n".join(
        (
            "# The engine beside the bare pipeline",
            "",
            f"`python bench/engine.py --rounds {arguments.rounds} --steps {arguments.steps}`:",
            "the small models that ship, on one CPU thread, float32, alternating in one process.",
            "Medians (least-most) in milliseconds. *Ratio*: median over pairs that ran one after",
            f"another; limit {MOST_COST}. *Least*: the ratio of the two fastest.",
            "",
            f"| one picture, {arguments.steps} steps, {pictures} each "
            "| pipeline | engine | ratio | least |",
            "|---|---|---|---|---|",
            *(
                f"| {name} | {spread(bare_s)} | {spread(ours_s)} "
                f"| {pair_ratio(bare_s, ours_s):.3f} | {min(ours_s) / min(bare_s):.3f} |"
                for name, (bare_s, ours_s) in alone.items()
            ),
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
            "Changing LoRAs, and 0 compilations in 100 changes: [adapters.md](adapters.md).",
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
