"""Writes a tiny Flux checkpoint with random weights in the layout of a real one."""

from functools import partial
from pathlib import Path

from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
from transformers import CLIPTextModel

from gpu_worker.starter.tiny_parts import (
    HIDDEN,
    build_t5,
    build_t5_tokenizer,
    build_vae,
    clip_config,
    write_clip_tokenizer,
    write_folder,
)

_SIDECAR = {"steps": 8, "guidance": 3.0, "sampler": "flow_euler"}


def build(folder: Path, *, seed: int, is_distilled: bool) -> Path:
    """Write the folder, whole or not at all; the global random state is left as it was."""
    assemble = partial(_assemble, is_distilled=is_distilled)
    return write_folder(folder, seed=seed, sidecar=_SIDECAR, assemble=assemble)


def _assemble(folder: Path, *, is_distilled: bool) -> FluxPipeline:
    tokenizer = write_clip_tokenizer(folder / "tokenizer")
    t5_tokenizer = build_t5_tokenizer()
    return FluxPipeline(
        vae=build_vae(channels=16, scale=0.3611, shift=0.1159),
        text_encoder=CLIPTextModel(clip_config(tokenizer)).eval(),
        text_encoder_2=build_t5(t5_tokenizer, width=HIDDEN),
        tokenizer=tokenizer,
        tokenizer_2=t5_tokenizer,
        transformer=_transformer(is_distilled=is_distilled),
        # As FLUX.1 [dev]: the larger the picture, the longer in the noise.
        scheduler=FlowMatchEulerDiscreteScheduler(
            shift=3.0,
            use_dynamic_shifting=True,
            base_shift=0.5,
            max_shift=1.15,
            base_image_seq_len=256,
            max_image_seq_len=4096,
        ),
    )


def _transformer(*, is_distilled: bool) -> FluxTransformer2DModel:
    return FluxTransformer2DModel(
        patch_size=1,
        in_channels=64,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=HIDDEN,
        pooled_projection_dim=HIDDEN,
        guidance_embeds=is_distilled,
        axes_dims_rope=(4, 6, 6),
    ).eval()
