"""The blocklist as a check: folds a text, looks up every reading of it, and asks each rule."""

from bisect import bisect_right
from collections.abc import Iterator

from safety.prompt_checks.blocklist.disguises import read_chunk, read_run
from safety.prompt_checks.blocklist.folding import fold
from safety.prompt_checks.blocklist.lexicon import HARMLESS, Lexicon, Rule
from safety.prompt_checks.blocklist.phrases import Hit
from safety.prompt_checks.blocklist.words import Chunk, Reading, cut, spelled_runs, strip_weights
from safety.verdict import Finding

Spans = list[tuple[int, int]]


class BlocklistPromptCheck:
    """Holds prompts by the rules of a lexicon, whatever letters they are written in."""

    name = "blocklist"

    def __init__(self, *, lexicon: Lexicon) -> None:
        self._lexicon = lexicon

    def check(self, text: str) -> list[Finding]:
        spans = self._spans(strip_weights(fold(text)))
        return [
            Finding(check=self.name, outcome=rule.outcome, category=rule.category, rule=rule.id)
            for rule in self._lexicon.rules
            if _applies(rule, spans)
        ]

    def _spans(self, folded: str) -> dict[str, Spans]:
        chunks = list(cut(folded))
        hits = self._lexicon.tree.find(self._readings(chunks))
        harmless = [(hit.start, hit.end) for hit in hits if hit.label == HARMLESS]
        spans: dict[str, Spans] = {}
        for hit in hits:
            if not any(start <= hit.start and hit.end <= end for start, end in harmless):
                spans.setdefault(hit.label, []).append((hit.start, hit.end))
        for hit in self._unspaced_hits(folded, chunks):
            spans.setdefault(hit.label, []).append((hit.start, hit.end))
        return spans

    def _readings(self, chunks: list[Chunk]) -> Iterator[Reading]:
        for chunk in chunks:
            yield from read_chunk(chunk, self._lexicon.vocabulary)
        for run in spelled_runs(chunks):
            yield from read_run(run, self._lexicon.vocabulary)

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


def _applies(rule: Rule, spans: dict[str, Spans]) -> bool:
    if not all(name in spans for name in rule.all_of):
        return False
    if any(name in spans for name in rule.unless):
        return False
    if rule.within is None:
        return True
    first, *others = (spans[name] for name in rule.all_of)
    return any(all(_is_near(span, other, rule) for other in others) for span in first)


def _is_near(span: tuple[int, int], others: Spans, rule: Rule) -> bool:
    start, end = span
    within = rule.within or 0
    return any(
        0 <= other_start - end <= within
        or (not rule.is_ordered and 0 <= start - other_end <= within)
        for other_start, other_end in others
    )
