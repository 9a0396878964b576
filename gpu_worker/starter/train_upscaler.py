"""Trains the upscalers, each a network of its own, until the steps are done or the time is up."""

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import torch
from diffusers import AutoencoderKL
from safetensors.torch import save_file
from torch import nn

from gpu_worker.render.upscale import CompactNetwork
from gpu_worker.starter.checkpoints import LossLog, follow, load_checkpoint, save_checkpoint
from gpu_worker.starter.rates import cosine_share
from gpu_worker.starter.upscaler import any_colour, paint_pairs

_CROPS_A_PICTURE = 2
_FLAT_SIDE, _FLAT_COLOURS = 24, 8
_REPORT_STEPS = 50
_WARM_UP_STEPS = 50
_SAVE_EVERY_S = 60.0


@dataclass(frozen=True, kw_only=True)
class UpscalerRun:
    """How an upscaler is trained; what is in the folder is taken up again."""

    folder: Path
    steps: int
    scale: int = 2
    width: int = 32
    depth: int = 8
    batch: int = 4
    crop_side: int = 64
    learning_rate: float = 2e-3
    seed: int = 0
    device: str = "cpu"
    threads: int = 1

    @property
    def name(self) -> str:
        return f"upscaler-x{self.scale}"


def train_upscaler(
    run: UpscalerRun,
    autoencoder: AutoencoderKL,
    drawings: Sequence[bytes],
    *,
    begin_as: CompactNetwork | None = None,
) -> CompactNetwork:
    """Train, or go on from the last checkpoint; return the network with averaged weights.

    A network of half the scale to begin as saves most of the way.
    """
    torch.manual_seed(run.seed)
    torch.set_num_threads(run.threads)
    network = _begin(run, begin_as).to(run.device)
    average = copy.deepcopy(network).requires_grad_(requires_grad=False)
    autoencoder.to(run.device, memory_format=torch.channels_last).eval()
    optimiser = torch.optim.AdamW(network.parameters(), lr=run.learning_rate, betas=(0.9, 0.99))
    first = _resume(run, network, average, optimiser)
    log, losses = LossLog(path=run.folder / f"{run.name}.jsonl"), list[float]()
    saved_s = time.monotonic()
    for step in range(first, run.steps):
        for group in optimiser.param_groups:
            group["lr"] = run.learning_rate * rate_share(step, run.steps)
        random = Random(f"{run.seed} {run.name} {step}")  # noqa: S311 repeatable on purpose
        small, large = paint_pairs(
            drawings, autoencoder, random, count=run.batch, scale=run.scale, device=run.device
        )
        loss = _loss(
            network,
            *_crop(small, large, random, run.crop_side),
            random,
            sharpness=1.0 if begin_as else _sharpness(step, run.steps),
        )
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(network.parameters(), 0.5)
        optimiser.step()
        follow(average, network, step)
        losses.append(float(loss.detach()))
        is_last = step + 1 == run.steps
        if (step + 1) % _REPORT_STEPS == 0 or is_last:
            log.write(step + 1, loss=sum(losses) / len(losses))
            losses.clear()
        if is_last or time.monotonic() - saved_s > _SAVE_EVERY_S:
            state = {"step": step + 1, "model": network.state_dict()}
            state |= {"average": average.state_dict(), "optimiser": optimiser.state_dict()}
            save_checkpoint(run.folder / f"{run.name}.pt", state)
            saved_s = time.monotonic()
    return average.cpu().eval()


def train_upscalers(
    run: UpscalerRun, autoencoder: AutoencoderKL, drawings: Sequence[bytes], target: Path
) -> Path:
    """Train x2, and from it x4 in half as many steps; write both into a folder and return it."""
    target.mkdir(parents=True, exist_ok=True)
    twofold = train_upscaler(run, autoencoder, drawings)
    save_upscaler(twofold, target / "x2.safetensors")
    fourfold_run = replace(run, scale=4, steps=run.steps // 2)
    fourfold = train_upscaler(fourfold_run, autoencoder, drawings, begin_as=twofold)
    save_upscaler(fourfold, target / "x4.safetensors")
    return target


def save_upscaler(network: CompactNetwork, target: Path) -> Path:
    """Write a network's weights in half precision."""
    weights = {name: value.half().contiguous() for name, value in network.state_dict().items()}
    save_file(weights, target)
    return target


def rate_share(step: int, steps: int) -> float:
    """Return the learning rate's share: a short rise, then half a cosine down."""
    return cosine_share(step, steps, warm_up_steps=_WARM_UP_STEPS)


def _begin(run: UpscalerRun, begin_as: CompactNetwork | None) -> CompactNetwork:
    """Return a network that begins as a plain larger copy, or as another one of half the scale."""
    network = CompactNetwork(width=run.width, depth=run.depth, scale=run.scale)
    end = network.body[-1]
    with torch.no_grad():
        if begin_as is None:
            _let_details_through(network)
        else:
            state, half = begin_as.state_dict(), begin_as.scale
            for name, weights in end.state_dict(prefix=f"body.{len(network.body) - 1}.").items():
                spread = state[name].unflatten(0, (3, half, half))
                spread = spread.repeat_interleave(2, 1).repeat_interleave(2, 2)
                state[name] = spread.reshape(weights.shape)
            network.load_state_dict(state)
    return network


def _let_details_through(network: CompactNetwork) -> None:
    """Keep activations as strong from layer to layer; torch's own start fades out in ten."""
    convolutions = [layer for layer in network.body if isinstance(layer, nn.Conv2d)]
    for layer in convolutions:
        nn.init.kaiming_normal_(layer.weight, a=0.25)
        nn.init.zeros_(layer.get_parameter("bias"))
    convolutions[-1].weight.mul_(0.05)


def _resume(
    run: UpscalerRun,
    network: CompactNetwork,
    average: CompactNetwork,
    optimiser: torch.optim.Optimizer,
) -> int:
    path = run.folder / f"{run.name}.pt"
    if not path.exists():
        return 0
    state = load_checkpoint(path)
    network.load_state_dict(state["model"])
    average.load_state_dict(state["average"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])


def _crop(
    small: torch.Tensor, large: torch.Tensor, random: Random, most_side: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cut the livelier of two places out of each picture, some times over, each turned some way."""
    scale = large.shape[-1] // small.shape[-1]
    side = min(most_side, small.shape[-1])
    most = small.shape[-1] - side
    ins: list[torch.Tensor] = []
    outs: list[torch.Tensor] = []
    for picture, target in zip(small, large, strict=True):
        for _ in range(_CROPS_A_PICTURE):
            places = [(random.randint(0, most), random.randint(0, most)) for _ in range(2)]
            cuts = [_cut(picture, top, left, side) for top, left in places]
            best = max(range(2), key=[float(cut.std()) for cut in cuts].__getitem__)
            top, left = places[best]
            turn = random.randrange(4), random.random() < 0.5
            ins.append(_turn(cuts[best], *turn))
            outs.append(_turn(_cut(target, top * scale, left * scale, side * scale), *turn))
    return torch.stack(ins), torch.stack(outs)


def _cut(picture: torch.Tensor, top: int, left: int, side: int) -> torch.Tensor:
    return picture[:, top : top + side, left : left + side]


def _turn(picture: torch.Tensor, quarters: int, mirrored: bool) -> torch.Tensor:  # noqa: FBT001 drawn
    turned = torch.rot90(picture, quarters, (1, 2))
    return turned.flip(2) if mirrored else turned


def _sharpness(step: int, steps: int) -> float:
    """Return how much edges count at a step: not at all at first, fully in the second half.

    From the start, the many flat pixels would hold the network at drawing nothing.
    """
    return min(1.0, max(0.0, 5 * (step / steps - 0.25)))


def _loss(
    network: CompactNetwork,
    small: torch.Tensor,
    large: torch.Tensor,
    random: Random,
    *,
    sharpness: float,
) -> torch.Tensor:
    """Weigh colours and edges; and flat colours by themselves, which must stay as they are."""
    colours = [any_colour(random) for _ in range(_FLAT_COLOURS)]
    flat = (torch.tensor(colours, device=small.device) / 255).view(-1, 3, 1, 1)
    flats = flat.repeat(1, 1, _FLAT_SIDE, _FLAT_SIDE).contiguous(memory_format=torch.channels_last)
    with torch.autocast(small.device.type, torch.bfloat16):
        drawn = network(small.contiguous(memory_format=torch.channels_last))
        kept = network(flats)
    difference = drawn.float() - large
    across = difference[..., 1:] - difference[..., :-1]
    down = difference[..., 1:, :] - difference[..., :-1, :]
    edges = 0.5 * (across.abs().mean() + down.abs().mean())
    flat_error = 0.3 * (kept.float() - flat).abs().mean()
    loss: torch.Tensor = 10 * difference.square().mean() + flat_error
    loss += sharpness * (difference.abs().mean() + edges)
    return loss
