"""Trains the judge, in minutes of one core; a run can be cut anywhere and taken up again."""

import dataclasses
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy
import torch
from diffusers import AutoencoderKL
from torch.nn import functional

from gpu_worker.starter.checkpoints import LossLog, load_checkpoint, save_checkpoint
from gpu_worker.starter.data import Art
from gpu_worker.starter.judge.lessons import (
    UNASKED,
    WORDS,
    Answer,
    answer,
    draw_question,
    paint_mush,
    paint_stranger,
    paint_styled,
    strangers,
)
from gpu_worker.starter.judge.network import SIDE, Judge, JudgeNetwork, to_values
from gpu_worker.starter.scenes import paint

_NAME = "judge"
_REPORT_STEPS, _WARM_UP_STEPS = 50, 100
_ENCODED_AT_ONCE = 16
# Of what it learns from: pictures as the autoencoder returns them, things without a word, mush.
_SOFT, _STRANGE, _MUSH, _STYLED = 0.42, 0.1, 0.18, 0.02
_SOFT_STYLED = 0.25  # of the soft ones
_MOST_LATENT_NOISE = 0.25


@dataclass(frozen=True, kw_only=True)
class JudgeRun:
    """How the judge is trained; what is in the folder is taken up again."""

    folder: Path
    steps: int = 2600
    batch: int = 64
    learning_rate: float = 2e-3
    seed: int = 77
    soft_pictures: int = 2048
    save_every_s: float = 60.0


@dataclass(frozen=True, kw_only=True)
class Question:
    """A picture [64, 64, RGB] of 8 bits and what to say of it."""

    picture: numpy.ndarray
    answer: Answer


def train_judge(run: JudgeRun, art: Art, autoencoder: AutoencoderKL) -> Judge:
    """Train, or go on from the last checkpoint."""
    torch.manual_seed(run.seed)
    soft = soft_questions(run, art, autoencoder)
    network = JudgeNetwork(WORDS).train()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # its types lack it
    optimiser = torch.optim.AdamW(network.parameters(), lr=run.learning_rate, weight_decay=0.02)
    path = run.folder / f"{_NAME}.pt"
    first = 0
    if path.exists():
        state = load_checkpoint(path)
        network.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        first = int(state["step"])
    log, saved_s, losses = LossLog(path=run.folder / f"{_NAME}.jsonl"), time.monotonic(), []
    unknown = strangers(art, is_test=False)
    for step in range(first, run.steps):
        for group in optimiser.param_groups:
            group["lr"] = run.learning_rate * _rate_share(step, run.steps)
        random = Random(f"{run.seed} {_NAME} {step}")  # noqa: S311 repeatable on purpose
        questions = [_draw(art, soft, unknown, random) for _ in range(run.batch)]
        values = vary(torch.stack([to_values(one.picture) for one in questions]), random)
        with torch.autocast("cpu", torch.bfloat16):
            heads = network(values)
        loss = _loss(heads, [one.answer for one in questions])
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        losses.append(float(loss.detach()))
        is_last = step + 1 == run.steps
        if (step + 1) % _REPORT_STEPS == 0 or is_last:
            log.write(step + 1, loss=sum(losses) / len(losses))
            losses.clear()
        if is_last or time.monotonic() - saved_s > run.save_every_s:
            state = {"step": step + 1, "model": network.state_dict()}
            save_checkpoint(path, {**state, "optimiser": optimiser.state_dict()})
            saved_s = time.monotonic()
    return Judge(network=network, words=WORDS)


def soft_questions(run: JudgeRun, art: Art, autoencoder: AutoencoderKL) -> list[Question]:
    """Return pictures as the autoencoder gives them back, which is softer than they are painted.

    Painted once and kept: the way through the autoencoder costs more than a step of training.
    """
    path = run.folder / f"{_NAME}-soft.npz"
    if not path.exists():
        random = Random(f"{run.seed} soft")  # noqa: S311 repeatable on purpose
        questions: list[Question] = []
        while len(questions) < run.soft_pictures:
            questions += paint_soft(art, autoencoder, random, count=_ENCODED_AT_ONCE)
        numpy.savez(
            path,
            pictures=numpy.stack([one.picture for one in questions]),
            answers=numpy.array([dataclasses.astuple(one.answer) for one in questions]),
        )
    with numpy.load(path) as stored:
        return [
            Question(picture=picture, answer=_to_answer(numbers))
            for picture, numbers in zip(stored["pictures"], stored["answers"].tolist(), strict=True)
        ]


def _to_answer(numbers: Sequence[int]) -> Answer:
    thing, colour, background, style = numbers
    return Answer(thing=thing, colour=colour, background=background, style=style)


@torch.no_grad()
def paint_soft(
    art: Art, autoencoder: AutoencoderKL, random: Random, *, count: int
) -> list[Question]:
    """Paint scenes and send them through the autoencoder, by slightly noisy latents."""
    painted = [
        paint_styled(art, random) if random.random() < _SOFT_STYLED else _paint_plain(art, random)
        for _ in range(count)
    ]
    stacked = numpy.stack([picture for picture, _ in painted])
    pixels = torch.from_numpy(stacked).permute(0, 3, 1, 2).float() / 127.5 - 1
    generator = torch.Generator().manual_seed(random.getrandbits(62))
    noise = random.uniform(0, _MOST_LATENT_NOISE) / autoencoder.config.scaling_factor
    with torch.autocast("cpu", torch.bfloat16):
        latents = autoencoder.encode(pixels).latent_dist.mean
        drawn = torch.randn(latents.shape, generator=generator).to(latents)
        decoded = autoencoder.decode(latents + noise * drawn).sample.float()
    small = functional.avg_pool2d(decoded, decoded.shape[-1] // SIDE)
    pictures = ((small + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return [
        Question(picture=picture.permute(1, 2, 0).numpy(), answer=right)
        for picture, (_, right) in zip(pictures, painted, strict=True)
    ]


def _paint_plain(art: Art, random: Random, *, side: int = 2 * SIDE) -> tuple[numpy.ndarray, Answer]:
    scene = draw_question(random)
    return paint(scene, art, random, side=side), answer(scene)


def _draw(
    art: Art, soft: Sequence[Question], unknown: Sequence[numpy.ndarray], random: Random
) -> Question:
    kinds = ("soft", "strange", "mush", "styled", "plain")
    shares = (_SOFT, _STRANGE, _MUSH, _STYLED, 1 - _SOFT - _STRANGE - _MUSH - _STYLED)
    match random.choices(kinds, shares)[0]:
        case "soft":
            return random.choice(soft)
        case "strange":
            picture, right = paint_stranger(unknown, random)
        case "mush":
            picture, right = paint_mush(art, random)
        case "styled":
            picture, right = paint_styled(art, random)
        case _:
            picture, right = _paint_plain(art, random, side=SIDE)
    return Question(picture=picture, answer=right)


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
    blurred = functional.avg_pool2d(
        functional.pad(moved, (1, 1, 1, 1), mode="replicate"), 3, stride=1
    )
    tinted = torch.lerp(moved, blurred, share) * (1 + draw(3, 1, 1) * 0.06) + draw(3, 1, 1) * 0.05
    return (tinted + draw(*values.shape[1:]) * 0.03 * draw(1, 1, 1)).clamp(-1, 1)


def _loss(heads: Sequence[torch.Tensor], answers: Sequence[Answer]) -> torch.Tensor:
    thing, colour, background, style = heads
    return (
        _off(thing, [one.thing for one in answers])
        + 0.3 * _off(colour, [one.colour for one in answers])
        + 0.3 * _off(background, [one.background for one in answers])
        + 0.2 * _off(style, [one.style for one in answers])
    )


def _off(scores: torch.Tensor, wanted: Sequence[int]) -> torch.Tensor:
    return functional.cross_entropy(
        scores.float(), torch.tensor(wanted), ignore_index=UNASKED, label_smoothing=0.02
    )


def _rate_share(step: int, steps: int) -> float:
    rise = min(1.0, (step + 1) / _WARM_UP_STEPS)
    return rise * max(0.01, (1 + math.cos(math.pi * step / steps)) / 2)
