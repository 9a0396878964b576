"""The small text side: two vocabularies made of our own words, and encoders like CLIP's and T5's.

Encoders are trained along with the network that reads them.
"""

import json
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import torch
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import ByteLevel
from torch import nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

from gpu_worker.starter.captions import corpus

WIDTH = 128
T5_WIDTH = 2 * WIDTH  # what SD3 reads of its two CLIP encoders, side by side
# The library starts embeddings at 0.02, too faint for a network that reads them unnormalised.
_EMBEDDING_SPREAD = 0.25
_ClipEncoder = TypeVar("_ClipEncoder", CLIPTextModel, CLIPTextModelWithProjection)


def write_clip_tokenizer(folder: Path, *, tokens: int) -> CLIPTokenizer:
    """Write a vocabulary in which each of our words is one token, and open it.

    Other words fall into pieces of known ones, and at last into single bytes. A prompt is padded
    and cut to `tokens`.
    """
    letters = sorted(ByteLevel.alphabet())
    merges = _learn_merges(_words())
    pieces = [*letters, *(f"{letter}</w>" for letter in letters)]
    pieces += list(dict.fromkeys(left + right for left, right in merges))
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    return CLIPTokenizer.from_pretrained(folder, model_max_length=tokens, local_files_only=True)


def _words() -> set[str]:
    return {word for phrase in corpus() for word in phrase.split()}


def _learn_merges(words: set[str]) -> list[tuple[str, str]]:
    """Merge the most frequent neighbours, again and again, until each word is one piece."""
    spelled = [[*word[:-1], f"{word[-1]}</w>"] for word in sorted(words) if word.isalpha()]
    merges = []
    while pairs := Counter(pair for word in spelled for pair in pairwise(word)):
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        spelled = [_merge(word, best) for word in spelled]
    return merges


def _merge(word: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    for piece in word:
        if merged and (merged[-1], piece) == pair:
            merged[-1] += piece
        else:
            merged.append(piece)
    return merged


def build_t5_tokenizer(*, tokens: int) -> PreTrainedTokenizerFast:
    """Build a vocabulary of whole words, and of single characters for all others."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -8.0)]
    pieces += [(f"▁{word}", -4.0) for word in sorted(_words())]
    pieces += [(chr(code), -8.0) for code in range(33, 127) if not chr(code).isupper()]
    rules = T5Tokenizer(vocab=pieces, extra_ids=0).backend_tokenizer
    rules.normalizer = Lowercase()
    # T5's own class builds its rules anew when it is opened, and would forget this one.
    special = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=rules, model_max_length=tokens, **special)


def build_clip(kind: type[_ClipEncoder], tokenizer: CLIPTokenizer) -> _ClipEncoder:
    """Return an untrained encoder; the one with a projection sums a prompt up, as in SDXL."""
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        projection_dim=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=tokenizer.model_max_length,
        # The defaults point past this vocabulary, and pooling reads at the end token.
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    encoder = kind(config)
    for name, weight in encoder.named_parameters():
        if "embedding" in name:
            nn.init.normal_(weight, std=_EMBEDDING_SPREAD)
    return encoder


def build_t5(tokenizer: PreTrainedTokenizerFast) -> T5EncoderModel:
    """Return an untrained encoder without a decoder."""
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=T5_WIDTH,
        d_kv=64,
        d_ff=2 * T5_WIDTH,
        num_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return T5EncoderModel(config)


def to_tokens(
    tokenizer: Any,  # noqa: ANN401 the libraries' tokenizers have no type in common
    captions: Sequence[str],
    *,
    device: str,
    length: int | None = None,
) -> torch.Tensor:
    """Return token numbers [captions, length], as the stock pipelines ask for them."""
    numbers: torch.Tensor = tokenizer(
        list(captions),
        padding="max_length",
        max_length=length or tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    ).input_ids
    return numbers.to(device)
