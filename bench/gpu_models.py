"""Full-size models with random weights, made on the device out of their published shapes.

Nothing is downloaded: tokenizers and schedulers are those of the small models that ship, whose
words are few but whose texts are as long. Speed is honest for work that does not depend on what the
weights say; pictures are noise.
"""

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    FluxPipeline,
    FluxTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    T5Config,
    T5EncoderModel,
)

from backend.contracts import ModelFamily, Sampler
from backend.models.starters import starter_model
from gpu_worker.compose.composer import load_model
from gpu_worker.family import LoadedModel, ModelDefaults
from gpu_worker.starter import build_tiny_flux, build_tiny_sd3, build_tiny_sdxl


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What one row of the table draws; `aim_s` are the seconds to reach in bf16 and in fp8."""

    name: str
    family: ModelFamily
    steps: int
    guidance: float
    sampler: Sampler
    is_distilled: bool = False
    aim_s: tuple[float | None, float | None] = (None, None)


WORKLOADS = {
    "sdxl": Workload(
        name="SDXL, 30 steps, guided",
        family=ModelFamily.SDXL,
        steps=30,
        guidance=5.0,
        sampler=Sampler.EULER_A,
        aim_s=(1.0, 0.8),
    ),
    "flux-dev": Workload(
        name="FLUX.1 [dev], 28 steps",
        family=ModelFamily.FLUX,
        steps=28,
        guidance=3.5,
        sampler=Sampler.FLOW_EULER,
        is_distilled=True,
        aim_s=(3.4, 2.4),
    ),
    "flux-schnell": Workload(
        name="FLUX.1 [schnell], 4 steps",
        family=ModelFamily.FLUX,
        steps=4,
        guidance=1.0,
        sampler=Sampler.FLOW_EULER,
        aim_s=(0.5, 0.4),
    ),
    "sd3": Workload(
        name="SD3 medium, 28 steps, guided",
        family=ModelFamily.SD3,
        steps=28,
        guidance=4.5,
        sampler=Sampler.FLOW_EULER,
        aim_s=(0.95, None),
    ),
}


def open_tiny(workload: Workload) -> LoadedModel:
    """Return a model of a few hundred thousand weights in float32 on the CPU."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        match workload.family:
            case ModelFamily.SDXL:
                build_tiny_sdxl(folder)
            case ModelFamily.SD3:
                build_tiny_sd3(folder)
            case ModelFamily.FLUX:
                build_tiny_flux(folder, is_distilled=workload.is_distilled)
        return load_model(workload.family, str(folder), device="cpu", dtype="float32")


def open_full(workload: Workload, device: torch.device) -> LoadedModel:
    """Return a model of the published size in bfloat16, made where it is to run."""
    small = load_model(
        workload.family, str(starter_model(workload.family)), device="cpu", dtype="float32"
    ).pipeline
    with _made_on(device, torch.bfloat16):
        match workload.family:
            case ModelFamily.SDXL:
                pipeline = _sdxl(small)
            case ModelFamily.SD3:
                pipeline = _sd3(small)
            case ModelFamily.FLUX:
                pipeline = _flux(small, is_distilled=workload.is_distilled)
    for part in pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            part.eval().requires_grad_(requires_grad=False)
    defaults = ModelDefaults(
        steps=workload.steps, guidance=workload.guidance, sampler=workload.sampler
    )
    return LoadedModel(
        pipeline=pipeline.to(device), defaults=defaults, device=device, dtype=torch.bfloat16
    )


@contextmanager
def _made_on(device: torch.device, dtype: torch.dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    torch.manual_seed(0)
    try:
        with torch.device(device):
            yield
    finally:
        torch.set_default_dtype(before)


def _sdxl(small) -> StableDiffusionXLPipeline:
    unet = UNet2DConditionModel(
        sample_size=128,
        in_channels=4,
        out_channels=4,
        block_out_channels=(320, 640, 1280),
        layers_per_block=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(5, 10, 20),
        transformer_layers_per_block=(1, 2, 10),
        use_linear_projection=True,
        cross_attention_dim=2048,
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=2816,
    )
    return StableDiffusionXLPipeline(
        vae=_vae(channels=4, scale=0.13025, shift=None),
        text_encoder=CLIPTextModel(_clip_l(small.tokenizer)),
        text_encoder_2=CLIPTextModelWithProjection(_clip_g(small.tokenizer_2)),
        tokenizer=_as_long(small.tokenizer, 77),
        tokenizer_2=_as_long(small.tokenizer_2, 77),
        unet=unet,
        scheduler=small.scheduler,
        add_watermarker=False,
    )


def _sd3(small) -> StableDiffusion3Pipeline:
    transformer = SD3Transformer2DModel(
        sample_size=128,
        patch_size=2,
        in_channels=16,
        out_channels=16,
        num_layers=24,
        attention_head_dim=64,
        num_attention_heads=24,
        joint_attention_dim=4096,
        caption_projection_dim=1536,
        pooled_projection_dim=2048,
        pos_embed_max_size=192,
    )
    return StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=small.scheduler,
        vae=_vae(channels=16, scale=1.5305, shift=0.0609),
        text_encoder=CLIPTextModelWithProjection(_clip_l(small.tokenizer)),
        tokenizer=_as_long(small.tokenizer, 77),
        text_encoder_2=CLIPTextModelWithProjection(_clip_g(small.tokenizer_2)),
        tokenizer_2=_as_long(small.tokenizer_2, 77),
        text_encoder_3=_t5_xxl(),
        tokenizer_3=_as_long(small.tokenizer_3, 512),
    )


def _flux(small, *, is_distilled: bool) -> FluxPipeline:
    transformer = FluxTransformer2DModel(
        patch_size=1,
        in_channels=64,
        num_layers=19,
        num_single_layers=38,
        attention_head_dim=128,
        num_attention_heads=24,
        joint_attention_dim=4096,
        pooled_projection_dim=768,
        guidance_embeds=is_distilled,
        axes_dims_rope=(16, 56, 56),
    )
    return FluxPipeline(
        scheduler=small.scheduler,
        vae=_vae(channels=16, scale=0.3611, shift=0.1159),
        text_encoder=CLIPTextModel(_clip_l(small.tokenizer)),
        tokenizer=_as_long(small.tokenizer, 77),
        text_encoder_2=_t5_xxl(),
        tokenizer_2=_as_long(small.tokenizer_2, 512),
        transformer=transformer,
    )


def _vae(*, channels: int, scale: float, shift: float | None) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        in_channels=3,
        out_channels=3,
        latent_channels=channels,
        layers_per_block=2,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        sample_size=1024,
        scaling_factor=scale,
        shift_factor=shift,
        use_quant_conv=channels == 4,
        use_post_quant_conv=channels == 4,
    )


def _clip_l(tokenizer) -> CLIPTextConfig:
    return _clip(tokenizer, width=768, layers=12, heads=12, act="quick_gelu")


def _clip_g(tokenizer) -> CLIPTextConfig:
    return _clip(tokenizer, width=1280, layers=32, heads=20, act="gelu")


def _clip(tokenizer, *, width: int, layers: int, heads: int, act: str) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=49408,
        hidden_size=width,
        intermediate_size=4 * width,
        projection_dim=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        hidden_act=act,
        max_position_embeddings=77,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def _t5_xxl() -> T5EncoderModel:
    return T5EncoderModel(
        T5Config(
            vocab_size=32128,
            d_model=4096,
            d_kv=64,
            d_ff=10240,
            num_layers=24,
            num_heads=64,
            feed_forward_proj="gated-gelu",
        )
    )


def _as_long(tokenizer, tokens: int):
    tokenizer.model_max_length = tokens
    return tokenizer
