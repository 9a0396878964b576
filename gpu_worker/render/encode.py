"""Turns a job's words into what the network is told, one row for each it will see at once."""

import torch

from gpu_worker.family import Conditioning, Family


def encode(
    family: Family,
    *,
    prompt: str,
    negative_prompt: str,
    width: int,
    height: int,
    image_count: int,
    is_guided: bool,
) -> Conditioning:
    """Return rows for the prompt, after as many for the negative prompt where guidance is used."""
    rows = [family.encode_prompt(prompt, width=width, height=height)] * image_count
    if is_guided:
        negative = family.encode_negative(negative_prompt, width=width, height=height)
        rows = [negative] * image_count + rows
    return Conditioning(
        embeds=torch.cat([row.embeds for row in rows]),
        pooled=torch.cat([row.pooled for row in rows]),
        size_ids=torch.cat([row.size_ids for row in rows]),
    )
