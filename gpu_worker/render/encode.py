"""Turns a job's words into what the network is told, one row for each it will see at once."""

from gpu_worker.family import Conditioning, Family
from gpu_worker.render.guidance import Guidance


def encode(
    family: Family,
    *,
    prompt: str,
    negative_prompt: str,
    width: int,
    height: int,
    image_count: int,
    guidance: Guidance,
) -> Conditioning:
    """Return rows for the prompt, after as many for the negative prompt where guidance is used."""
    scale = guidance.scale
    toward = family.encode_prompt(prompt, width=width, height=height, guidance=scale)
    if not guidance.is_used:
        return toward.repeat(image_count)
    away = family.encode_negative(negative_prompt, width=width, height=height, guidance=scale)
    return Conditioning.join([away.repeat(image_count), toward.repeat(image_count)])
