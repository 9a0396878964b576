"""Pictures that the starter's autoencoder draws, plainly and signed, enlarged as they leave."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy
import torch
from diffusers import AutoencoderKL
from PIL import Image

import gpu_worker
from gpu_worker.compose.signing import sign
from gpu_worker.render.decode import to_pictures
from gpu_worker.render.upscale import Upscaler, open_upscaler
from safety.provenance.signature import DECODER_FILE

MODELS = Path(gpu_worker.__file__).parent / "starter" / "models"
SIGNATURE = MODELS / "signature"
_DRAWN_PX = 128


@dataclass(frozen=True, kw_only=True)
class Easel:
    """Both decoders, and what enlarges."""

    plain: AutoencoderKL
    signed: AutoencoderKL
    upscaler: Upscaler

    def draw(self, scene: Image.Image, *, signed: bool) -> Image.Image:
        """Return a scene drawn over again from its latents, four times 128 px a side."""
        small = scene.convert("RGB").resize((_DRAWN_PX, _DRAWN_PX), Image.Resampling.BOX)
        pixels = torch.from_numpy(numpy.array(small)).permute(2, 0, 1)[None].float() / 127.5 - 1
        decoder = self.signed if signed else self.plain
        with torch.inference_mode():
            latents = self.plain.encode(pixels).latent_dist.mode()
            drawn = to_pictures(decoder.decode(latents).sample)
        return self.upscaler.enlarge(drawn)[0]


@cache
def open_easel() -> Easel:
    """Open the committed models, once."""
    plain, signed = (
        AutoencoderKL.from_pretrained(MODELS / "sdxl" / "vae", torch_dtype=torch.float32).eval()
        for _ in range(2)
    )
    sign(signed, SIGNATURE / DECODER_FILE)
    upscaler = open_upscaler(
        MODELS / "upscaler" / "x4.safetensors", scale=4, device=torch.device("cpu")
    )
    return Easel(plain=plain, signed=signed, upscaler=upscaler)
