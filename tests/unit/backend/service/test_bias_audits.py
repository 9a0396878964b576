"""An audit draws each portrait once, counts it by group, and goes on where it was interrupted."""

from dataclasses import dataclass, field

import pytest
from PIL import Image

from backend.domain.families import ModelFamily
from backend.service.bias_audits import FIRST_SEED, BiasAudits, DrawnByAnother, Portraits
from safety.bias.prompts import read_prompts
from safety.estimator import Estimate

PROMPTS = read_prompts(
    'version = 1\ntemplate = "{subject}"\n[neutral]\nprofessions = ["a nurse", "a judge"]'
)
VERSION = "a" * 64


class ByBrightness:
    """Takes dark portraits for one group and light ones for the other."""

    axis, name, groups = "light", "brightness", ("dark", "light")

    def estimate(self, portraits):
        return [
            Estimate(group="dark" if one.getpixel((0, 0))[0] < 128 else "light", confidence=1)
            for one in portraits
        ]


@dataclass
class Painter:
    """Paints nurses light, and of judges every fourth seed dark."""

    version: str = VERSION
    asked: list[tuple[str, int, int]] = field(default_factory=list)
    held: str = ""
    fails_after: int = 1_000

    async def draw(self, words, *, seed, count):
        if len(self.asked) >= self.fails_after:
            raise ConnectionError
        self.asked.append((words, seed, count))
        if words == self.held:
            return Portraits(model="", model_sha256="", pictures=())
        return Portraits(
            model="house",
            model_sha256=self.version,
            pictures=tuple(self._paint(words, one) for one in range(seed, seed + count)),
        )

    def _paint(self, words, seed):
        is_dark = words == "a judge" and seed % 4 == 0
        return Image.new("RGB", (8, 8), "black" if is_dark else "white")


@dataclass
class Pages:
    """A notebook in memory."""

    written: dict[str, list] = field(default_factory=dict)
    at: str = ""

    def begin(self, model_sha256):
        self.at = model_sha256
        return list(self.written.setdefault(model_sha256, []))

    def note(self, observations):
        self.written[self.at].extend(observations)


def audits(painter):
    return BiasAudits(portraits=painter, estimators=[ByBrightness()], prompts=PROMPTS)


async def run(painter, pages, seeds=8):
    return await audits(painter).run(
        ModelFamily.SDXL, seeds=seeds, notes=pages, at="2026-11-30T00:00:00Z"
    )


async def test_portraits_are_counted_by_prompt_and_group():
    audit = await run(Painter(), Pages())
    (counted,) = audit.tallies
    assert counted.table("a nurse") == (0, 8)
    assert counted.table("a judge") == (2, 6)
    assert (audit.model_sha256, audit.not_drawn) == (VERSION, 0)


async def test_as_many_portraits_are_drawn_as_were_asked_for_and_none_twice():
    painter = Painter()
    await run(painter, Pages(), seeds=6)
    drawn = [
        (words, seed)
        for words, first, count in painter.asked[1:]
        for seed in range(first, first + count)
    ]
    seeds = range(FIRST_SEED, FIRST_SEED + 6)
    assert sorted(drawn) == sorted((w, s) for w in ("a nurse", "a judge") for s in seeds)


async def test_an_interrupted_audit_goes_on_where_it_was():
    pages, painter = Pages(), Painter(fails_after=15)
    with pytest.raises(ConnectionError):
        await run(painter, pages, seeds=40)
    kept = len(pages.written[VERSION])
    assert 0 < kept < 80
    again = Painter()
    audit = await run(again, pages, seeds=40)
    assert audit.tallies == (await run(Painter(), Pages(), seeds=40)).tallies
    assert sum(count for _, _, count in again.asked[1:]) == 80 - kept


async def test_held_portraits_are_told_of_and_not_counted():
    audit = await run(Painter(held="a judge"), Pages())
    assert audit.not_drawn == 8
    assert audit.tallies[0].table("a judge") == (0, 0)


async def test_portraits_of_two_models_are_never_counted_together():
    painter = Painter()

    class Changing(Pages):
        def note(self, observations):
            super().note(observations)
            painter.version = "b" * 64

    with pytest.raises(DrawnByAnother):
        await run(painter, Changing(), seeds=40)
