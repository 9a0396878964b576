"""Small real models that draw on a CPU."""

from pathlib import Path


def build_tiny_sdxl(folder: Path, *, seed: int = 0) -> Path:
    """Write a diffusers SDXL folder with random weights, the same for the same seed; return it.

    Its pictures are noise, but every file, class and code path is a real checkpoint's.
    """
    from gpu_worker.starter.tiny_sdxl import build

    return build(folder, seed=seed)
