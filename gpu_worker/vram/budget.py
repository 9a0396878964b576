"""How much memory there is to lend, and how much a piece of work will take; arithmetic, pure."""

from dataclasses import dataclass

_GIB = 2**30
_MIB = 2**20


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What of a device's memory may be lent."""

    device_bytes: int
    # Kept for the driver, the libraries' own workspaces, and the gaps between blocks.
    reserved_bytes: int

    @property
    def usable_bytes(self) -> int:
        """How much may be lent at most."""
        return max(0, self.device_bytes - self.reserved_bytes)


def in_words(size_bytes: int) -> str:
    """Say a number of bytes as people do: `512 MiB`, `1.5 GiB`."""
    if abs(size_bytes) < _GIB:
        return f"{size_bytes / _MIB:.0f} MiB"
    return f"{size_bytes / _GIB:.1f} GiB"
