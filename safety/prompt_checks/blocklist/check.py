"""The blocklist as a check: folds a text, looks up every reading of it, and asks each rule."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from safety.errors import CheckFailed
from safety.prompt_checks.blocklist.disguises import read_chunk, read_halves
from safety.prompt_checks.blocklist.lexicon import HARMLESS, Lexicon, Rule
from safety.prompt_checks.blocklist.phrases import Hit
from safety.prompt_checks.blocklist.views import views
from safety.spelling.folding import fold, fold_places
from safety.spelling.words import Chunk, Reading, cut, strip_weights
from safety.verdict import Finding

Span = tuple[int, int]

# A text that its ligatures make so long, and twice as long as it is, is not read.
_FOLDED_CHARACTERS_MAX: Final = 8_000
# A longer text is held as a whole.
_PLACED_CHARACTERS_MAX: Final = 10_000


@dataclass(frozen=True, kw_only=True)
class _View:
    """What one way of reading a text shows: its chunks, and where each set has a phrase."""

    chunks: list[Chunk]
    spans: dict[str, list[Span]]


class BlocklistPromptCheck:
    """Holds prompts by the rules of a lexicon, whatever letters they are written in."""

    def __init__(self, *, lexicon: Lexicon, name: str = "blocklist") -> None:
        self._lexicon = lexicon
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    def check(self, text: str) -> list[Finding]:
        folded = strip_weights(fold(text))
        if len(folded) > _FOLDED_CHARACTERS_MAX and len(folded) > 2 * len(text):
            raise CheckFailed("ligatures without end are no prompt")
        seen = [self._see(view) for view in views(folded, self._lexicon.vocabulary)]
        findings = []
        for rule in self._lexicon.rules:
            for number, view in enumerate(seen):
                evidence = _evidence(rule, view.spans)
                if evidence:
                    # Only the first view has the places of the text itself.
                    spans = _places(text, view.chunks, evidence) if number == 0 else ()
                    findings.append(self._finding(rule, spans))
                    break
        return findings

    def _finding(self, rule: Rule, spans: tuple[Span, ...]) -> Finding:
        return Finding(
            check=self._name,
            outcome=rule.outcome,
            category=rule.category,
            rule=rule.id,
            spans=spans,
        )

    def _see(self, folded: str) -> _View:
        chunks = list(cut(folded))
        hits = self._lexicon.tree.find(self._readings(chunks))
        harmless = _harmless_places(hits)
        spans: dict[str, list[Span]] = {}
        for hit in hits:
            if harmless.isdisjoint(range(hit.start, hit.end)):
                spans.setdefault(hit.label, []).append((hit.start, hit.end))
        for hit in self._unspaced_hits(folded, chunks):
            spans.setdefault(hit.label, []).append((hit.start, hit.end))
        return _View(chunks=chunks, spans={name: sorted(found) for name, found in spans.items()})

    def _readings(self, chunks: list[Chunk]) -> Iterator[Reading]:
        vocabulary = self._lexicon.vocabulary
        for chunk in chunks:
            yield from read_chunk(chunk, vocabulary)
        for first, second in pairwise(chunks):
            yield from read_halves(first, second, vocabulary)

    def _unspaced_hits(self, folded: str, chunks: list[Chunk]) -> Iterator[Hit]:
        if folded.isascii():
            return
        offsets = [chunk.offset for chunk in chunks]
        text = folded
        for phrase in self._lexicon.unspaced.get(HARMLESS, ()):
            text = text.replace(phrase, "\0" * len(phrase))
        for label, phrases in self._lexicon.unspaced.items():
            for phrase in phrases:
                offset = text.find(phrase)
                if offset >= 0 and label != HARMLESS:
                    place = chunks[bisect_right(offsets, offset) - 1].place
                    yield Hit(label, place, place + 1)


def _harmless_places(hits: set[Hit]) -> frozenset[int]:
    spans = [range(hit.start, hit.end) for hit in hits if hit.label == HARMLESS]
    return frozenset(place for span in spans for place in span)


def _evidence(rule: Rule, spans: dict[str, list[Span]]) -> list[Span]:
    """Return the words a rule goes by, a phrase of each of its sets; none if it is not met."""
    if not all(name in spans for name in rule.all_of):
        return []
    if any(name in spans for name in rule.unless):
        return []
    if rule.within is None:
        return [spans[name][0] for name in rule.all_of]
    first, *others = (spans[name] for name in rule.all_of)
    for span in first:
        near = [_nearby(span, other, rule) for other in others]
        if all(near):
            return [span, *(found for found in near if found)]
    return []


def _nearby(span: Span, others: list[Span], rule: Rule) -> Span | None:
    """Return a phrase near enough to another; one word is not two phrases."""
    start, end = span
    within = rule.within or 0
    for other_start, other_end in others:
        if start < other_end and other_start < end:
            continue
        is_near = other_start - end <= within and start - other_end <= within
        if is_near and (not rule.is_ordered or start <= other_start):
            return other_start, other_end
    return None


def _places(text: str, chunks: list[Chunk], evidence: list[Span]) -> tuple[Span, ...]:
    """Return where in the text itself the words of some places stand."""
    if len(text) > _PLACED_CHARACTERS_MAX:
        return ()
    places = fold_places(text)
    if places is None:
        return ()
    starts = [chunk.place for chunk in chunks]
    found = set()
    for start, end in evidence:
        first = chunks[bisect_right(starts, start) - 1]
        last = chunks[bisect_right(starts, end - 1) - 1]
        found.add((places[first.offset], places[last.offset + len(last.text) - 1] + 1))
    return tuple(sorted(found))
