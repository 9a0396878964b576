"""Compiles the blocks that a network repeats, each for itself; everything else runs as it is.

A block's code is compiled once for all of its kind: that takes a tenth of the time of compiling
the whole network, and gains nearly as much. The first shape that is seen gets code of its own; the
next makes its sizes variable, so that later ones need none.
"""

from collections.abc import Callable
from typing import Final, Literal, assert_never

import torch
from torch import nn
from torch._dynamo import config as dynamo
from torch._dynamo.utils import counters

from gpu_worker.family import LoadedModel

# Names of classes in diffusers: a UNet's, SD3's, Flux's.
BLOCKS: Final = frozenset(
    {
        "BasicTransformerBlock",
        "ResnetBlock2D",
        "JointTransformerBlock",
        "FluxTransformerBlock",
        "FluxSingleTransformerBlock",
    }
)
# A kind of block may have many variants: widths, bare or with LoRAs, one row or several, and sizes.
# Past the limit torch would run the rest uncompiled without a word.
MOST_VARIANTS: Final = 64

CompileChoice = Literal["auto", "none", "regional"]
# Of torch.compile, by name, or what makes a function of a traced graph.
Backend = str | Callable[..., object]


def is_compiled(choice: CompileChoice, device: torch.device) -> bool:
    """Tell whether a network on this device is to be compiled; `auto` compiles on CUDA."""
    match choice:
        case "auto":
            return device.type == "cuda"
        case "none":
            return False
        case "regional":
            return True
        case _:
            assert_never(choice)


def network_of(model: LoadedModel) -> nn.Module:
    """Return the network that is looked with at every step."""
    unet: nn.Module | None = getattr(model.pipeline, "unet", None)
    network: nn.Module = model.pipeline.transformer if unet is None else unet
    return network


def compile_blocks(network: nn.Module, *, backend: Backend = "inductor") -> int:
    """Have the repeated blocks be compiled when they are first used; return how many there are.

    Room for LoRAs must have been made before: a layer that gains some is compiled anew.
    """
    dynamo.recompile_limit = MOST_VARIANTS
    blocks = [module for module in network.modules() if type(module).__name__ in BLOCKS]
    for block in blocks:
        block.compile(backend=backend)
    return len(blocks)


def run_as_it_is(network: nn.Module) -> None:
    """Compile nothing of a network any more, and forget what was."""
    for module in network.modules():
        module._compiled_call_impl = None  # noqa: SLF001 - what `compile` sets; nothing undoes it
    torch.compiler.reset()


def fall_back_from_now_on() -> None:
    """Have what cannot be compiled later on run as it is, and fail no job; torch logs it."""
    dynamo.suppress_errors = True


def count_compilations() -> int:
    """Return how many graphs have been compiled in this process."""
    return int(counters["stats"]["unique_graphs"])
