"""Lets the layers of a network wear LoRAs, in place: the weights themselves are never touched.

A layer that may be adapted gets room for one pair down and up of a fixed rank. Several LoRAs lie
side by side in it along the rank, their scales in `up`; what is not used is zero. Changing them
copies numbers into tensors that stay where they are, so a compiled network is not compiled again.
A network that wears nothing skips the pairs altogether, and draws to the bit what it drew before.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional

from gpu_worker.compose.lora import Pair

_SMALLEST_ROOM = 4


@dataclass(frozen=True, kw_only=True)
class Worn:
    """A LoRA's pairs for one network, and how strongly they count."""

    pairs: Mapping[str, Pair]  # by layer
    scale: float


class _Adapted:
    """What a layer's class gains while it has room for LoRAs."""

    lora_down: torch.Tensor
    lora_up: torch.Tensor
    is_adapted: bool


class _AdaptedLinear(_Adapted):
    def forward(self, values: torch.Tensor) -> torch.Tensor:
        plain: torch.Tensor = super().forward(values)  # type: ignore[misc]  # nn.Linear's, mixed in
        if not self.is_adapted:
            return plain
        narrow = functional.linear(values.to(self.lora_down.dtype), self.lora_down)
        return plain + torch.matmul(narrow, self.lora_up).to(plain.dtype)


class _AdaptedConvolution(_Adapted):
    _conv_forward: Callable[[torch.Tensor, torch.Tensor, None], torch.Tensor]

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        plain: torch.Tensor = super().forward(values)  # type: ignore[misc]  # nn.Conv2d's, mixed in
        if not self.is_adapted:
            return plain
        # As the layer itself does it, edges that meet and all.
        narrow = self._conv_forward(values.to(self.lora_down.dtype), self.lora_down, None)
        wide = functional.conv2d(narrow, self.lora_up.t()[:, :, None, None])
        return plain + wide.to(plain.dtype)


_ADAPTED: dict[type[nn.Module], type[nn.Module]] = {}


def _adapted_class(kind: type[nn.Module]) -> type[nn.Module]:
    """Return a layer's own class with room for LoRAs; whatever else it does stays as it is."""
    if kind not in _ADAPTED:
        mixed_in = _AdaptedConvolution if issubclass(kind, nn.Conv2d) else _AdaptedLinear
        _ADAPTED[kind] = type(f"Adapted{kind.__name__}", (mixed_in, kind), {"plain_class": kind})
    return _ADAPTED[kind]


class AdaptedNetwork:
    """A network whose layers can wear LoRAs. Used by one thread."""

    def __init__(self, network: nn.Module, *, dtype: torch.dtype) -> None:
        self._network = network
        self._dtype = dtype
        self._layers: dict[str, nn.Module] = {}
        self.is_dressed = False
        # How often room was made or grew, after which a compiled network is compiled again.
        self.rebuilds = 0

    @property
    def room_bytes(self) -> int:
        """How much memory the room for LoRAs takes."""
        return sum(tensor.nbytes for layer in self._slots() for tensor in _room(layer))

    def make_room(self, ranks: Mapping[str, int]) -> bool:
        """Have room for so high a rank at each of these layers; tell whether anything changed.

        Room is rounded up to a power of two, and never given up before `strip`.
        """
        wanted = {path: rank for path, rank in ranks.items() if rank > self._room_at(path)}
        with torch.inference_mode(mode=False), torch.no_grad():
            for path, rank in wanted.items():
                self._widen(path, max(_SMALLEST_ROOM, 1 << (rank - 1).bit_length()))
        self.rebuilds += bool(wanted)
        return bool(wanted)

    def wear(self, adapters: Sequence[Worn]) -> None:
        """Wear these LoRAs, and nothing else; nothing at all takes off what is worn.

        A layer's `up` is what was trained times the scale, so each of them counts by its own.
        """
        adapters = [worn for worn in adapters if worn.scale and worn.pairs]
        ranks: dict[str, int] = {}
        for worn in adapters:
            for path, (down, _) in worn.pairs.items():
                ranks[path] = ranks.get(path, 0) + down.shape[0]
        self.make_room(ranks)
        if adapters:
            with torch.inference_mode(mode=False), torch.no_grad():
                self._copy(adapters)
        self._set_dressed(is_dressed=bool(adapters))

    def take_off(self) -> None:
        """Wear nothing; the room stays."""
        self._set_dressed(is_dressed=False)

    def strip(self) -> None:
        """Wear nothing, and give the room back: every layer is as it was loaded."""
        for layer in self._layers.values():
            layer.__class__ = cast(Any, layer).plain_class
            for name in ("lora_down", "lora_up", "is_adapted"):
                delattr(layer, name)
        self._layers.clear()
        self.is_dressed = False

    def _copy(self, adapters: Sequence[Worn]) -> None:
        rooms = [tensor for layer in self._slots() for tensor in _room(layer)]
        torch._foreach_zero_(rooms)
        places: list[torch.Tensor] = []
        values: list[torch.Tensor] = []
        ups: list[torch.Tensor] = []
        scales: list[float] = []
        used: dict[str, int] = {}
        for worn in adapters:
            for path, (down, up) in worn.pairs.items():
                down_room, up_room = _room(self._layers[path])
                first = used.get(path, 0)
                used[path] = last = first + down.shape[0]
                places += [down_room[first:last], up_room[first:last]]
                values += [down, up.t()]
                ups.append(up_room[first:last])
                scales.append(worn.scale)
        for place, value in zip(places, values, strict=True):
            place.copy_(value, non_blocking=True)
        torch._foreach_mul_(ups, scales)

    def _set_dressed(self, *, is_dressed: bool) -> None:
        if is_dressed == self.is_dressed:
            return
        for layer in self._layers.values():
            cast(_Adapted, layer).is_adapted = is_dressed
        self.is_dressed = is_dressed

    def _widen(self, path: str, rank: int) -> None:
        layer = self._network.get_submodule(path)
        weight = cast(torch.Tensor, layer.weight)
        if path not in self._layers:
            layer.__class__ = _adapted_class(type(layer))
            cast(_Adapted, layer).is_adapted = self.is_dressed
        if isinstance(layer, nn.Conv2d):
            down: tuple[int, ...] = (rank, layer.in_channels, *layer.kernel_size)
            outputs = layer.out_channels
        else:
            linear = cast(nn.Linear, layer)
            down, outputs = (rank, linear.in_features), linear.out_features
        for name, shape in (("lora_down", down), ("lora_up", (rank, outputs))):
            room = torch.zeros(shape, dtype=self._dtype, device=weight.device)
            layer.register_buffer(name, room, persistent=False)
        self._layers[path] = layer

    def _room_at(self, path: str) -> int:
        layer = self._layers.get(path)
        return _room(layer)[0].shape[0] if layer is not None else 0

    def _slots(self) -> Iterator[nn.Module]:
        return iter(self._layers.values())


def _room(layer: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    adapted = cast(_Adapted, layer)
    return adapted.lora_down, adapted.lora_up
