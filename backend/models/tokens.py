"""Counts the tokens of words as a model's own encoders will, with nothing but its tokenizer files.

The worker cuts words to rows in `gpu_worker/render/words.py`; the same numbers are here, and a test
holds them together.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from backend.contracts import ModelFamily, PromptPart
from backend.models.folders import BadModelFolder

if TYPE_CHECKING:
    from tokenizers import Tokenizer

CLIP_CHUNKS_MAX: Final = 16
CLIP_MARKS: Final = 2
T5_LENGTHS: Final = {ModelFamily.SD3: (256, 512), ModelFamily.FLUX: (512,)}


class CannotCount(Exception):
    """Tokens that cannot be counted on this host; the message says why."""


class Reader(StrEnum):
    """How an encoder reads."""

    CLIP = "clip"
    GIST = "gist"
    T5 = "t5"


@dataclass(frozen=True, kw_only=True)
class EncoderCount:
    """What one encoder makes of words: `tokens` of each part, and how many of a part it reads.

    `fallen` are the words behind those it reads. An encoder that is asked for the gist alone reads
    one chunk; the words behind it reach the model by another.
    """

    encoder: str
    reader: Reader
    tokens: tuple[int, ...]
    room: int
    chunks: int
    fallen: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Encoder:
    name: str
    reader: Reader
    tokenizer: "Tokenizer"
    lengths: tuple[int, ...]

    @property
    def room(self) -> int:
        """How many tokens of words it reads at most."""
        match self.reader:
            case Reader.CLIP:
                return CLIP_CHUNKS_MAX * (self.lengths[0] - CLIP_MARKS)
            case Reader.GIST:
                return self.lengths[0] - CLIP_MARKS
            case Reader.T5:
                return max(self.lengths) - 1


class TokenCounter:
    """Counts for one model."""

    def __init__(self, *, encoders: Sequence[_Encoder]) -> None:
        self._encoders = tuple(encoders)

    def count(self, parts: Sequence[PromptPart]) -> tuple[EncoderCount, ...]:
        """Count what each encoder reads of parts, as a worker is told of them."""
        return tuple(_count(encoder, parts) for encoder in self._encoders)


def open_counter(folder: Path, family: ModelFamily) -> TokenCounter:
    """Open the tokenizers of a diffusers folder.

    Raises:
        CannotCount: they cannot be read here.

    """
    try:
        import tokenizers  # noqa: F401 - hosts without a model do without it
    except ImportError as error:
        raise CannotCount("the package `tokenizers` is not installed on this host") from error
    try:
        return TokenCounter(encoders=_open_encoders(folder, family))
    except (OSError, ValueError, KeyError, BadModelFolder) as error:
        raise CannotCount(f"the tokenizers in {folder} cannot be read") from error


def _open_encoders(folder: Path, family: ModelFamily) -> list[_Encoder]:
    match family:
        case ModelFamily.SDXL:
            return [
                _open(folder / "tokenizer", "clip_l", Reader.CLIP),
                _open(folder / "tokenizer_2", "clip_g", Reader.CLIP),
            ]
        case ModelFamily.SD3:
            encoders = [
                _open(folder / "tokenizer", "clip_l", Reader.CLIP),
                _open(folder / "tokenizer_2", "clip_g", Reader.CLIP),
            ]
            if _has(folder, "text_encoder_3"):
                lengths = T5_LENGTHS[family]
                encoders.append(_open(folder / "tokenizer_3", "t5", Reader.T5, lengths=lengths))
            return encoders
        case ModelFamily.FLUX:
            lengths = T5_LENGTHS[family]
            return [
                _open(folder / "tokenizer", "clip_l", Reader.GIST),
                _open(folder / "tokenizer_2", "t5", Reader.T5, lengths=lengths),
            ]


def _has(folder: Path, part: str) -> bool:
    index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    entry = index.get(part)
    return isinstance(entry, list) and entry[0] is not None


def _open(folder: Path, name: str, reader: Reader, *, lengths: tuple[int, ...] = ()) -> _Encoder:
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    most = int(config["model_max_length"])
    return _Encoder(
        name=name,
        reader=reader,
        tokenizer=_open_tokenizer(folder),
        lengths=tuple(min(length, most) for length in lengths) or (most,),
    )


def _open_tokenizer(folder: Path) -> "Tokenizer":
    from tokenizers import Tokenizer

    whole = folder / "tokenizer.json"
    if whole.is_file():
        tokenizer = Tokenizer.from_file(str(whole))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer
    return _build_clip(folder)


def _build_clip(folder: Path) -> "Tokenizer":
    """Build CLIP's tokenizer out of a vocabulary and its merges, as older folders hold them."""
    from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers
    from tokenizers.models import BPE

    vocabulary, merges = BPE.read_file(str(folder / "vocab.json"), str(folder / "merges.txt"))
    marks = ("<|startoftext|>", "<|endoftext|>")
    tokenizer = Tokenizer(
        BPE(
            vocab=vocabulary,
            merges=merges,
            continuing_subword_prefix="",
            end_of_word_suffix="</w>",
            unk_token=marks[1],
        )
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    # English endings first, then runs of letters, single figures, runs of anything else.
    words = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(words), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.add_special_tokens([AddedToken(mark, special=True) for mark in marks])
    return tokenizer


def _count(encoder: _Encoder, parts: Sequence[PromptPart]) -> EncoderCount:
    counts: list[int] = []
    fallen: list[str] = []
    for part in parts:
        count = 0
        for term in part.terms:
            encoding = encoder.tokenizer.encode(term.text, add_special_tokens=False)
            left = max(0, encoder.room - count)
            count += len(encoding.ids)
            if len(encoding.ids) > left and encoder.reader is not Reader.GIST:
                fallen += term.text[encoding.offsets[left][0] :].split()
        counts.append(count)
    return EncoderCount(
        encoder=encoder.name,
        reader=encoder.reader,
        tokens=tuple(counts),
        room=encoder.room,
        chunks=_chunks(encoder, counts),
        fallen=tuple(fallen),
    )


def _chunks(encoder: _Encoder, counts: Sequence[int]) -> int:
    if encoder.reader is not Reader.CLIP:
        return 1
    room = encoder.lengths[0] - CLIP_MARKS
    return min(CLIP_CHUNKS_MAX, max(1, *(-(-count // room) for count in counts)))
