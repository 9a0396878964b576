"""One step of several paintings: one look of the network, then each by its own sampler."""

from collections.abc import Sequence
from contextlib import nullcontext

import torch

from gpu_worker.family import Conditioning, Family, Steering
from gpu_worker.render.painting import Painting
from gpu_worker.render.steering import ControlNetShelf, steer


def take_step(
    family: Family,
    paintings: Sequence[Painting],
    *,
    looks: int = 1,
    controlnets: ControlNetShelf | None = None,
) -> None:
    """Bring every painting one step further; they may stand at different ones.

    With several looks the network sees part of the rows at a time, for want of memory. If a look
    fails, none has moved.
    """
    seen = torch.cat([painting.show() for painting in paintings])
    # The networks turn whole timesteps into floats themselves; as floats they can be joined.
    timesteps = torch.cat(
        [painting.timestep.float().expand(painting.rows) for painting in paintings]
    )
    conditioning = Conditioning.join([painting.conditioning for painting in paintings])
    # Who takes a step together is of one mind about edges.
    edges = family.meeting_edges() if paintings[0].is_tiled else nullcontext()
    steered = [painting.steered_rows for painting in paintings]
    with edges, steer(controlnets, steered) as steering:
        noise = _look(family, seen, timesteps, conditioning, steering, looks=looks)
    shares = torch.split(noise, [painting.rows for painting in paintings])
    for painting, share in zip(paintings, shares, strict=True):
        painting.advance(share)


def _look(
    family: Family,
    seen: torch.Tensor,
    timesteps: torch.Tensor,
    conditioning: Conditioning,
    steering: Sequence[Steering],
    *,
    looks: int,
) -> torch.Tensor:
    if looks == 1:
        return family.predict_noise(seen, timesteps, conditioning, steering)
    each = -(-len(seen) // looks)
    parts = [(begin, begin + each) for begin in range(0, len(seen), each)]
    return torch.cat(
        [
            family.predict_noise(
                seen[begin:end],
                timesteps[begin:end],
                conditioning.take(begin, end),
                [one.take(begin, end) for one in steering],
            )
            for begin, end in parts
        ]
    )
