"""The allocator is settled where it can be, and the operator's choice stands."""

import platform
import subprocess
import sys

import pytest

from gpu_worker.host_memory import settle_allocator

# Each thread keeps a block in an arena of its own, if it gets one.
_HEAPS_OF_EIGHT_THREADS = """
import ctypes, sys, threading
from gpu_worker.host_memory import settle_allocator
if sys.argv[1] == "settled":
    assert settle_allocator()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
found, together = [], threading.Barrier(8)
def take():
    together.wait()
    found.append(libc.malloc(5000) >> 26)  # heaps of arenas are aligned to 64 MiB
    together.wait()
threads = [threading.Thread(target=take) for _ in range(8)]
[one.start() for one in threads]
[one.join() for one in threads]
print(len(set(found)))
"""


def heaps(manner: str) -> int:
    command = [sys.executable, "-c", _HEAPS_OF_EIGHT_THREADS, manner]
    done = subprocess.run(  # noqa: S603 our own words
        command, capture_output=True, check=True, timeout=60, text=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="settles glibc's allocator")
def test_threads_share_two_arenas_instead_of_one_each(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    assert heaps("settled") <= 2 < heaps("as it was")


def test_what_the_operator_chose_stands(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MALLOC_ARENA_MAX", "4")
    assert not settle_allocator()
