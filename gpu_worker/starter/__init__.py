"""Small real models that draw on a CPU."""

from pathlib import Path


def build_tiny_sdxl(folder: Path, *, seed: int = 0) -> Path:
    """Write a diffusers SDXL folder with random weights, the same for the same seed; return it.

    Its pictures are noise, but every file, class and code path is a real checkpoint's.
    """
    from gpu_worker.starter.tiny_sdxl import build

    return build(folder, seed=seed)


def build_tiny_sd3(folder: Path, *, seed: int = 0) -> Path:
    """Write a diffusers SD3 folder, as `build_tiny_sdxl` writes one of SDXL."""
    from gpu_worker.starter.tiny_sd3 import build

    return build(folder, seed=seed)


def build_tiny_flux(folder: Path, *, seed: int = 0, is_distilled: bool = True) -> Path:
    """Write a diffusers Flux folder, as `build_tiny_sdxl` writes one of SDXL.

    A distilled one is told its guidance, as FLUX.1 [dev]; another is guided by two looks.
    """
    from gpu_worker.starter.tiny_flux import build

    return build(folder, seed=seed, is_distilled=is_distilled)
