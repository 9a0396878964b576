"""The small text side: a byte-pair vocabulary made of our own words, and two CLIP encoders."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
)

from gpu_worker.starter.captions import corpus

TOKENS = 77
WIDTH = 128


def write_tokenizer(folder: Path) -> CLIPTokenizer:
    """Write a vocabulary in which each of our words is one token, and open it.

    Other words fall into pieces of known ones, and at last into single bytes.
    """
    letters = sorted(ByteLevel.alphabet())
    merges = _learn_merges({word for phrase in corpus() for word in phrase.split()})
    pieces = [*letters, *(f"{letter}</w>" for letter in letters)]
    pieces += list(dict.fromkeys(left + right for left, right in merges))
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    return CLIPTokenizer.from_pretrained(folder, model_max_length=TOKENS, local_files_only=True)


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


def build_encoders(
    tokenizer: CLIPTokenizer,
) -> tuple[CLIPTextModel, CLIPTextModelWithProjection]:
    """Return two untrained encoders; as in SDXL, the second one's projection sums a prompt up."""
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        projection_dim=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=TOKENS,
        # The defaults point past this vocabulary, and pooling reads at the end token.
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config), CLIPTextModelWithProjection(config)
