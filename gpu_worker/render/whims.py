"""Chaos and weirdness: noise in what the network is told of the words.

Weirdness is the same noise for all pictures of a job, chaos is each picture's own. Both are drawn
from seeds on the host, so that the same job draws the same pictures on any device.
"""

from collections.abc import Sequence
from typing import Final

import torch

from backend.contracts import MannerUse, RenderJob
from gpu_worker.family import Conditioning

# At the top of their scales: so many times what embeddings differ by from word to word. Of more
# than this, Flux draws the same mush whatever the number (measured with the starter models).
CHAOS_STRENGTH: Final = 3.0
WEIRD_STRENGTH: Final = 3.0
# Noise of the words must not be that of the latents, which begin with the same seeds.
_SALT_CHAOS: Final = 0x5EED_C4A0
_SALT_WEIRD: Final = 0x5EED_3E1D


def stir(conditioning: Conditioning, job: RenderJob) -> Conditioning:
    """Return what the network is told with a job's whims in its last `image_count` rows.

    The rows before them are the negative prompt's, which stays as it is.
    """
    manner = job.manner
    if manner is None or not (manner.chaos or manner.weird):
        return conditioning
    count = job.image_count
    rows = int(conditioning.embeds.shape[0])
    told = conditioning.take(rows - count, rows)
    stirred = Conditioning(
        embeds=told.embeds + _noise(told.embeds, job, manner, spread_over=1),
        pooled=told.pooled + _noise(told.pooled, job, manner, spread_over=-1),
        facts=told.facts,
    )
    if rows == count:
        return stirred
    return Conditioning.join([conditioning.take(0, rows - count), stirred])


def _noise(
    told: torch.Tensor, job: RenderJob, manner: MannerUse, *, spread_over: int
) -> torch.Tensor:
    """Return noise for each row, as strong as what is told differs along a dimension."""
    # The first picture is drawn as the words say, so that the others can be held against it.
    chaos = [0.0] + [CHAOS_STRENGTH * manner.chaos / 100] * (len(told) - 1)
    weird = WEIRD_STRENGTH * manner.weird / 3000
    own = _draw(told, [job.seed + _SALT_CHAOS + index for index in range(len(told))])
    shared = _draw(told, [job.seed + _SALT_WEIRD] * len(told))
    strengths = torch.tensor(chaos, device=told.device).view(-1, *[1] * (told.dim() - 1))
    spread = told.float().std(dim=spread_over, keepdim=True)
    return (spread * (strengths * own + weird * shared)).to(told.dtype)


def _draw(like: torch.Tensor, seeds: Sequence[int]) -> torch.Tensor:
    rows = [
        torch.randn(like.shape[1:], generator=torch.Generator("cpu").manual_seed(seed))
        for seed in seeds
    ]
    return torch.stack(rows).to(like.device)
