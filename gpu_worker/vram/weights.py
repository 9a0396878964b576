"""Reads what a safetensors file holds from its header alone: names, types, shapes, notes, bytes.

Nothing of a tensor is read, so a file can be judged, and its room found, before it is loaded.
"""

import json
import math
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gpu_worker.state import ModelBroken

_HEADER_LIMIT_BYTES = 100_000_000  # the format's own
_NOTES = "__metadata__"
# Types of later versions of the format are taken at the size that the file gives them.
_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1}
_BYTES_OF_OTHERS = {"I64": 8, "U64": 8, "I32": 4, "U32": 4, "I16": 2, "U16": 2, "I8": 1, "U8": 1}
_KNOWN = _BYTES | _BYTES_OF_OTHERS | {"BOOL": 1}


@dataclass(frozen=True, kw_only=True)
class StoredTensor:
    """What a header says of one tensor."""

    kind: str  # as the format names it: F32, F16, BF16, I64 …
    shape: tuple[int, ...]
    stored_bytes: int

    @property
    def numbers(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    def bytes_as(self, floating_bytes: int) -> int:
        """Return the bytes it takes once its numbers, if they are fractions, have that width."""
        return self.numbers * floating_bytes if self.kind in _BYTES else self.stored_bytes


@dataclass(frozen=True, kw_only=True)
class WeightsHeader:
    """What a safetensors file holds."""

    tensors: Mapping[str, StoredTensor]
    notes: Mapping[str, str]  # what its maker wrote beside the tensors

    def bytes_as(self, floating_bytes: int) -> int:
        """Return the bytes of all its tensors once loaded at that many bytes a number."""
        return sum(tensor.bytes_as(floating_bytes) for tensor in self.tensors.values())


def read_header(path: Path) -> WeightsHeader:
    """Read a safetensors file's header, and compare it with the size of the file.

    Raises:
        ModelBroken: the header is malformed, or the file shorter or longer than it says.

    """
    entries, data_bytes = _read_entries(path)
    try:
        notes = entries.pop(_NOTES, {})
        tensors = {name: _read_tensor(entry) for name, entry in entries.items()}
        ends = [int(entry["data_offsets"][1]) for entry in entries.values()]
        header = WeightsHeader(
            tensors=tensors, notes={str(key): str(value) for key, value in notes.items()}
        )
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise ModelBroken(f"{path} has a malformed safetensors header.") from error
    expected = max(ends, default=0)
    if data_bytes != expected:
        word = "truncated" if data_bytes < expected else "malformed"
        raise ModelBroken(f"{path} is {word}: {data_bytes} bytes where {expected} belong.")
    return header


def weigh_folder(folder: Path, *, floating_bytes: int) -> dict[str, int]:
    """Return the bytes that each part of a diffusers folder takes once loaded.

    Raises:
        ModelBroken: a file cannot be read.

    """
    parts = (part for part in sorted(folder.iterdir()) if part.is_dir())
    weighed = {
        part.name: weigh_files(part.glob("*.safetensors"), floating_bytes=floating_bytes)
        for part in parts
    }
    return {name: size for name, size in weighed.items() if size}


def weigh_files(paths: Iterable[Path], *, floating_bytes: int) -> int:
    """Return the bytes that files take together once loaded.

    Raises:
        ModelBroken: one cannot be read.

    """
    return sum(read_header(path).bytes_as(floating_bytes) for path in paths)


def _read_entries(path: Path) -> tuple[dict[str, dict[str, list[int]]], int]:
    """Return the header's entries, and how many bytes of tensors follow it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < 8:
            raise ModelBroken(f"{path} is truncated: {size} bytes are no safetensors file.")
        (header_bytes,) = struct.unpack("<Q", start)
        if header_bytes > min(_HEADER_LIMIT_BYTES, size - 8):
            raise ModelBroken(f"{path} is truncated or no safetensors file: its header is cut.")
        raw = file.read(header_bytes)
    try:
        entries = json.loads(raw)
    except ValueError as error:
        raise ModelBroken(f"{path} has a malformed safetensors header.") from error
    if not isinstance(entries, dict):
        raise ModelBroken(f"{path} has a malformed safetensors header.")
    return entries, size - 8 - header_bytes


def _read_tensor(entry: Mapping[str, object]) -> StoredTensor:
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not (isinstance(kind, str) and isinstance(shape, list) and isinstance(offsets, list)):
        raise TypeError("an entry is a type, a shape and two offsets")
    begin, end = (int(offset) for offset in offsets)
    sizes = tuple(int(size) for size in shape)
    if min(sizes, default=0) < 0 or begin < 0 or end < begin:
        raise ValueError("negative sizes")
    if kind in _KNOWN and end - begin != math.prod(sizes) * _KNOWN[kind]:
        raise ValueError("a tensor's bytes do not match its shape")
    return StoredTensor(kind=kind, shape=sizes, stored_bytes=end - begin)
