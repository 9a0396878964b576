"""How much memory there is to lend, and how much a piece of work will take; arithmetic, pure.

Work is counted in cells: what the network looks at, a latent of a UNet or a token of a transformer.
The factors below are peaks of live tensors, counted over forward passes of the full architectures
at 512 and 1024 pixels and 1 to 8 rows, which grow in proportion to both; rounded up for the
libraries' workspaces.
"""

from dataclasses import dataclass

_GIB = 2**30
_MIB = 2**20

# Numbers alive at the peak, for each cell and channel of the widest level: 15.8 were counted in
# SDXL's UNet, 12.5 in SD3's transformer, 15.8 in Flux's.
_PER_CELL_AND_CHANNEL = 18
# For each pixel and channel of the VAE's finest level: 6.0 in decoding, 5.0 in encoding.
_DECODING_PER_PIXEL_AND_CHANNEL = 7
_ENCODING_PER_PIXEL_AND_CHANNEL = 6
_COLOURS = 3
_SMALLEST_BYTES = _MIB


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


@dataclass(frozen=True, kw_only=True)
class ActivationProfile:
    """What of a model decides how much memory its work takes."""

    network_width: int  # channels of a UNet's finest level, or of a transformer
    pixels_per_cell: int  # on a side
    text_cells: int  # that stand beside the picture's, in a transformer; a UNet has none
    vae_width: int  # channels of its finest level
    network_bytes: int = 2  # for each number
    vae_bytes: int = 2


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What is to be done at once."""

    width: int  # pixels
    height: int  # pixels
    rows: int = 1  # pictures, counted twice where each is looked at twice for guidance


def estimate_denoising(profile: ActivationProfile, work: Workload) -> int:
    """Return the bytes that one look of the network at a batch takes, beside its weights."""
    cells = (work.width // profile.pixels_per_cell) * (work.height // profile.pixels_per_cell)
    cells += profile.text_cells
    numbers = work.rows * cells * profile.network_width * _PER_CELL_AND_CHANNEL
    return max(_SMALLEST_BYTES, numbers * profile.network_bytes)


def estimate_decoding(profile: ActivationProfile, work: Workload) -> int:
    """Return the bytes that making pictures of latents takes, `rows` at once."""
    return _estimate_vae(profile, work, _DECODING_PER_PIXEL_AND_CHANNEL)


def estimate_encoding(profile: ActivationProfile, work: Workload) -> int:
    """Return the bytes that making latents of pictures takes, `rows` at once."""
    return _estimate_vae(profile, work, _ENCODING_PER_PIXEL_AND_CHANNEL)


def estimate_upscaling(*, width: int, height: int, scale: int, channels: int) -> int:
    """Return the bytes that enlarging a picture of this size takes, in float32."""
    # Two layers' outputs, then the large picture twice.
    numbers = width * height * (2 * channels + 2 * _COLOURS * scale**2)
    return max(_SMALLEST_BYTES, 4 * numbers)


def most_rows(profile: ActivationProfile, work: Workload, *, free_bytes: int) -> int:
    """Return how many rows of this size fit into so many bytes at once; 0 if not even one."""
    one = Workload(width=work.width, height=work.height, rows=1)
    return max(0, free_bytes) // estimate_denoising(profile, one)


def in_words(size_bytes: int) -> str:
    """Say a number of bytes as people do: `512 MiB`, `1.5 GiB`."""
    if abs(size_bytes) < _GIB:
        return f"{size_bytes / _MIB:.0f} MiB"
    return f"{size_bytes / _GIB:.1f} GiB"


def _estimate_vae(profile: ActivationProfile, work: Workload, factor: int) -> int:
    numbers = work.rows * work.width * work.height * profile.vae_width * factor
    return max(_SMALLEST_BYTES, numbers * profile.vae_bytes)
