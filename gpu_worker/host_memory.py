"""Keeps a worker's memory on the host from growing by fragments: settles glibc's allocator."""

import ctypes
import os

MIB = 2**20
# See mallopt(3). Left to itself, glibc raises the size from which a block is its own mapping up to
# 32 MiB, and gives each thread an arena: pictures of many sizes leave holes in all of them.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_ENVIRONMENT = "MALLOC_"


def settle_allocator() -> bool:
    """Bound arenas and holes of this process; return whether it could be done.

    Leaves alone what the operator has chosen (`MALLOC_…` in the environment), and other systems'
    allocators. To be called before threads begin.
    """
    if any(name.startswith(_ENVIRONMENT) for name in os.environ):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    chosen = {_M_ARENA_MAX: 2, _M_MMAP_THRESHOLD: 4 * MIB, _M_TRIM_THRESHOLD: 16 * MIB}
    return all(mallopt(ctypes.c_int(name), ctypes.c_int(size)) for name, size in chosen.items())


def give_back_pages() -> None:
    """Return free pages between and behind blocks to the system: a millisecond; glibc only."""
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(ctypes.c_size_t(0))
