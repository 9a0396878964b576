"""Loads a LoRA that has been judged by its header into the host's memory."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from safetensors import SafetensorError, safe_open

from gpu_worker.compose.lora_facts import LoraFacts, LoraPair
from gpu_worker.compose.lora_names import Target
from gpu_worker.state import AdapterBroken

# A pair down [rank, inputs, *kernel] and up [outputs, rank].
Pair = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class LoraWeights:
    """A LoRA in the host's memory, by part and layer; the file's own scaling is in `up`."""

    name: str
    parts: Mapping[str, Mapping[str, Pair]]
    trigger_words: tuple[str, ...] = ()  # as its maker said

    @property
    def size_bytes(self) -> int:
        """How much memory its tensors take."""
        pairs = (pair for layers in self.parts.values() for pair in layers.values())
        return sum(down.nbytes + up.nbytes for down, up in pairs)


def load_lora(facts: LoraFacts, *, dtype: torch.dtype, is_pinned: bool = False) -> LoraWeights:
    """Read a LoRA's tensors, pinned if they are to go to a GPU.

    Raises:
        AdapterBroken: the file has changed since its header was read, or cannot be read.

    """
    parts: dict[str, dict[str, Pair]] = {}
    try:
        with safe_open(facts.path, framework="pt") as file:
            for pair in facts.pairs:
                down = file.get_tensor(pair.down)
                up = file.get_tensor(pair.up).float().flatten(1)
                alpha = None if pair.alpha is None else float(file.get_tensor(pair.alpha))
                for target in pair.targets:
                    own = _cut(facts, pair, target, down=down, up=up, alpha=alpha)
                    parts.setdefault(target.part, {})[target.layer] = (
                        _settle(own[0], dtype, is_pinned=is_pinned),
                        _settle(own[1], dtype, is_pinned=is_pinned),
                    )
    except (SafetensorError, OSError, RuntimeError) as error:
        raise AdapterBroken(f"The LoRA {facts.name} cannot be read any more.") from error
    return LoraWeights(name=facts.name, parts=parts, trigger_words=facts.said_words)


def _cut(
    facts: LoraFacts,
    pair: LoraPair,
    target: Target,
    *,
    down: torch.Tensor,
    up: torch.Tensor,
    alpha: float | None,
) -> Pair:
    """Return what of a pair is for one layer, scaled as the file wants it."""
    if alpha is None:
        scaling = facts.training.scaling(target.part, target.layer, rank=pair.rank)
    else:
        scaling = alpha / pair.rank
    rows = up if target.rows is None else up[target.first_row : target.first_row + target.rows]
    shape = (pair.rank, target.shape.inputs, *target.shape.kernel)
    return down.reshape(shape), rows * scaling


def _settle(tensor: torch.Tensor, dtype: torch.dtype, *, is_pinned: bool) -> torch.Tensor:
    settled = tensor.to(dtype).contiguous()
    return settled.pin_memory() if is_pinned else settled
