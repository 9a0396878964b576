"""From weighted words to rows of token numbers, as long as a text encoder reads; no tensors."""

from collections.abc import Sequence
from dataclasses import dataclass

from backend.contracts import PromptPart
from gpu_worker.family import EncoderKind, TextEncoder

# About 1,200 tokens: more than the longest prompt that is let in.
MOST_CHUNKS = 16


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Token numbers, and how strongly each counts; 1 is plain."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]

    def cut(self, begin: int, end: int) -> "Tokens":
        """Return those from `begin` up to, not including, `end`."""
        return Tokens(ids=self.ids[begin:end], weights=self.weights[begin:end])


def tokenize(encoder: TextEncoder, part: PromptPart) -> Tokens:
    """Return the tokens of a part's words, without those that mark beginning and end."""
    ids: list[int] = []
    weights: list[float] = []
    for term in part.terms:
        read = encoder.tokenizer(term.text, add_special_tokens=False).input_ids
        ids += read
        weights += [term.weight] * len(read)
    return Tokens(ids=tuple(ids), weights=tuple(weights))


def measure(encoder: TextEncoder, tokens: Tokens) -> int:
    """Return what it takes to hold the tokens: chunks of a CLIP, tokens of a T5's row."""
    count = len(tokens.ids)
    match encoder.kind:
        case EncoderKind.POOLED:
            return 1
        case EncoderKind.CLIP:
            return min(max(1, -(-count // _room(encoder))), MOST_CHUNKS)
        case EncoderKind.T5:
            fitting = [length for length in encoder.lengths if count <= length - 1]
            return min(fitting, default=max(encoder.lengths))


def is_cut(encoder: TextEncoder, tokens: Tokens) -> bool:
    """Tell whether not even the most an encoder reads holds the tokens."""
    match encoder.kind:
        case EncoderKind.POOLED:
            return False  # it is asked for the gist only, and another encoder reads the rest
        case EncoderKind.CLIP:
            return len(tokens.ids) > MOST_CHUNKS * _room(encoder)
        case EncoderKind.T5:
            return len(tokens.ids) > max(encoder.lengths) - 1


def lay_out(encoder: TextEncoder, tokens: Tokens, size: int) -> Sequence[Tokens]:
    """Return full rows of a size that `measure` gave: marked, filled up, plain where no word is."""
    tokenizer = encoder.tokenizer
    end = (tokenizer.eos_token_id,)
    if encoder.kind is EncoderKind.T5:
        return [_fill(tokens.cut(0, size - 1), (), end, size, tokenizer.pad_token_id)]
    room, begin = _room(encoder), (tokenizer.bos_token_id,)
    chunks = [tokens.cut(index * room, (index + 1) * room) for index in range(size)]
    return [_fill(one, begin, end, room + 2, tokenizer.pad_token_id) for one in chunks]


def _room(encoder: TextEncoder) -> int:
    """Return how many words' tokens a CLIP's chunk holds between its two marks."""
    return encoder.lengths[0] - 2


def _fill(
    tokens: Tokens, begin: tuple[int, ...], end: tuple[int, ...], length: int, blank: int
) -> Tokens:
    ids = (*begin, *tokens.ids, *end)
    weights = (*(1.0 for _ in begin), *tokens.weights, *(1.0 for _ in end))
    missing = length - len(ids)
    return Tokens(ids=ids + (blank,) * missing, weights=weights + (1.0,) * missing)
