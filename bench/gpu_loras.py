"""What changing a LoRA costs a full-size network that is compiled: ours, and diffusers' own way."""

import statistics
import tempfile
from functools import partial
from pathlib import Path

import torch
from gpu_limits import timed
from gpu_parts import an_order, open_renderer
from safetensors.torch import save_file

from backend.contracts import LoraUse
from gpu_worker.compose.compiling import (
    compile_blocks,
    count_compilations,
    network_of,
    run_as_it_is,
)
from gpu_worker.compose.lora_names import parts_of
from gpu_worker.compose.wardrobe import Wardrobe
from gpu_worker.family import LoadedModel

SWITCHES = 100
RANK = 16


def switch_loras(workload, model: LoadedModel, arguments) -> dict[str, float]:
    """Return what changing a LoRA costs, ours and theirs, and how often anything was compiled."""
    network, part = network_of(model), "unet" if hasattr(model.pipeline, "unet") else "transformer"
    run_as_it_is(network)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        sizes = [write_lora(folder, name, model, part) for name in ("one", "two")]
        theirs_s = switch_theirs(model, folder, arguments)
        wardrobe = Wardrobe(model=model, family=workload.family, folder=folder, cached_bytes=2**34)
        wardrobe.prepare(("one", "two"))
        compile_blocks(network, backend=arguments.backend)
        renderer = open_renderer(workload, model)

        def look() -> None:
            renderer.step([renderer.begin(an_order(workload, 1, steps=2))])

        def wear(number: int) -> None:
            wardrobe.dress((LoraUse(name=("one", "two")[number % 2]),))

        look()
        wear(0)
        look()
        compiled = count_compilations()
        ready_s = []
        for number in range(1, SWITCHES + 1):
            ready_s.append(timed(partial(wear, number), model.device))
            if number % 10 == 0:
                look()
        recompiled = count_compilations() - compiled
        disk_s = []
        for number in range(4):
            wardrobe.forget()
            disk_s.append(timed(partial(wear, number), model.device))
    return {
        "bytes": max(sizes),
        "ready_s": statistics.median(ready_s),
        "ready_p95_s": statistics.quantiles(ready_s, n=20)[-1],
        "disk_s": statistics.median(disk_s),
        "theirs_s": theirs_s,
        "recompiled": recompiled,
    }


def switch_theirs(model: LoadedModel, folder: Path, arguments) -> float:
    """Return the seconds of diffusers' own load and unload."""
    spent_s = []
    for number in range(min(3, arguments.rounds) + 1):
        file = folder / f"{('one', 'two')[number % 2]}.safetensors"

        def change(file=file) -> None:
            model.pipeline.load_lora_weights(str(file.parent), weight_name=file.name)
            model.pipeline.unload_lora_weights()

        spent_s.append(timed(change, model.device))
    return statistics.median(spent_s[1:])


def write_lora(folder: Path, name: str, model: LoadedModel, part: str) -> int:
    """Write a LoRA for every projection of attention; return its bytes."""
    generator = torch.Generator().manual_seed(len(name))
    tensors = {}
    for layer, shape in parts_of(model.pipeline.components)[part].items():
        if ".attn" not in layer or shape.kernel:
            continue
        down = torch.randn(RANK, shape.inputs, generator=generator) / shape.inputs**0.5
        up = torch.randn(shape.outputs, RANK, generator=generator) * 0.01
        tensors[f"{part}.{layer}.lora_A.weight"] = down.to(model.dtype)
        tensors[f"{part}.{layer}.lora_B.weight"] = up.to(model.dtype)
    save_file(tensors, folder / f"{name}.safetensors")
    return sum(tensor.nbytes for tensor in tensors.values())
