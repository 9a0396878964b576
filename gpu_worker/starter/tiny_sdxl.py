"""Writes a tiny SDXL checkpoint with random weights in the layout of a real one."""

import json
import shutil
import tempfile
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    EulerDiscreteScheduler,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
)

_TOKENS = 77
_HIDDEN = 32
_TIME_WIDTH = 8
# A short run: enough steps to watch and to cancel, over in a second on one core.
_SIDECAR = {"steps": 8, "guidance": 3.0, "sampler": "euler_a"}


def build(folder: Path, *, seed: int) -> Path:
    """Write the folder, whole or not at all; the global random state is left as it was."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        draft = Path(scratch) / "model"
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            pipeline = _pipeline(draft)
        pipeline.save_pretrained(draft, safe_serialization=True)
        (draft / "impasto.json").write_text(json.dumps(_SIDECAR, indent=2) + "\n")
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
    return folder


def _pipeline(folder: Path) -> StableDiffusionXLPipeline:
    tokenizers = [_tokenizer(folder / name) for name in ("tokenizer", "tokenizer_2")]
    text = _text_config(tokenizers[0])
    return StableDiffusionXLPipeline(
        vae=_vae(),
        text_encoder=CLIPTextModel(text).eval(),
        text_encoder_2=CLIPTextModelWithProjection(text).eval(),
        tokenizer=tokenizers[0],
        tokenizer_2=tokenizers[1],
        unet=_unet(),
        scheduler=_scheduler(),
        add_watermarker=False,
    )


def _tokenizer(folder: Path) -> CLIPTokenizer:
    """Write a vocabulary of single bytes, inside a word and at its end, and open it."""
    letters = sorted(ByteLevel.alphabet())
    words = [*letters, *(f"{letter}</w>" for letter in letters)]
    words += ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {word: number for number, word in enumerate(words)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer.from_pretrained(folder, model_max_length=_TOKENS, local_files_only=True)


def _text_config(tokenizer: CLIPTokenizer) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=_HIDDEN,
        intermediate_size=64,
        projection_dim=_HIDDEN,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=_TOKENS,
        # The defaults point past this vocabulary, and pooling reads at the end token.
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
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
        cross_attention_dim=2 * _HIDDEN,
        addition_embed_type="text_time",
        addition_time_embed_dim=_TIME_WIDTH,
        projection_class_embeddings_input_dim=_HIDDEN + 6 * _TIME_WIDTH,
    ).eval()


def _vae() -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(16, 16, 16, 16),
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        norm_num_groups=8,
        layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        sample_size=64,
        scaling_factor=0.13025,
        force_upcast=False,
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
