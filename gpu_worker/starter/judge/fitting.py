"""Fits the judge in one go, within three minutes of one core: nothing in it needs descent.

The filters are the main axes of what small patches look like (PCANet; Chan et al. 2015), and each
head is the best linear map from what they find to the right answers (ridge regression).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from random import Random

import numpy
import torch
from diffusers import AutoencoderKL
from torch.nn import functional

from gpu_worker.starter.data import Art
from gpu_worker.starter.judge.lessons import (
    UNASKED,
    WORDS,
    Answer,
    Painted,
    paint_mush,
    paint_plain,
    paint_stranger,
    paint_styled,
    soften,
    strangers,
)
from gpu_worker.starter.judge.network import (
    FILTER_SIDE,
    FILTERS,
    SIDE,
    Judge,
    JudgeNetwork,
    to_values,
)

# Of what is painted: things as they are, mush, things without a word, things in a style.
_SHARES = (0.7, 0.16, 0.1, 0.04)
_SOFT_ROUNDS = 3  # each is varied anew
_PATCH_PICTURES, _PATCHES = 320, 60_000
_RIDGE = 0.02
_KEPT_BACK_EVERY = 8
_BATCH = 64


@dataclass(frozen=True, kw_only=True)
class Fit:
    """How much the judge is shown; its seed is none that a generator is trained with."""

    painted: int = 20_000
    soft: int = 3_072
    seed: int = 77


def fit_judge(fit: Fit, art: Art, autoencoder: AutoencoderKL) -> Judge:
    """Paint what there is to learn from, and fit filters and heads to it."""
    random = Random(f"{fit.seed} judge")  # noqa: S311 repeatable on purpose
    examples = paint_examples(fit, art, autoencoder, random)
    network = JudgeNetwork(WORDS)
    first = torch.stack([to_values(picture) for picture, _ in examples[:_PATCH_PICTURES]])
    network.filters.weight.data = main_axes(first, random)
    found = []
    for start in range(0, len(examples), _BATCH):
        some = torch.stack([to_values(picture) for picture, _ in examples[start : start + _BATCH]])
        with torch.no_grad():
            found.append(network.find(vary(some, random)))
    _fit_heads(network, torch.cat(found), [answer for _, answer in examples])
    return Judge(network=network, words=WORDS)


def paint_examples(fit: Fit, art: Art, autoencoder: AutoencoderKL, random: Random) -> list[Painted]:
    """Paint all kinds of pictures, in no order."""
    unknown = strangers(art, is_test=False)
    kinds: tuple[Callable[[], Painted], ...] = (
        lambda: paint_plain(art, random, side=SIDE),
        lambda: paint_mush(art, random),
        lambda: paint_stranger(unknown, random),
        lambda: paint_styled(art, random),
    )
    examples = [paint() for paint in random.choices(kinds, _SHARES, k=fit.painted)]
    examples += soften(art, autoencoder, random, count=fit.soft) * _SOFT_ROUNDS
    random.shuffle(examples)
    return examples


def main_axes(values: torch.Tensor, random: Random) -> torch.Tensor:
    """Return the directions in which patches of pictures [B, 3, 64, 64] differ most."""
    generator = torch.Generator().manual_seed(random.getrandbits(62))
    size = FILTER_SIDE**2
    patches = functional.unfold(values, FILTER_SIDE).permute(0, 2, 1).reshape(-1, 3, size)
    chosen = torch.randint(len(patches), (_PATCHES,), generator=generator)
    level = patches[chosen] - patches[chosen].mean(dim=2, keepdim=True)
    _, axes = torch.linalg.eigh(torch.cov(level.flatten(1).T))
    main: torch.Tensor = axes.flip(1)[:, :FILTERS].T
    return main.reshape(FILTERS, 3, FILTER_SIDE, FILTER_SIDE).contiguous()


def vary(values: torch.Tensor, random: Random) -> torch.Tensor:
    """Turn, scale, shift, blur, tint and roughen pictures [B, 3, 64, 64], each a little."""
    generator = torch.Generator().manual_seed(random.getrandbits(62))

    def draw(*shape: int) -> torch.Tensor:
        return torch.rand(len(values), *shape, generator=generator) * 2 - 1

    angle, scale = draw() * 0.17, 1 + draw() * 0.17
    turned = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], dim=1)
    moves = torch.cat([(turned / scale[:, None]).view(-1, 2, 2), draw(2, 1) * 0.12], dim=2)
    places = functional.affine_grid(moves, list(values.shape), align_corners=False)
    # A plain ground goes on beyond the edge.
    moved = functional.grid_sample(values, places, padding_mode="border", align_corners=False)
    share = (draw().clamp_min(0) * 0.9).view(-1, 1, 1, 1)
    padded = functional.pad(moved, (1, 1, 1, 1), mode="replicate")
    blurred = functional.avg_pool2d(padded, 3, stride=1)
    tinted = torch.lerp(moved, blurred, share) * (1 + draw(3, 1, 1) * 0.06) + draw(3, 1, 1) * 0.05
    return (tinted + draw(*values.shape[1:]) * 0.03 * draw(1, 1, 1)).clamp(-1, 1)


@torch.no_grad()
def _fit_heads(network: JudgeNetwork, found: torch.Tensor, answers: Sequence[Answer]) -> None:
    """Set each head to what fits best, scaled so that its shares are as sure as it is right."""
    is_kept_back = torch.arange(len(found)) % _KEPT_BACK_EVERY == 0
    for field in fields(Answer):
        wanted = torch.tensor([getattr(answer, field.name) for answer in answers])
        used, kept_back = (
            (found[rows], wanted[rows])
            for rows in ((wanted != UNASKED) & part for part in (~is_kept_back, is_kept_back))
        )
        head = network.heads.get_submodule(field.name)
        old_weight, old_bias = head.get_parameter("weight"), head.get_parameter("bias")
        weight, bias = _ridge(*used, outputs=len(old_bias))
        scale = _best_scale(kept_back[0] @ weight.T + bias, kept_back[1])
        old_weight.copy_(weight * scale)
        old_bias.copy_(bias * scale)


def _ridge(
    found: torch.Tensor, wanted: torch.Tensor, *, outputs: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return weight and bias of the linear map nearest to one for right and zero for wrong."""
    targets = functional.one_hot(wanted, outputs).float()
    middle, level = found.mean(dim=0), targets.mean(dim=0)
    centred = found - middle
    products = centred.T @ centred
    products.diagonal().add_(products.diagonal().mean() * _RIDGE)
    weight = torch.linalg.solve(products, centred.T @ (targets - level)).T
    return weight, level - weight @ middle


def _best_scale(scores: torch.Tensor, wanted: torch.Tensor) -> float:
    """Return the factor under which the right answers are held likeliest."""
    scales: list[float] = numpy.geomspace(2, 60, 24).tolist()
    return min(scales, key=lambda scale: float(functional.cross_entropy(scores * scale, wanted)))
