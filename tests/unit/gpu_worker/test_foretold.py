"""What the backend foretells from a model's folder is what the worker makes of the model."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from backend.contracts import ModelFamily, PromptPart, PromptTerm, fit_ratio
from backend.domain.prompts import AspectRatio
from backend.models.frames import read_frame
from backend.models.starters import starter_model
from backend.models.tokens import (
    CLIP_CHUNKS_MAX,
    T5_LENGTHS,
    CannotCount,
    Reader,
    TokenCounter,
    open_counter,
)
from gpu_worker.families import flux, open_family, sd3
from gpu_worker.family import EncoderKind, LoadedModel, TextEncoder
from gpu_worker.render.words import MOST_CHUNKS, is_cut, measure, tokenize

FAMILIES = pytest.mark.parametrize("name", list(ModelFamily))
KINDS = {Reader.CLIP: EncoderKind.CLIP, Reader.GIST: EncoderKind.POOLED, Reader.T5: EncoderKind.T5}
TEXTS = [
    "a fox in the snow",
    "It's a well-known 3D café, 100 % wool; don't!",
    "ein Fuchs im Schnee, 雪の中の狐 🦊",
    "<|endoftext|> a fox",
    "",
    "a red star " * 200,
    "supercalifragilistic " * 30,
]


def folder_of(name: ModelFamily) -> Path:
    folder = starter_model(name)
    assert folder is not None
    return folder


def part(text: str) -> PromptPart:
    return PromptPart(terms=(PromptTerm(text=text),))


def encoders_of(name: ModelFamily, counter: TokenCounter) -> list[TextEncoder]:
    """Return the worker's encoders over the same tokenizers, without their networks."""
    folders = {
        ModelFamily.SDXL: ("tokenizer", "tokenizer_2"),
        ModelFamily.SD3: ("tokenizer", "tokenizer_2", "tokenizer_3"),
        ModelFamily.FLUX: ("tokenizer", "tokenizer_2"),
    }[name]
    return [
        TextEncoder(
            name=one.name,
            kind=KINDS[one.reader],
            tokenizer=AutoTokenizer.from_pretrained(folder_of(name) / folder),
            network=None,
            lengths=one.lengths,
        )
        for one, folder in zip(counter._encoders, folders, strict=True)
    ]


@FAMILIES
def test_tokens_are_counted_as_the_worker_reads_them(name: ModelFamily) -> None:
    counter = open_counter(folder_of(name), name)
    encoders = encoders_of(name, counter)
    for text in TEXTS:
        for count, encoder in zip(counter.count([part(text)]), encoders, strict=True):
            read = tokenize(encoder, part(text))
            assert count.tokens == (len(read.ids),), (count.encoder, text)
            assert bool(count.fallen) == is_cut(encoder, read)
            if encoder.kind is EncoderKind.CLIP:
                assert count.chunks == measure(encoder, read)


@FAMILIES
@given(text=st.text(st.characters(codec="utf-8"), max_size=60))
def test_tokens_of_any_text_are_counted_the_same(name: ModelFamily, text: str) -> None:
    counter = COUNTERS.setdefault(name, open_counter(folder_of(name), name))
    encoders = ENCODERS.setdefault(name, encoders_of(name, counter))
    for count, encoder in zip(counter.count([part(text)]), encoders, strict=True):
        assert count.tokens == (len(tokenize(encoder, part(text)).ids),)


COUNTERS: dict[ModelFamily, TokenCounter] = {}
ENCODERS: dict[ModelFamily, list[TextEncoder]] = {}


def test_words_that_fall_off_are_named() -> None:
    counter = open_counter(folder_of(ModelFamily.FLUX), ModelFamily.FLUX)
    clip, t5 = counter.count([part("star " * 31 + "moon sun")])
    assert t5.fallen == ("moon", "sun")
    assert (t5.tokens, t5.room) == ((33,), 31)
    # Another encoder reads what a gist leaves out.
    assert clip.fallen == ()


def test_an_older_folder_of_vocabulary_and_merges_counts_the_same(tmp_path: Path) -> None:
    source = folder_of(ModelFamily.SDXL)
    for each in ("tokenizer", "tokenizer_2"):
        (tmp_path / each).mkdir()
        for file in ("vocab.json", "merges.txt", "tokenizer_config.json"):
            (tmp_path / each / file).write_bytes((source / each / file).read_bytes())
    older = open_counter(tmp_path, ModelFamily.SDXL)
    newer = open_counter(source, ModelFamily.SDXL)
    for text in TEXTS:
        assert older.count([part(text)]) == newer.count([part(text)])


def test_a_folder_without_tokenizers_says_that_it_cannot_be_counted(tmp_path: Path) -> None:
    with pytest.raises(CannotCount, match="cannot be read"):
        open_counter(tmp_path, ModelFamily.SDXL)


def test_both_ends_cut_words_at_the_same_lengths() -> None:
    assert CLIP_CHUNKS_MAX == MOST_CHUNKS
    assert T5_LENGTHS == {
        ModelFamily.SD3: sd3.T5_LENGTHS,
        ModelFamily.FLUX: (flux.MOST_T5_TOKENS,),
    }


@FAMILIES
def test_a_picture_gets_the_size_that_was_foretold(
    request: pytest.FixtureRequest, loaded: Mapping[ModelFamily, LoadedModel], name: ModelFamily
) -> None:
    folder: Path = request.getfixturevalue(f"tiny_{name}")
    frame, family = read_frame(folder, name), open_family(name, loaded[name])
    assert (frame.native_side, frame.side_multiple, frame.longest_side) == (
        family.native_side,
        family.side_multiple,
        family.longest_side,
    )
    for width, height in ((1, 1), (3, 2), (16, 9), (1, 3), (139, 100)):
        assert frame.size_of(AspectRatio(width=width, height=height)) == fit_ratio(
            aspect_width=width,
            aspect_height=height,
            native_side=family.native_side,
            side_multiple=family.side_multiple,
            longest_side=family.longest_side,
        )


@FAMILIES
def test_a_starter_is_shown_as_large_and_drawn_in_as_many_steps_as_its_card_says(
    name: ModelFamily,
) -> None:
    frame = read_frame(folder_of(name), name)
    card = json.loads((folder_of(name) / "impasto.json").read_text())
    assert frame.steps == card["steps"]
    assert frame.shown_size_of(AspectRatio()) == (frame.native_side * card["display_scale"],) * 2
