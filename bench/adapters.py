"""What changing a LoRA costs: in place, by peft's hot-swap, by load and unload, by fuse and unfuse.

On the small SDXL that ships and its two styles, all read into memory beforehand, alternating. After
each way has run, the bare network is compared with what it drew before anybody came. Compilations
are counted by dynamo with a backend that compiles nothing, so they are exact and quick.
"""

import argparse
import copy
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from diffusers import StableDiffusionXLPipeline
from diffusers.utils import logging as diffusers_logging
from safetensors.torch import load_file
from torch._dynamo import testing as dynamo_testing

from backend.contracts import ModelFamily
from gpu_worker.compose.adapters import AdaptedNetwork, Worn
from gpu_worker.compose.lora import load_lora
from gpu_worker.compose.lora_facts import read_facts
from gpu_worker.compose.lora_names import LayerNames, parts_of

MODELS = Path(__file__).parents[1] / "gpu_worker/starter/models"
STYLES = ("pixel-art", "line-drawing")
TABLE = Path(__file__).with_suffix(".md")
ADAPTER = "worn"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--switches", type=int, default=100)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    diffusers_logging.set_verbosity_error()
    diffusers_logging.disable_progress_bar()
    torch.set_num_threads(1)
    base = StableDiffusionXLPipeline.from_pretrained(
        MODELS / "sdxl", dtype=torch.float32, local_files_only=True, add_watermarker=False
    )
    bare = look(base.unet)
    rows = []
    for name, open_way in WAYS.items():
        pipeline = copy.deepcopy(base)
        switch, take_off = open_way(pipeline)
        spent_ms = measure(switch, rounds=arguments.rounds)
        take_off()
        residue = float((look(pipeline.unet) - bare).abs().max())
        rows.append((name, spent_ms, residue, compilations(base, open_way, name, arguments)))
    text = render(rows, arguments)
    sys.stdout.write(text)
    TABLE.write_text(text)
    return 0


Way = tuple[Callable[[int], None], Callable[[], None]]


def open_in_place(pipeline) -> Way:
    names = LayerNames(parts_of(pipeline.components), layers_per_block=1)
    loras = []
    for style in STYLES:
        facts = read_facts(path_of(style), name=style, family=ModelFamily.SDXL, names=names)
        loras.append(load_lora(facts, dtype=torch.float32))
    network = AdaptedNetwork(pipeline.unet, dtype=torch.float32)

    def switch(number: int) -> None:
        network.wear([Worn(pairs=loras[number % 2].parts["unet"], scale=1.0)])

    return switch, network.take_off


def open_hotswap(pipeline) -> Way:
    states = read_states()
    pipeline.enable_lora_hotswap(target_rank=8)
    pipeline.load_lora_weights(dict(states[0]), adapter_name=ADAPTER)

    def switch(number: int) -> None:
        pipeline.load_lora_weights(dict(states[number % 2]), adapter_name=ADAPTER, hotswap=True)

    return switch, pipeline.unload_lora_weights


def open_load_unload(pipeline) -> Way:
    states = read_states()

    def switch(number: int) -> None:
        pipeline.unload_lora_weights()
        pipeline.load_lora_weights(dict(states[number % 2]), adapter_name=ADAPTER)

    return switch, pipeline.unload_lora_weights


def open_fuse(pipeline) -> Way:
    for style, state in zip(STYLES, read_states(), strict=True):
        pipeline.load_lora_weights(dict(state), adapter_name=style)
    fused: list[str] = []

    def switch(number: int) -> None:
        if fused:
            pipeline.unfuse_lora(components=["unet"])
        fused[:] = [STYLES[number % 2]]
        pipeline.set_adapters(fused)
        pipeline.fuse_lora(components=["unet"], adapter_names=fused)

    def take_off() -> None:
        pipeline.unfuse_lora(components=["unet"])
        pipeline.unload_lora_weights()

    return switch, take_off


WAYS: dict[str, Callable[..., Way]] = {
    "in place (ours)": open_in_place,
    "peft's hot-swap": open_hotswap,
    "load, unload": open_load_unload,
    "fuse, unfuse": open_fuse,
}
# Each of their switches compiles anew, which takes its time.
FEW_SWITCHES = {"load, unload": 3}


def compilations(base, open_way, name: str, arguments) -> str:
    """Count what dynamo compiles in so many switches, after one look bare and one dressed."""
    if name == "fuse, unfuse":
        return "not counted: the weights themselves change"
    switches = FEW_SWITCHES.get(name, arguments.switches)
    torch.compiler.reset()
    counter = dynamo_testing.CompileCounter()
    pipeline = copy.deepcopy(base)
    switch, _ = open_way(pipeline)
    pipeline.unet.compile(backend=counter, dynamic=False)
    look(pipeline.unet)
    switch(0)
    look(pipeline.unet)
    before = counter.frame_count
    for number in range(1, switches + 1):
        switch(number)
        # A look after every tenth is enough: a guard that fails once stays failed.
        if switches < 10 or number % 10 == 0:
            look(pipeline.unet)
    torch.compiler.reset()
    return f"{counter.frame_count - before} in {switches}"


def measure(switch: Callable[[int], None], *, rounds: int) -> list[float]:
    switch(0)
    spent_ms = []
    for number in range(1, rounds + 1):
        begun_at = time.perf_counter()
        switch(number)
        spent_ms.append((time.perf_counter() - begun_at) * 1000)
    return spent_ms


def look(unet) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        return unet(
            torch.randn(1, 4, 16, 16, generator=generator),
            torch.tensor([500.0]),
            encoder_hidden_states=torch.randn(1, 77, 256, generator=generator),
            added_cond_kwargs={
                "text_embeds": torch.randn(1, 128, generator=generator),
                "time_ids": torch.zeros(1, 6),
            },
            return_dict=False,
        )[0].clone()


def read_states() -> list[dict[str, torch.Tensor]]:
    return [load_file(path_of(style)) for style in STYLES]


def path_of(style: str) -> Path:
    return MODELS / f"lora-{style}" / "pytorch_lora_weights.safetensors"


def render(rows: Sequence[tuple[str, list[float], float, str]], arguments) -> str:
    lines = [
        "# What changing a LoRA costs",
        "",
        f"`python bench/adapters.py --rounds {arguments.rounds} --switches {arguments.switches}`:",
        "the small SDXL that ships (80 adapted layers, rank 8, 1 MB) on one CPU thread, LoRAs in",
        "memory. Medians (least-most). *Left behind*: largest difference of the bare network's",
        "output afterwards. Limit: the bytes over the bandwidth, far below a millisecond here; the",
        "rest is the number of small copies.",
        "",
        "| way | ms a switch | left behind | compilations in switches |",
        "|---|---|---|---|",
    ]
    for name, spent_ms, residue, compiled in rows:
        middle = statistics.median(spent_ms)
        lines.append(
            f"| {name} | {middle:.1f} ({min(spent_ms):.1f}-{max(spent_ms):.1f}) "
            f"| {f'{residue:.1e}' if residue else 'nothing, to the bit'} | {compiled} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
