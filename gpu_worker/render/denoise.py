"""One step of several paintings: one look of the network, then each by its own sampler."""

from collections.abc import Sequence

import torch

from gpu_worker.family import Conditioning, Family
from gpu_worker.render.painting import Painting


def take_step(family: Family, paintings: Sequence[Painting]) -> None:
    """Bring every painting one step further; they may stand at different ones.

    If the look fails, none has moved.
    """
    seen = torch.cat([painting.show() for painting in paintings])
    # The networks turn whole timesteps into floats themselves; as floats they can be joined.
    timesteps = torch.cat(
        [painting.timestep.float().expand(painting.rows) for painting in paintings]
    )
    conditioning = Conditioning.join([painting.conditioning for painting in paintings])
    noise = family.predict_noise(seen, timesteps, conditioning)
    shares = torch.split(noise, [painting.rows for painting in paintings])
    for painting, share in zip(paintings, shares, strict=True):
        painting.advance(share)
