"""The blocklist as a check: folds a text, looks up every reading of it, and asks each rule."""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise

from safety.prompt_checks.blocklist.disguises import read_chunk, read_halves
from safety.prompt_checks.blocklist.lexicon import HARMLESS, Lexicon, Rule
from safety.prompt_checks.blocklist.phrases import Hit
from safety.prompt_checks.blocklist.views import views
from safety.spelling.folding import fold
from safety.spelling.words import Chunk, Reading, cut, strip_weights
from safety.verdict import Finding

Span = tuple[int, int]


class BlocklistPromptCheck:
    """Holds prompts by the rules of a lexicon, whatever letters they are written in."""

    name = "blocklist"

    def __init__(self, *, lexicon: Lexicon) -> None:
        self._lexicon = lexicon

    def check(self, text: str) -> list[Finding]:
        folded = strip_weights(fold(text))
        views_spans = [self._spans(view) for view in views(folded, self._lexicon.vocabulary)]
        return [
            Finding(check=self.name, outcome=rule.outcome, category=rule.category, rule=rule.id)
            for rule in self._lexicon.rules
            if any(_applies(rule, spans) for spans in views_spans)
        ]

    def _spans(self, folded: str) -> dict[str, list[Span]]:
        chunks = list(cut(folded))
        hits = self._lexicon.tree.find(self._readings(chunks))
        harmless = _harmless_places(hits)
        spans: dict[str, list[Span]] = {}
        for hit in hits:
            if harmless.isdisjoint(range(hit.start, hit.end)):
                spans.setdefault(hit.label, []).append((hit.start, hit.end))
        for hit in self._unspaced_hits(folded, chunks):
            spans.setdefault(hit.label, []).append((hit.start, hit.end))
        return spans

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


def _applies(rule: Rule, spans: dict[str, list[Span]]) -> bool:
    if not all(name in spans for name in rule.all_of):
        return False
    if any(name in spans for name in rule.unless):
        return False
    if rule.within is None:
        return True
    first, *others = (spans[name] for name in rule.all_of)
    return any(all(_is_near(span, other, rule) for other in others) for span in first)


def _is_near(span: Span, others: list[Span], rule: Rule) -> bool:
    start, end = span
    within = rule.within or 0
    return any(
        other_start - end <= within
        and start - other_end <= within
        and (not rule.is_ordered or start <= other_start)
        for other_start, other_end in others
    )
