"""What the tiny checkpoints have in common: small text encoders, a small VAE, whole folders."""

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DiffusionPipeline
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTextConfig, CLIPTokenizer, T5Config, T5EncoderModel, T5Tokenizer

HIDDEN = 32
CLIP_TOKENS = 77
T5_TOKENS = 32
PICTURE_SIDE = 64


def write_folder(
    folder: Path,
    *,
    seed: int,
    sidecar: Mapping[str, object],
    assemble: Callable[[Path], DiffusionPipeline],
) -> Path:
    """Write the folder, whole or not at all; the global random state is left as it was."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        draft = Path(scratch) / "model"
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            pipeline = assemble(draft)
        pipeline.save_pretrained(draft, safe_serialization=True)
        (draft / "impasto.json").write_text(json.dumps(sidecar, indent=2) + "\n")
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
    return folder


def write_clip_tokenizer(folder: Path) -> CLIPTokenizer:
    """Write a vocabulary of single bytes, inside a word and at its end, and open it."""
    letters = sorted(ByteLevel.alphabet())
    words = [*letters, *(f"{letter}</w>" for letter in letters)]
    words += ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {word: number for number, word in enumerate(words)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer.from_pretrained(
        folder, model_max_length=CLIP_TOKENS, local_files_only=True
    )


def clip_config(tokenizer: CLIPTokenizer) -> CLIPTextConfig:
    """Return the shape of a CLIP encoder over that vocabulary."""
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=HIDDEN,
        intermediate_size=64,
        projection_dim=HIDDEN,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=CLIP_TOKENS,
        # The defaults point past this vocabulary, and pooling reads at the end token.
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def build_t5_tokenizer() -> T5Tokenizer:
    """Build a vocabulary of single printable characters."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(chr(code), -3.0) for code in range(33, 127)]
    return T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=T5_TOKENS)


def build_t5(tokenizer: T5Tokenizer, *, width: int) -> T5EncoderModel:
    """Return an encoder without a decoder."""
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=width,
        d_kv=16,
        d_ff=64,
        num_layers=2,
        num_heads=2,
        feed_forward_proj="gated-gelu",
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return T5EncoderModel(config).eval()


def build_vae(*, channels: int, scale: float, shift: float | None) -> AutoencoderKL:
    """Return a VAE of eight pixels a latent."""
    return AutoencoderKL(
        block_out_channels=(16, 16, 16, 16),
        in_channels=3,
        out_channels=3,
        latent_channels=channels,
        norm_num_groups=8,
        layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        sample_size=PICTURE_SIDE,
        scaling_factor=scale,
        shift_factor=shift,
        force_upcast=False,
    ).eval()
