"""The judge's network, and what it says of a picture."""

import dataclasses
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from gpu_worker.starter.palette import COLOURS

FOLDER = Path(__file__).parents[1] / "models" / "judge"
SIDE = 64  # pixels that the network looks at
NOTHING = "nothing known"
PLAIN = "3d"  # the art as it is
FILTERS, FILTER_SIDE = 20, 7
_CELLS = 8  # that the picture is told apart in, by row and by column
_COARSE_CELLS = 4
_SPREAD = 0.2  # of a colour, around the one that has a name
_APART = 0.15  # how far a colour is from the ground's, to be the figure's
_HUES, _NARROW = 12, 0.9
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
    colours: dict[str, float]  # of the figure, as if it had been asked for in one
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
        return next(iter(self.colours))


class JudgeNetwork(nn.Module):
    """One convolution, told apart by place; the named colours, more coarsely; linear heads."""

    palette: torch.Tensor
    hues: torch.Tensor

    def __init__(self, words: Words) -> None:
        super().__init__()
        self.filters = nn.Conv2d(
            3, FILTERS, FILTER_SIDE, stride=2, padding=FILTER_SIDE // 2, bias=False
        )
        named = torch.tensor(list(COLOURS.values()))
        self.register_buffer("palette", named / 127.5 - 1, persistent=False)
        angles = torch.arange(_HUES) * (2 * math.pi / _HUES)
        self.register_buffer("hues", torch.stack([angles.cos(), angles.sin()]), persistent=False)
        width = (
            len(COLOURS) + _HUES + 2 * FILTERS * _CELLS**2 + (3 + len(COLOURS)) * _COARSE_CELLS**2
        )
        self.heads = nn.ModuleDict(
            {
                "thing": nn.Linear(width, len(words.things)),
                "colour": nn.Linear(width, len(words.colours)),
                "background": nn.Linear(width, len(words.backgrounds)),
                "style": nn.Linear(width, len(words.styles)),
            }
        )

    def forward(self, values: torch.Tensor) -> list[torch.Tensor]:
        """Return scores for things, colours, backgrounds and styles of values [B, 3, 64, 64]."""
        found = self.find(values)
        return [head(found) for head in self.heads.values()]

    def find(self, values: torch.Tensor) -> torch.Tensor:
        """Return what the heads go by, for values of -1..1."""
        response = self.filters(values)
        both = torch.cat([response.relu(), (-response).relu()], dim=1)
        even = both / (both.norm(dim=1, keepdim=True) + 1)
        outlines = functional.adaptive_avg_pool2d(even, _CELLS).sqrt()
        small = functional.avg_pool2d(values, 2)
        away = (small[:, None] - self.palette[:, :, None, None]).square().mean(dim=2)
        named = (-away / _SPREAD**2).exp()
        colours = functional.adaptive_avg_pool2d(torch.cat([small, named], dim=1), _COARSE_CELLS)
        figure = self._figure_colours(small, named)
        return torch.cat([outlines.flatten(1), colours.flatten(1), figure], dim=1)

    def _figure_colours(self, values: torch.Tensor, named: torch.Tensor) -> torch.Tensor:
        """Return how much of what stands out of the ground is of each named colour, each hue."""
        corners = functional.adaptive_avg_pool2d(values, 8)[..., ::7, ::7]
        ground = corners.mean(dim=(2, 3), keepdim=True)
        away = (values - ground).square().mean(dim=1, keepdim=True)
        stands_out = 1 - (-away / _APART**2).exp()
        red, green, blue = values.unbind(dim=1)
        across = torch.stack([red - (green + blue) / 2, (green - blue) * (math.sqrt(3) / 2)], dim=3)
        strength = across.norm(dim=3, keepdim=True)
        near = (across @ self.hues - _NARROW * strength).relu().permute(0, 3, 1, 2)
        return torch.cat([_shares(named * stands_out), _shares(near * stands_out)], dim=1)


def _shares(parts: torch.Tensor) -> torch.Tensor:
    """Return each channel's share of everything there is."""
    sums = parts.sum(dim=(2, 3))
    return sums / (sums.sum(dim=1, keepdim=True) + 1)


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
    stored_weights = load_file(folder / "model.safetensors")
    network.load_state_dict({name: weight.float() for name, weight in stored_weights.items()})
    return Judge(network=network, words=words)


def save_judge(judge: Judge, folder: Path) -> Path:
    """Write words and 16-bit weights; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    heads = dataclasses.asdict(judge.words)
    (folder / "config.json").write_text(json.dumps(heads, indent=2) + "\n")
    state = judge.network.state_dict()
    weights = {name: weight.half().contiguous() for name, weight in state.items()}
    save_file(weights, folder / "model.safetensors")
    return folder
