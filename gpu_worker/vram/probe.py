"""Recognises when the device or the host ran out of memory, and gives back what is cached."""

import gc

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
