"""The judge's network, and what it says of a picture."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

FOLDER = Path(__file__).parents[1] / "models" / "judge"
SIDE = 64  # pixels that the network looks at
NOTHING = "nothing known"
ITS_OWN = "its own"
PLAIN = "3d"  # the art as it is
_WIDTHS = (32, 48, 80, 112)
_BATCH = 64


@dataclass(frozen=True, kw_only=True)
class Words:
    """What the network can say: a name for each output of each head."""

    things: tuple[str, ...]
    colours: tuple[str, ...]
    backgrounds: tuple[str, ...]
    styles: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """How likely each word is for one picture, the likeliest first; each head adds up to one."""

    things: dict[str, float]
    colours: dict[str, float]  # of the figure; an object in its own colours has `ITS_OWN`
    backgrounds: dict[str, float]
    styles: dict[str, float]

    @property
    def thing(self) -> str:
        return next(iter(self.things))

    @property
    def background(self) -> str:
        return next(iter(self.backgrounds))

    @property
    def style(self) -> str:
        return next(iter(self.styles))

    @property
    def colour(self) -> str:
        """The likeliest colour with a name."""
        return next(colour for colour in self.colours if colour != ITS_OWN)


class JudgeNetwork(nn.Module):
    """A few convolutions and four heads on what they found, on average and at most."""

    def __init__(self, words: Words) -> None:
        super().__init__()
        first, second, third, last = _WIDTHS
        self.body = nn.Sequential(
            _convolution(3, first, stride=2),
            _convolution(first, second, stride=2),
            _Residual(second),
            _convolution(second, third, stride=2),
            _Residual(third),
            _convolution(third, last, stride=2),
            _Residual(last),
        )
        self.thing = nn.Linear(2 * last, len(words.things))
        self.colour = nn.Linear(2 * last, len(words.colours))
        self.style = nn.Linear(2 * last, len(words.styles))
        # A ground needs no depth: the edge of the picture, coarsely.
        self.background = nn.Sequential(
            nn.Linear(2 * last + 12, 64), nn.ReLU(), nn.Linear(64, len(words.backgrounds))
        )

    def forward(self, values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return a score for each thing, colour, background and style of values in -1..1.

        The values are [B, 3, 64, 64].
        """
        found = self.body(values.contiguous(memory_format=torch.channels_last))
        seen = torch.cat([found.mean(dim=(2, 3)), found.amax(dim=(2, 3))], dim=1)
        corners = functional.adaptive_avg_pool2d(values, 16)[..., ::15, ::15].flatten(1)
        ground = torch.cat([seen, corners.to(seen.dtype)], dim=1)
        return self.thing(seen), self.colour(seen), self.background(ground), self.style(seen)


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = _convolution(width, width, stride=1)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        changed: torch.Tensor = values + self.inner(values)
        return changed


def _convolution(width_in: int, width_out: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(width_in, width_out, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(width_out),
        nn.ReLU(),
    )


class Judge:
    """A trained network and its words."""

    def __init__(self, *, network: JudgeNetwork, words: Words) -> None:
        self.network = network.eval()
        self.words = words

    @torch.inference_mode()
    def look(self, pictures: Sequence[numpy.ndarray]) -> list[Opinion]:
        """Say what each picture [side, side, RGB] of 8 bits shows, whatever its size."""
        opinions = []
        for first in range(0, len(pictures), _BATCH):
            values = torch.stack([to_values(one) for one in pictures[first : first + _BATCH]])
            heads = [scores.float().softmax(dim=1) for scores in self.network(values)]
            for things, colours, backgrounds, styles in zip(*heads, strict=True):
                opinion = Opinion(
                    things=_ranked(self.words.things, things),
                    colours=_ranked(self.words.colours, colours),
                    backgrounds=_ranked(self.words.backgrounds, backgrounds),
                    styles=_ranked(self.words.styles, styles),
                )
                opinions.append(opinion)
        return opinions


def _ranked(words: Sequence[str], shares: torch.Tensor) -> dict[str, float]:
    values: list[float] = shares.tolist()
    return dict(sorted(zip(words, values, strict=True), key=lambda pair: -pair[1]))


def to_values(picture: numpy.ndarray) -> torch.Tensor:
    """Return a picture as the network takes it: [3, 64, 64] in -1..1."""
    pixels = torch.from_numpy(numpy.array(picture[..., :3])).permute(2, 0, 1)[None].float()
    small = functional.interpolate(pixels, (SIDE, SIDE), mode="bilinear", antialias=True)
    return small[0] / 127.5 - 1


def load_judge(folder: Path = FOLDER) -> Judge:
    """Read the judge that `save_judge` wrote."""
    stored = json.loads((folder / "config.json").read_text())
    words = Words(**{head: tuple(names) for head, names in stored.items()})
    network = JudgeNetwork(words)
    network.load_state_dict(
        {name: weight.float() for name, weight in load_file(folder / "model.safetensors").items()},
        strict=False,  # the counters of batches are not stored
    )
    return Judge(network=network, words=words)


def save_judge(judge: Judge, folder: Path) -> Path:
    """Write words and 16-bit weights; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    heads = dataclasses.asdict(judge.words)
    (folder / "config.json").write_text(json.dumps(heads, indent=2) + "\n")
    weights = {
        name: weight.half().contiguous()
        for name, weight in judge.network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    save_file(weights, folder / "model.safetensors")
    return folder
