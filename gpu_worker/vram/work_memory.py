"""Lends memory to the work itself: what a step or a decoding takes beside the weights."""

from contextlib import AbstractContextManager

from gpu_worker.vram.budget import (
    ActivationProfile,
    Workload,
    estimate_decoding,
    estimate_denoising,
    estimate_encoding,
    estimate_upscaling,
)
from gpu_worker.vram.manager import VramManager


class WorkMemory:
    """Estimates before anything runs, and holds that much while it does.

    Raises on entering what the manager does when there is no room.
    """

    def __init__(self, *, manager: VramManager, profile: ActivationProfile) -> None:
        self._manager = manager
        self._profile = profile

    def denoising(self, *, width: int, height: int, rows: int) -> AbstractContextManager[bool]:
        """Hold what one look of the network at so many rows takes; sides in pixels."""
        work = Workload(width=width, height=height, rows=rows)
        return self._manager.hold("a step", estimate_denoising(self._profile, work))

    def decoding(self, *, width: int, height: int) -> AbstractContextManager[bool]:
        """Hold what making one picture of latents takes; sides in pixels."""
        work = Workload(width=width, height=height)
        return self._manager.hold("decoding", estimate_decoding(self._profile, work))

    def encoding(self, *, width: int, height: int) -> AbstractContextManager[bool]:
        """Hold what making latents of one picture takes; sides in pixels."""
        work = Workload(width=width, height=height)
        return self._manager.hold("encoding", estimate_encoding(self._profile, work))

    def upscaling(
        self, *, width: int, height: int, scale: int, channels: int
    ) -> AbstractContextManager[bool]:
        """Hold what enlarging one picture takes; sides in pixels before."""
        size_bytes = estimate_upscaling(width=width, height=height, scale=scale, channels=channels)
        return self._manager.hold("upscaling", size_bytes)
