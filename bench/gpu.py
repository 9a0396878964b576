"""What full-size models cost on a GPU: diffusers as it is and compiled, ours in bf16 and in fp8.

One family a run fits into ten minutes, compiling included: `python bench/gpu.py --only sdxl`. With
`--tiny` the same goes from end to end on a CPU within two minutes; its figures mean nothing.
"""

import argparse
import copy
import gc
import json
import os
import statistics
import sys
import threading
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")

import torch
from diffusers import EulerAncestralDiscreteScheduler
from gpu_limits import (
    describe_device,
    measure_ceilings,
    product_ceiling,
    read_clocks,
    timed,
)
from gpu_loras import switch_loras
from gpu_models import WORKLOADS, open_full, open_tiny
from gpu_parts import PROMPT, an_order, ignore, open_renderer, running
from gpu_table import FP8, OURS, render
from torch.utils.flop_counter import FlopCounterMode

from backend.contracts import ModelFamily, Tier
from gpu_worker.compose.compiling import BLOCKS, compile_blocks, network_of
from gpu_worker.families import open_family
from gpu_worker.family import LoadedModel

EAGER, COMPILED = "diffusers", "diffusers, compiled"
AT_ONCE = (1, 2, 4, 8)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=list(WORKLOADS), action="append")
    parser.add_argument("--rounds", type=int, default=5, help="each way and back, so many times")
    parser.add_argument("--backend", help="of torch.compile; inductor, on a tiny model eager")
    parser.add_argument("--tiny", action="store_true", help="small sizes, on the CPU")
    parser.add_argument("--target", type=Path, help="write the table here, and JSON beside it")
    arguments = parser.parse_args()
    arguments.backend = arguments.backend or ("eager" if arguments.tiny else "inductor")
    if not arguments.tiny and not torch.cuda.is_available():
        sys.stderr.write("No GPU is here. `--tiny` tries everything out on the CPU.\n")
        return 2
    device = torch.device("cpu" if arguments.tiny else "cuda")
    if arguments.tiny:
        torch.set_num_threads(1)
    dtype = torch.float32 if arguments.tiny else torch.bfloat16
    found = {
        "device": describe_device(device),
        "clocks_before": read_clocks(),
        "ceilings": measure_ceilings(device, dtype, is_tiny=arguments.tiny),
        "workloads": {},
    }
    for key in arguments.only or WORKLOADS:
        found["workloads"][key] = measure(key, device, arguments)
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()
    found["clocks_after"] = read_clocks()
    text = render(found, arguments)
    sys.stdout.write(text)
    if arguments.target is not None:
        arguments.target.write_text(text)
        arguments.target.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
    return 0


def measure(key: str, device: torch.device, arguments) -> dict:
    """Measure everything of one workload; its model is gone afterwards."""
    workload = WORKLOADS[key]
    begun_at = time.perf_counter()
    model = open_tiny(workload) if arguments.tiny else open_full(workload, device)
    pipeline = model.pipeline
    pipeline.set_progress_bar_config(disable=True)
    if workload.family is ModelFamily.SDXL:
        pipeline.scheduler = EulerAncestralDiscreteScheduler.from_config(pipeline.scheduler.config)
    opened_s = time.perf_counter() - begun_at
    flops = count_flops(workload, model)
    torch.compiler.reset()
    return {
        "opened_s": opened_s,
        "tera_flops": flops / 1e12,
        "limit_s": flops / product_ceiling(device, own_shapes(workload, model)),
        **compare(workload, model, arguments),
        "in_flight": in_flight(workload, model, arguments),
        "overtaking": overtaking(workload, model, arguments),
        "lora": switch_loras(workload, model, arguments),
    }


class Modes:
    """Runs one network as it is, compiled whole, or compiled by blocks."""

    def __init__(self, network, backend: str) -> None:
        self._network = network
        network.compile(backend=backend)
        self._whole = network._compiled_call_impl
        compile_blocks(network, backend=backend)
        self._blocks = {
            module: module._compiled_call_impl
            for module in network.modules()
            if type(module).__name__ in BLOCKS
        }

    def use(self, way: str) -> None:
        self._network._compiled_call_impl = self._whole if way == COMPILED else None
        for block, compiled in self._blocks.items():
            block._compiled_call_impl = compiled if way == OURS else None


def compare(workload, model: LoadedModel, arguments) -> dict:
    """Draw one picture after another, each way in turn and back; seconds by way."""
    modes = Modes(network_of(model), arguments.backend)
    side = open_family(workload.family, model).native_side
    device = model.device

    def theirs(seed: int) -> None:
        model.pipeline(
            f"{PROMPT} {seed}",
            width=side,
            height=side,
            num_inference_steps=workload.steps,
            guidance_scale=workload.guidance,
            generator=torch.Generator("cpu").manual_seed(seed),
        )

    eight_bits, missing = open_eight_bits(workload, model, arguments)
    renderers = {OURS: open_renderer(workload, model)}
    if eight_bits is not None:
        renderers[FP8] = open_renderer(workload, eight_bits)
    spent_s: dict[str, list[float]] = {}
    warm_s: dict[str, float] = {}
    ways = [EAGER, COMPILED, *renderers]
    for number in range(arguments.rounds + 1):
        for way in [*ways, *reversed(ways)] if number else ways:
            modes.use(way)
            if way in renderers:
                with running(renderers[way]) as engine:
                    order = an_order(workload, number)
                    took_s = timed(lambda: engine.submit(order, ignore).result(), device)  # noqa: B023 - called at once
            else:
                took_s = timed(partial(theirs, number), device)
            if number:
                spent_s.setdefault(way, []).append(took_s)
            else:
                warm_s[way] = took_s
    modes.use(OURS)
    return {"side": side, "spent_s": spent_s, "warm_s": warm_s, "fp8_missing": missing}


def open_eight_bits(workload, model: LoadedModel, arguments) -> tuple[LoadedModel | None, str]:
    """Return the same model with its network's weights and activations in fp8, or why not."""
    if model.device.type != "cuda":
        return None, "no GPU"
    if find_spec("torchao") is None:
        return None, "torchao is not installed"
    from torchao.quantization import (
        Float8DynamicActivationFloat8WeightConfig,
        PerRow,
        quantize_,
    )

    network = network_of(model)
    run_as_it_is_of(network)
    smaller = copy.deepcopy(network)
    quantize_(smaller, Float8DynamicActivationFloat8WeightConfig(granularity=PerRow()))
    compile_blocks(smaller, backend=arguments.backend)
    part = "unet" if hasattr(model.pipeline, "unet") else "transformer"
    pipeline = type(model.pipeline)(**{**model.pipeline.components, part: smaller})
    return (
        LoadedModel(
            pipeline=pipeline, defaults=model.defaults, device=model.device, dtype=model.dtype
        ),
        "",
    )


def run_as_it_is_of(network) -> None:
    """Have no compiled code on a network that is about to be copied."""
    for module in network.modules():
        module._compiled_call_impl = None


def count_flops(workload, model: LoadedModel) -> float:
    """Return the operations of all looks that one picture takes; decoding and words are besides."""
    renderer = open_renderer(workload, model)
    painting = renderer.begin(an_order(workload, 0, steps=2))
    with FlopCounterMode(display=False) as counter:
        renderer.step([painting])
    return float(counter.get_total_flops() * workload.steps)


def own_shapes(workload, model: LoadedModel) -> list[tuple[int, int, int]]:
    """Return rows, inner side and columns of the products that a look is mostly made of."""
    family = open_family(workload.family, model)
    rows = 1 if family.guides_itself or workload.guidance <= 1 else 2
    config = network_of(model).config
    if hasattr(model.pipeline, "unet"):
        width = config.block_out_channels[-1]
        shrink = 4 ** (len(config.block_out_channels) - 1)
    else:
        width, shrink = config.num_attention_heads * config.attention_head_dim, 1
    side = family.native_side
    tokens = rows * family.count_tokens(width=side, height=side) // shrink
    return [(tokens, width, width), (tokens, width, 4 * width), (tokens, 4 * width, width)]


def in_flight(workload, model: LoadedModel, arguments) -> dict[int, float]:
    """Return pictures a second, by how many jobs are drawn together; a few steps each."""
    steps = min(workload.steps, 8)
    pictures_per_s = {}
    with running(open_renderer(workload, model)) as engine:

        def draw(jobs: int) -> None:
            ended = [
                engine.submit(an_order(workload, seed, steps=steps), ignore) for seed in range(jobs)
            ]
            for one in ended:
                one.result()

        for jobs in AT_ONCE:
            draw(jobs)
            spent_s = min(
                timed(partial(draw, jobs), model.device) for _ in range(min(3, arguments.rounds))
            )
            pictures_per_s[jobs] = jobs / spent_s
    return pictures_per_s


def overtaking(workload, model: LoadedModel, arguments) -> dict[str, float]:
    """Have a turbo job come amid eight relax pictures; say when its first step is done."""
    waited_s, between = [], []
    steps = min(workload.steps, 6)
    with running(open_renderer(workload, model)) as engine:
        for _ in range(arguments.rounds + 1):
            relax_steps: list[float] = []
            came = threading.Event()
            first_at: list[float] = []
            asked_at: list[float] = []
            turbo = []

            def on_turbo(done: int, _steps: int, first_at=first_at) -> None:
                if done == 1 and not first_at:
                    first_at.append(time.perf_counter())

            def on_relax(
                done: int,
                _steps: int,
                relax_steps=relax_steps,
                asked_at=asked_at,
                turbo=turbo,
                came=came,
                on_turbo=on_turbo,
            ) -> None:
                if len(relax_steps) < done:
                    relax_steps.append(time.perf_counter())
                if done == 2 and not turbo:
                    asked_at.append(time.perf_counter())
                    order = an_order(workload, 900, tier=Tier.TURBO, steps=steps)
                    turbo.append(engine.submit(order, on_turbo))
                    came.set()

            relaxed = an_order(workload, 800, tier=Tier.RELAX, image_count=8, steps=steps)
            ended = engine.submit(relaxed, on_relax)
            came.wait()
            turbo[0].result()
            ended.result()
            waited_s.append(first_at[0] - asked_at[0])
            between.append(sum(asked_at[0] < at < first_at[0] for at in relax_steps))
    return {
        "first_step_s": statistics.median(waited_s[1:]),
        "relax_steps_before": max(between[1:]),
    }


if __name__ == "__main__":
    sys.exit(main())
