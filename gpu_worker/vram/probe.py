"""Measures memory, recognises when it ran out, and gives back what is cached."""

import gc
import os
from dataclasses import dataclass
from pathlib import Path

import torch

# torch's CPU allocator raises a plain RuntimeError.
_CPU_ALLOCATOR = "DefaultCPUAllocator"


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an exception means that the device or the host ran out of memory."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and _CPU_ALLOCATOR in str(error)


def give_back_memory() -> None:
    """Collect dropped tensors and return cached blocks to the device."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@dataclass(frozen=True, kw_only=True)
class MeasuredMemory:
    """What a device says of its memory. A CPU keeps no account of tensors: those are zero."""

    total_bytes: int
    free_bytes: int
    allocated_bytes: int  # by tensors
    reserved_bytes: int  # by torch, tensors included

    @property
    def fragmented_bytes(self) -> int:
        """What torch has taken and no tensor uses: gaps between blocks, and blocks kept."""
        return self.reserved_bytes - self.allocated_bytes


def measure_memory(device: torch.device) -> MeasuredMemory:
    """Measure a device's memory; a CPU's is the host's."""
    if device.type == "cuda":
        free_bytes, total_bytes = torch.cuda.mem_get_info(device)
        return MeasuredMemory(
            total_bytes=total_bytes,
            free_bytes=free_bytes,
            allocated_bytes=torch.cuda.memory_allocated(device),
            reserved_bytes=torch.cuda.memory_reserved(device),
        )
    page_bytes = os.sysconf("SC_PAGE_SIZE")
    return MeasuredMemory(
        total_bytes=os.sysconf("SC_PHYS_PAGES") * page_bytes,
        free_bytes=_available_bytes() or os.sysconf("SC_AVPHYS_PAGES") * page_bytes,
        allocated_bytes=0,
        reserved_bytes=0,
    )


def _available_bytes() -> int:
    """Return what Linux could give without swapping; 0 where it does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    said = next((line.split()[1] for line in lines if line.startswith("MemAvailable:")), "0")
    return int(said) * 1024
