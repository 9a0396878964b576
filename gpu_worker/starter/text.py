"""The small text side: a byte-pair vocabulary made of our own words, and two CLIP encoders."""

import json
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

    A word is merged from its left end, letter by letter; other words fall into known beginnings and
    single bytes.
    """
    letters = sorted(ByteLevel.alphabet())
    pieces = [*letters, *(f"{letter}</w>" for letter in letters)]
    known = set(pieces)
    merges = []
    for word in sorted({word for phrase in corpus() for word in phrase.split() if word.isalpha()}):
        left = word[0]
        for index in range(1, len(word)):
            right = word[index] + ("</w>" if index == len(word) - 1 else "")
            if left + right not in known:
                known.add(left + right)
                pieces.append(left + right)
                merges.append(f"{left} {right}")
            left += right
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    return CLIPTokenizer.from_pretrained(folder, model_max_length=TOKENS, local_files_only=True)


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
