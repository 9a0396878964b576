"""Tells how often the judge is right about pictures whose truth is known: painted ones."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random

from diffusers import AutoencoderKL

from gpu_worker.starter.data import Art
from gpu_worker.starter.judge.lessons import (
    UNASKED,
    WORDS,
    Painted,
    paint_mush,
    paint_plain,
    paint_stranger,
    paint_styled,
    soften,
    strangers,
)
from gpu_worker.starter.judge.network import Judge

_SEED = "checking"  # apart from every seed that the judge was trained with


def check_judge(
    judge: Judge, art: Art, autoencoder: AutoencoderKL, *, pictures: int
) -> Iterator[str]:
    """Give a line for each kind of picture."""
    random = Random(_SEED)  # noqa: S311 repeatable on purpose
    unknown = strangers(art, is_test=True)

    kinds: Mapping[str, Callable[[], Painted]] = {
        "painted": lambda: paint_plain(art, random),
        "through the autoencoder": lambda: soften(art, autoencoder, random, count=1)[0],
        "in a style": lambda: paint_styled(art, random),
        "mush": lambda: paint_mush(art, random),
        "things without a word": lambda: paint_stranger(unknown, random),
    }
    for name, paint_one in kinds.items():
        hits = count_hits(judge, [paint_one() for _ in range(pictures)])
        shares = "  ".join(f"{head} {share:6.1%}" for head, share in hits.items())
        yield f"{name:24}{shares}"


def count_hits(judge: Judge, painted: Sequence[Painted]) -> dict[str, float]:
    """Return the share of right answers of each head that was asked something."""
    hits: dict[str, list[bool]] = {}
    opinions = judge.look([picture for picture, _ in painted])
    for opinion, (_, right) in zip(opinions, painted, strict=True):
        hits.setdefault("thing", []).append(opinion.thing == WORDS.things[right.thing])
        if right.colour != UNASKED:
            hits.setdefault("colour", []).append(opinion.colour == WORDS.colours[right.colour])
        if right.background != UNASKED:
            is_right = opinion.background == WORDS.backgrounds[right.background]
            hits.setdefault("background", []).append(is_right)
        if right.style != UNASKED:
            hits.setdefault("style", []).append(opinion.style == WORDS.styles[right.style])
    return {head: sum(some) / len(some) for head, some in hits.items()}
