"""What becomes of words: long ones in chunks, weighed ones, mixed parts; none is read twice."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import diffusers
import pytest
import torch

from backend.contracts import LoraUse, ModelFamily, PromptPart, PromptTerm, RenderNote
from gpu_worker.families import open_family
from gpu_worker.family import EncoderKind, Family, LoadedModel, TextEncoder
from gpu_worker.render.embedding_cache import EmbeddingCache
from gpu_worker.render.encode import Encoded, PromptEncoder
from gpu_worker.render.guidance import Guidance
from gpu_worker.state import BadRequest
from tests.unit.gpu_worker.conftest import a_render_job

GUIDED = Guidance(scale=5.0)
UNGUIDED = Guidance(scale=1.0)
CHUNK = 77
ROOM = 75  # the tiny tokenizers count letters
FAMILIES = pytest.mark.parametrize("name", list(ModelFamily))


def part(*terms: str | tuple[str, float], weight: float = 1.0) -> PromptPart:
    return PromptPart(
        terms=tuple(
            PromptTerm(text=one) if isinstance(one, str) else PromptTerm(text=one[0], weight=one[1])
            for one in terms
        ),
        weight=weight,
    )


def encode(target: Family | PromptEncoder, guidance: Guidance = UNGUIDED, **fields: Any) -> Encoded:
    encoder = target if isinstance(target, PromptEncoder) else PromptEncoder(family=target)
    with torch.inference_mode():
        return encoder.encode(a_render_job(**fields), guidance, width=64, height=64)


def embeds(target: Family | PromptEncoder, **fields: Any) -> torch.Tensor:
    return encode(target, **fields).conditioning.embeds


@pytest.fixture
def opened(loaded: Mapping[ModelFamily, LoadedModel], name: ModelFamily) -> Family:
    return open_family(name, loaded[name])


@pytest.fixture
def sd3(loaded_sd3: LoadedModel) -> Family:
    return open_family(ModelFamily.SD3, loaded_sd3)


class CountingNetwork:
    """Counts how often an encoder is asked, and asks it."""

    def __init__(self, network: Any) -> None:
        self._network = network
        self.calls = 0

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        self.calls += 1
        return self._network(*inputs, **options)


def counted(family: Family, monkeypatch: pytest.MonkeyPatch) -> list[CountingNetwork]:
    networks = [CountingNetwork(one.network) for one in family.encoders]
    pairs = zip(family.encoders, networks, strict=True)
    monkeypatch.setattr(
        family, "encoders", tuple(replace(one, network=network) for one, network in pairs)
    )
    return networks


def stretched(family: Family, lengths: tuple[int, ...]) -> tuple[TextEncoder, ...]:
    """Return a family's encoders with a T5 that may be filled up further."""
    return tuple(
        replace(one, lengths=lengths) if one.kind is EncoderKind.T5 else one
        for one in family.encoders
    )


def test_two_prompts_are_read_as_the_stock_pipeline_reads_them(
    sdxl: Family, loaded_sdxl: LoadedModel
):
    pipe = diffusers.StableDiffusionXLPipeline(
        **loaded_sdxl.pipeline.components, add_watermarker=False
    )
    with torch.inference_mode():
        toward, away, pooled, away_pooled = pipe.encode_prompt(
            "a fox", negative_prompt="blurry", device=torch.device("cpu")
        )
    found = encode(sdxl, GUIDED, prompt="a fox", negative_prompt="blurry", image_count=2)
    assert torch.equal(found.conditioning.embeds, torch.cat([away, away, toward, toward]))
    assert torch.equal(
        found.conditioning.pooled, torch.cat([away_pooled, away_pooled, pooled, pooled])
    )
    assert found.notes == ()


def test_a_long_prompt_is_read_in_chunks_one_after_another(sdxl: Family):
    first, second, third = "a" * ROOM, "b" * ROOM, "c" * 5
    found = encode(sdxl, prompt=first + " " + second + " " + third).conditioning
    alone = [encode(sdxl, prompt=words).conditioning for words in (first, second, third)]
    assert found.embeds.shape[1] == 3 * CHUNK
    for index, one in enumerate(alone):
        chunk = found.embeds[:, index * CHUNK : (index + 1) * CHUNK]
        assert (chunk - one.embeds).abs().max() < 1e-5
    # The gist is the first chunk's.
    assert (found.pooled - alone[0].pooled).abs().max() < 1e-5


@FAMILIES
def test_the_shorter_prompt_is_filled_up_to_the_longer_ones_chunks(opened: Family):
    both = encode(opened, GUIDED, prompt="fox " * 60, negative_prompt="blurry").conditioning
    alone = encode(opened, prompt="fox " * 60).conditioning
    assert both.embeds.shape[0] == 2
    assert both.embeds.shape[1] == alone.embeds.shape[1]


def test_sd3_reads_a_long_prompt_in_chunks_before_its_t5(sd3: Family):
    found, short = embeds(sd3, prompt="a" * 100), embeds(sd3, prompt="a")
    assert found.shape[1] == short.shape[1] + CHUNK


def test_a_t5_is_filled_up_to_the_shortest_length_that_holds_both_prompts(
    sd3: Family, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sd3, "encoders", stretched(sd3, (20, 40)))
    assert embeds(sd3, prompt="a fox").shape[1] == CHUNK + 20
    assert embeds(sd3, prompt="a fox sits in the snow").shape[1] == CHUNK + 40
    away = encode(sd3, GUIDED, prompt="a fox", negative_prompt="a very very blurry one")
    assert away.conditioning.embeds.shape[:2] == (2, CHUNK + 40)


@pytest.mark.parametrize("lengths", [(256,), (256, 512)])
def test_sd3_reads_as_its_stock_pipeline_does_at_every_length(
    sd3: Family,
    loaded_sd3: LoadedModel,
    monkeypatch: pytest.MonkeyPatch,
    lengths: tuple[int, ...],
):
    monkeypatch.setattr(sd3, "encoders", stretched(sd3, lengths))
    monkeypatch.setattr(loaded_sd3.pipeline.tokenizer_3, "model_max_length", 512)
    # A letter is a token; three hundred fit the longer row alone.
    words = "fox" if len(lengths) == 1 else "z" * 300
    pipe = diffusers.StableDiffusion3Pipeline(**loaded_sd3.pipeline.components)
    with torch.inference_mode():
        expected, _, pooled, _ = pipe.encode_prompt(
            words, None, None, device=torch.device("cpu"),
            do_classifier_free_guidance=False, max_sequence_length=lengths[-1],
        )  # fmt: skip
    found = encode(sd3, prompt=words)
    t5 = lengths[-1]
    assert torch.equal(found.conditioning.embeds[:, -t5:], expected[:, -t5:])
    assert (found.conditioning.embeds[:, :CHUNK] - expected[:, :CHUNK]).abs().max() < 1e-5
    assert (found.conditioning.pooled - pooled).abs().max() < 1e-5


@FAMILIES
def test_plain_terms_are_read_as_the_plain_prompt(opened: Family):
    plain = embeds(opened, prompt="a red fox")
    assert torch.equal(embeds(opened, parts=(part("a red fox"),)), plain)
    assert torch.equal(embeds(opened, parts=(part("a red ", ("fox", 1.0)),)), plain)


def test_a_weight_moves_its_own_words_alone_and_by_its_measure(sdxl: Family):
    plain = embeds(sdxl, prompt="ab cd")
    nothing = embeds(sdxl, prompt="")
    # One token a letter, after the mark that begins.
    own = slice(3, 5)
    for weight in (1.3, 0.9, 0.0, -0.5):
        weighed = encode(sdxl, parts=(part("ab ", ("cd", weight)),))
        found = weighed.conditioning.embeds
        expected = nothing[:, own] + weight * (plain[:, own] - nothing[:, own])
        assert (found[:, own] - expected).abs().max() < 1e-5
        others = torch.ones(CHUNK, dtype=torch.bool)
        others[own] = False
        assert torch.equal(found[:, others], plain[:, others])
        assert weighed.notes == (RenderNote.GIST_UNWEIGHTED,)


@FAMILIES
def test_a_weight_changes_what_every_family_is_told(opened: Family):
    plain = encode(opened, prompt="a fox")
    weighed = encode(opened, parts=(part("a ", ("fox", 1.5)),))
    assert (weighed.conditioning.embeds - plain.conditioning.embeds).abs().max() > 1e-3
    assert torch.equal(weighed.conditioning.pooled, plain.conditioning.pooled)
    assert RenderNote.GIST_UNWEIGHTED in weighed.notes


@FAMILIES
def test_parts_are_mixed_by_their_share_of_the_weight_gist_included(opened: Family):
    fox, snow = encode(opened, prompt="fox"), encode(opened, prompt="snow")
    mixed = encode(opened, parts=(part("fox", weight=2.0), part("snow", weight=-0.5)))
    for field in ("embeds", "pooled"):
        one, other, both = (getattr(e.conditioning, field) for e in (fox, snow, mixed))
        assert (both - (2.0 * one - 0.5 * other) / 1.5).abs().max() < 1e-5
    assert mixed.notes == ()


def test_a_negative_prompt_has_parts_of_its_own(sdxl: Family):
    found = encode(sdxl, GUIDED, negative_parts=(part("blur", weight=3.0), part("fog")))
    blur, fog = embeds(sdxl, prompt="blur"), embeds(sdxl, prompt="fog")
    assert (found.conditioning.embeds[:1] - (0.75 * blur + 0.25 * fog)).abs().max() < 1e-5


@pytest.mark.parametrize("weights", [(1.0, -1.0), (0.0, 0.0), (-2.0, 1.0)])
def test_parts_that_come_to_nothing_are_a_bad_request(sdxl: Family, weights: tuple[float, float]):
    with pytest.raises(BadRequest, match="must come to more than nothing"):
        encode(sdxl, parts=(part("fox", weight=weights[0]), part("snow", weight=weights[1])))


def test_words_beyond_what_is_read_are_told(sd3: Family, sdxl: Family):
    assert encode(sd3, prompt="x" * 32).notes == (RenderNote.WORDS_CUT,)
    assert encode(sdxl, prompt="x" * 1000).notes == ()
    cut = encode(sdxl, prompt="x" * 1201)
    assert cut.notes == (RenderNote.WORDS_CUT,)
    assert cut.conditioning.embeds.shape[1] == 16 * CHUNK


def test_a_distilled_model_tells_that_it_looks_at_no_negative_prompt(loaded_flux: LoadedModel):
    flux = open_family(ModelFamily.FLUX, loaded_flux)
    distilled = Guidance(scale=3.0, is_left_to_network=True)
    assert encode(flux, distilled, negative_prompt="blurry").notes == (RenderNote.NEGATIVE_IGNORED,)
    assert encode(flux, distilled).notes == ()


@FAMILIES
def test_what_was_read_is_not_read_again(opened: Family, monkeypatch: pytest.MonkeyPatch):
    networks = counted(opened, monkeypatch)
    encoder = PromptEncoder(family=opened)
    first = encode(encoder, GUIDED, prompt="a fox", negative_prompt="blurry")
    again = encode(encoder, GUIDED, prompt="a fox", negative_prompt="blurry")
    assert {one.calls for one in networks} == {2}
    assert torch.equal(first.conditioning.embeds, again.conditioning.embeds)
    encode(encoder, GUIDED, prompt="a hare", negative_prompt="blurry")
    encode(encoder, GUIDED, parts=(part("a ", ("fox", 1.2)),), negative_prompt="blurry")
    # A weighed text is another content; a T5 reads also the nothing it is weighed against.
    assert {one.calls for one in networks} <= {4, 5}
    encoder.cache.forget()
    encode(encoder, prompt="a hare")
    assert min(one.calls for one in networks) >= 5


def test_the_cache_keeps_to_its_bytes_and_drops_what_was_used_longest_ago(
    sdxl: Family, monkeypatch: pytest.MonkeyPatch
):
    networks = counted(sdxl, monkeypatch)
    unbounded = PromptEncoder(family=sdxl)
    encode(unbounded, prompt="a")
    of_one = unbounded.cache.size_bytes
    assert of_one > 0
    encoder = PromptEncoder(family=sdxl, cache=EmbeddingCache(most_bytes=2 * of_one))
    before = networks[0].calls
    for prompt in ("a", "b", "a", "c", "a"):
        encode(encoder, prompt=prompt)
        assert encoder.cache.size_bytes <= 2 * of_one
    assert networks[0].calls - before == 3
    encode(encoder, prompt="b")
    assert networks[0].calls - before == 4


def test_the_cache_keeps_no_prompt(sdxl: Family):
    encoder = PromptEncoder(family=sdxl)
    encode(encoder, prompt="a secret fox")
    ids = sdxl.encoders[0].tokenizer("secret", add_special_tokens=False).input_ids
    kept = repr(list(encoder.cache._kept))
    assert "secret" not in kept
    assert ", ".join(map(str, ids)) not in kept


def test_what_an_encoder_made_in_other_adapters_is_read_anew(
    sdxl: Family, monkeypatch: pytest.MonkeyPatch
):
    networks = counted(sdxl, monkeypatch)
    encoder = PromptEncoder(family=sdxl)
    fox, half = LoraUse(name="fox"), LoraUse(name="fox", scale=0.5)
    for outfit, calls in (((), 1), ((fox,), 2), ((), 2), ((fox,), 2), ((half,), 3), ((fox,), 3)):
        encoder.cache.wear(outfit)
        encode(encoder, prompt="a fox")
        assert networks[0].calls == calls
