"""Writes a tiny SD3 checkpoint with random weights in the layout of a real one."""

from pathlib import Path

from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
)
from transformers import CLIPTextModelWithProjection

from gpu_worker.starter.tiny_parts import (
    HIDDEN,
    build_t5,
    build_t5_tokenizer,
    build_vae,
    clip_config,
    write_clip_tokenizer,
    write_folder,
)

_JOINT_WIDTH = 2 * HIDDEN + 8  # wider than both CLIPs, as T5 is in a real one
_SIDECAR = {"steps": 8, "guidance": 3.0, "sampler": "flow_euler"}


def build(folder: Path, *, seed: int) -> Path:
    """Write the folder, whole or not at all; the global random state is left as it was."""
    return write_folder(folder, seed=seed, sidecar=_SIDECAR, assemble=_assemble)


def _assemble(folder: Path) -> StableDiffusion3Pipeline:
    tokenizers = [write_clip_tokenizer(folder / name) for name in ("tokenizer", "tokenizer_2")]
    text = clip_config(tokenizers[0])
    t5_tokenizer = build_t5_tokenizer()
    return StableDiffusion3Pipeline(
        vae=build_vae(channels=16, scale=1.5305, shift=0.0609),
        text_encoder=CLIPTextModelWithProjection(text).eval(),
        text_encoder_2=CLIPTextModelWithProjection(text).eval(),
        text_encoder_3=build_t5(t5_tokenizer, width=_JOINT_WIDTH),
        tokenizer=tokenizers[0],
        tokenizer_2=tokenizers[1],
        tokenizer_3=t5_tokenizer,
        transformer=_transformer(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    )


def _transformer() -> SD3Transformer2DModel:
    return SD3Transformer2DModel(
        sample_size=8,
        patch_size=2,
        in_channels=16,
        out_channels=16,
        num_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=_JOINT_WIDTH,
        caption_projection_dim=32,
        pooled_projection_dim=2 * HIDDEN,
        pos_embed_max_size=8,
    ).eval()
