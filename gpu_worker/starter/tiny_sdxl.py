"""Writes a tiny SDXL checkpoint with random weights in the layout of a real one."""

from pathlib import Path

from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from gpu_worker.starter.tiny_parts import (
    HIDDEN,
    build_vae,
    clip_config,
    write_clip_tokenizer,
    write_folder,
)

_TIME_WIDTH = 8
# A short run: enough steps to watch and to cancel, over in a second on one core.
_SIDECAR = {"steps": 8, "guidance": 3.0, "sampler": "euler_a"}


def build(folder: Path, *, seed: int) -> Path:
    """Write the folder, whole or not at all; the global random state is left as it was."""
    return write_folder(folder, seed=seed, sidecar=_SIDECAR, assemble=_assemble)


def _assemble(folder: Path) -> StableDiffusionXLPipeline:
    tokenizers = [write_clip_tokenizer(folder / name) for name in ("tokenizer", "tokenizer_2")]
    text = clip_config(tokenizers[0])
    return StableDiffusionXLPipeline(
        vae=build_vae(channels=4, scale=0.13025, shift=None),
        text_encoder=CLIPTextModel(text).eval(),
        text_encoder_2=CLIPTextModelWithProjection(text).eval(),
        tokenizer=tokenizers[0],
        tokenizer_2=tokenizers[1],
        unet=_unet(),
        scheduler=_scheduler(),
        add_watermarker=False,
    )


def _unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        block_out_channels=(32, 64),
        layers_per_block=1,
        norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        cross_attention_dim=2 * HIDDEN,
        addition_embed_type="text_time",
        addition_time_embed_dim=_TIME_WIDTH,
        projection_class_embeddings_input_dim=HIDDEN + 6 * _TIME_WIDTH,
    ).eval()


def _scheduler() -> EulerDiscreteScheduler:
    """Return SDXL's own scheduler config."""
    return EulerDiscreteScheduler.from_config(
        {
            "beta_start": 0.00085,
            "beta_end": 0.012,
            "beta_schedule": "scaled_linear",
            "num_train_timesteps": 1000,
            "prediction_type": "epsilon",
            "timestep_spacing": "leading",
            "steps_offset": 1,
            "clip_sample": False,
            "set_alpha_to_one": False,
            "skip_prk_steps": True,
        }
    )
