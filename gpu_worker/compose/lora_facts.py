"""Judges a LoRA file by its header, before anything of it is loaded.

Only plain LoRAs in safetensors files: a pickle could run code. What a file was made for is read off
its tensors' names and shapes, never off its name or what its maker wrote.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backend.contracts import ModelFamily
from gpu_worker.compose.lora_base import guess_base
from gpu_worker.compose.lora_names import LayerNames, Role, Target, fits, split_name
from gpu_worker.compose.lora_notes import TrainingNotes, find_trigger_words, read_trigger_words
from gpu_worker.state import AdapterBroken, AdapterMissing, AdapterUnfit, ModelBroken
from gpu_worker.vram.weights import StoredTensor, WeightsHeader, read_header

# What other kinds of adapter have, and a plain LoRA has not.
_OTHER_KINDS = (
    ("hada_", "a LoHa"),
    ("lokr_", "a LoKr"),
    ("oft_", "an OFT"),
    ("dora_scale", "a DoRA"),
    ("magnitude_vector", "a DoRA"),
    ("lora_mid", "a LoCon with a core of its own"),
    (".diff", "a difference of whole weights"),
)
_MOST_RANK = 1024
_SHOWN = 80  # characters of a tensor's name


@dataclass(frozen=True, kw_only=True)
class LoraPair:
    """The two tensors of one layer, by their names in the file, and the layers they are for."""

    down: str
    up: str
    alpha: str | None
    rank: int
    targets: tuple[Target, ...]


@dataclass(frozen=True, kw_only=True)
class LoraFacts:
    """What a LoRA's header says, checked against the model it is to dress."""

    name: str
    path: Path
    pairs: tuple[LoraPair, ...]
    trigger_words: tuple[str, ...]  # said by its maker, or guessed
    said_words: tuple[str, ...]  # only what its maker said
    training: TrainingNotes
    numbers: int

    @property
    def rank(self) -> int:
        """Its largest rank."""
        return max(pair.rank for pair in self.pairs)

    def ranks(self) -> dict[str, dict[str, int]]:
        """Return the rank at each layer, by part."""
        found: dict[str, dict[str, int]] = {}
        for pair in self.pairs:
            for target in pair.targets:
                found.setdefault(target.part, {})[target.layer] = pair.rank
        return found


def read_facts(path: Path, *, name: str, family: ModelFamily, names: LayerNames) -> LoraFacts:
    """Judge a LoRA by its header, for a loaded model.

    Raises:
        AdapterMissing: there is no such file.
        AdapterBroken: it is a pickle, malformed, or no plain LoRA.
        AdapterUnfit: it was made for another model; the sentence says for which.

    """
    if path.suffix != ".safetensors":
        raise AdapterBroken(f"The LoRA {name} is no safetensors file; pickles are refused.")
    if not path.is_file():
        raise AdapterMissing(f"There is no LoRA named {name} here.")
    try:
        header = read_header(path)
    except ModelBroken as error:
        # Its words name folders of this host, and these go to members.
        raise AdapterBroken(f"The LoRA {name} is truncated, or no safetensors file.") from error
    training = TrainingNotes.read(header.notes)
    if training.is_dora:
        raise AdapterBroken(f"{name} is a DoRA; only plain LoRAs can be drawn with.")
    stems = _group(name, header)
    base = guess_base({stem: _tensors(roles, header) for stem, roles in stems.items()})
    if base is not None and family not in base.families:
        raise AdapterUnfit(
            f"The LoRA {name} was made for {base.in_words}, and this model is {family.upper()}."
        )
    return LoraFacts(
        name=name,
        path=path,
        pairs=tuple(_pair(name, stem, roles, header, names) for stem, roles in stems.items()),
        trigger_words=find_trigger_words(header.notes),
        said_words=read_trigger_words(header.notes),
        training=training,
        numbers=sum(tensor.numbers for tensor in header.tensors.values()),
    )


def _group(name: str, header: WeightsHeader) -> dict[str, dict[Role, str]]:
    """Return the names of the tensors by layer and role, or say what else the file is."""
    stems: dict[str, dict[Role, str]] = {}
    for tensor in header.tensors:
        other = next((kind for sign, kind in _OTHER_KINDS if sign in tensor), None)
        if other is not None:
            raise AdapterBroken(f"{name} is {other}; only plain LoRAs can be drawn with.")
        split = split_name(tensor)
        if split is None:
            raise AdapterBroken(f"{name} is no LoRA: it has a tensor {tensor[:_SHOWN]!r}.")
        stems.setdefault(split[0], {})[split[1]] = tensor
    if not stems:
        raise AdapterBroken(f"{name} is no LoRA: it holds no tensors.")
    return stems


def _tensors(roles: Mapping[Role, str], header: WeightsHeader) -> dict[Role, StoredTensor]:
    return {role: header.tensors[tensor] for role, tensor in roles.items()}


def _pair(
    name: str, stem: str, roles: Mapping[Role, str], header: WeightsHeader, names: LayerNames
) -> LoraPair:
    """Put a layer's tensors together, check that they are a pair, and find where they go."""
    if Role.DOWN not in roles or Role.UP not in roles:
        raise AdapterBroken(f"{name} is no whole LoRA: half of {stem[:_SHOWN]!r} is missing.")
    down, up = (header.tensors[roles[role]].shape for role in (Role.DOWN, Role.UP))
    is_pair = (
        len(down) in (2, 4)
        and len(up) in (2, 4)
        and 1 <= down[0] <= _MOST_RANK
        and up[1] == down[0]
        and math.prod(up[2:]) == 1
    )
    if not is_pair:
        raise AdapterBroken(f"{name} is broken: the tensors of {stem[:_SHOWN]!r} are no pair.")
    return LoraPair(
        down=roles[Role.DOWN],
        up=roles[Role.UP],
        alpha=roles.get(Role.ALPHA),
        rank=down[0],
        targets=_place(name, stem, down, up[0], names),
    )


def _place(
    name: str, stem: str, down: tuple[int, ...], outputs: int, names: LayerNames
) -> tuple[Target, ...]:
    """Find the layers that a pair is for, and check that it fits them."""
    targets = names.find(stem)
    if not targets:
        raise AdapterUnfit(
            f"The LoRA {name} was made for another model: this one has no {stem[:_SHOWN]!r}."
        )
    has_all_rows = sum(target.rows or 0 for target in targets) in (0, outputs)
    if has_all_rows and all(fits(target, down=down, outputs=outputs) for target in targets):
        return targets
    shape = targets[0].shape
    raise AdapterUnfit(
        f"The LoRA {name} was made for another model: its {stem[:_SHOWN]!r} leads from {down[1]} "
        f"to {outputs} channels, this model's from {shape.inputs} to {shape.outputs}."
    )
