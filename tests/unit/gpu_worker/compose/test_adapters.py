"""Layers wear LoRAs in place: exactly their sum, never a trace of them, never compiled again."""

import copy
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch._dynamo import testing as dynamo_testing

from gpu_worker.compose.adapters import AdaptedNetwork, Worn
from gpu_worker.compose.lora_names import shapes_of
from gpu_worker.family import LoadedModel
from tests.unit.gpu_worker.compose.loras import Pair, attention_layers, names_of, some_pairs

LAYERS = ("0", "2")


def a_network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.SiLU(), nn.Conv2d(6, 4, 1))


def pairs_for(network: nn.Module, layers: Sequence[str], *, rank: int, seed: int):
    return some_pairs(shapes_of(network), layers=layers, rank=rank, seed=seed)


def with_weights_changed(network: nn.Module, adapters: Sequence[Worn]) -> nn.Module:
    """Return a copy whose weights are what the LoRAs mean: W + scale * up @ down."""
    changed = copy.deepcopy(network)
    for worn in adapters:
        for path, (down, up) in worn.pairs.items():
            weight = changed.get_submodule(path).weight
            weight.data += worn.scale * (up @ down.flatten(1)).reshape(weight.shape)
    return changed


def linear_network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.SiLU(), nn.Linear(7, 3))


outfits = st.lists(
    st.lists(
        st.tuples(
            st.integers(1, 9),
            st.integers(0, 50),
            st.sampled_from([(), ("0",), ("2",), LAYERS]),
            st.floats(-2, 2, allow_subnormal=False),
        ),
        max_size=3,
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.parametrize("make", [a_network, linear_network])
@settings(max_examples=40, deadline=None)
@given(history=outfits)
def test_after_any_changes_a_network_draws_what_its_outfit_means(make, history):
    plain = make()
    values = torch.randn(2, 3, 8, 8) if make is a_network else torch.randn(2, 4, 5)
    network = copy.deepcopy(plain)
    adapted = AdaptedNetwork(network, dtype=torch.float32)
    for outfit in history:
        adapters = [
            Worn(pairs=pairs_for(plain, layers, rank=rank, seed=seed), scale=scale)
            for rank, seed, layers, scale in outfit
        ]
        adapted.wear(adapters)
        with torch.inference_mode():
            drawn = network(values)
            expected = with_weights_changed(plain, adapters)(values)
        torch.testing.assert_close(drawn, expected, atol=1e-4, rtol=1e-4)
    adapted.take_off()
    with torch.inference_mode():
        assert torch.equal(network(values), plain(values))


@pytest.fixture
def unet(loaded_sdxl: LoadedModel) -> nn.Module:
    return copy.deepcopy(loaded_sdxl.pipeline.unet)


def look(unet: nn.Module) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    with torch.inference_mode():
        return unet(
            torch.randn(2, 4, 8, 8, generator=generator),
            torch.tensor([600.0, 20.0]),
            encoder_hidden_states=torch.randn(2, 77, 64, generator=generator),
            added_cond_kwargs={
                "text_embeds": torch.randn(2, 32, generator=generator),
                "time_ids": torch.zeros(2, 6),
            },
            return_dict=False,
        )[0]


def unet_pairs(loaded: LoadedModel, *, rank: int, seed: int) -> dict[str, Pair]:
    shapes = names_of(loaded).parts["unet"]
    layers = [*attention_layers(shapes), "conv_in", "conv_out"]
    return some_pairs(shapes, layers=layers, rank=rank, seed=seed)


def test_a_unet_that_takes_off_its_loras_draws_to_the_bit_what_it_drew(
    unet: nn.Module, loaded_sdxl: LoadedModel
):
    before = look(unet)
    state = {name: value.clone() for name, value in unet.state_dict().items()}
    adapted = AdaptedNetwork(unet, dtype=torch.float32)
    for round_number in range(5):
        adapted.wear([Worn(pairs=unet_pairs(loaded_sdxl, rank=3, seed=round_number), scale=1.3)])
        assert (look(unet) - before).abs().max() > 1e-2
        adapted.wear([])
        assert torch.equal(look(unet), before)
    adapted.strip()
    assert torch.equal(look(unet), before)
    assert unet.state_dict().keys() == state.keys()
    assert all(torch.equal(state[name], value) for name, value in unet.state_dict().items())
    assert not any("Adapted" in type(module).__name__ for module in unet.modules())


def test_a_hundred_changes_compile_nothing_again(unet: nn.Module, loaded_sdxl: LoadedModel):
    torch._dynamo.reset()
    counter = dynamo_testing.CompileCounter()
    adapted = AdaptedNetwork(unet, dtype=torch.float32)
    loras = [unet_pairs(loaded_sdxl, rank=rank, seed=rank) for rank in (2, 5, 8)]
    adapted.make_room(dict.fromkeys(loras[0], 16))
    unet.compile(backend=counter, dynamic=False)
    # Warming up: once bare, once dressed.
    look(unet)
    adapted.wear([Worn(pairs=loras[0], scale=1.0)])
    look(unet)
    frames, rebuilds = counter.frame_count, adapted.rebuilds
    assert frames > 0
    with torch._dynamo.config.patch(error_on_recompile=True):
        for change in range(100):
            worn = [Worn(pairs=loras[change % 3], scale=0.1 + change / 100)]
            if change % 5 == 4:
                worn.append(Worn(pairs=loras[(change + 1) % 3], scale=-0.5))
            adapted.wear(worn if change % 7 else [])
            if change % 10 in (0, 4, 9):
                look(unet)
    assert (counter.frame_count, adapted.rebuilds) == (frames, rebuilds)
    torch._dynamo.reset()


def test_room_grows_only_when_it_must():
    network = linear_network()
    adapted = AdaptedNetwork(network, dtype=torch.float32)
    assert adapted.make_room({"0": 5})
    assert network[0].lora_down.shape == (8, 5)
    assert not adapted.make_room({"0": 8})
    assert adapted.rebuilds == 1
    assert adapted.room_bytes == 4 * 8 * (5 + 7)
    assert adapted.make_room({"0": 9, "2": 1})
    assert adapted.rebuilds == 2


def test_room_made_while_something_is_worn_wears_nothing_yet():
    network = linear_network()
    adapted = AdaptedNetwork(network, dtype=torch.float32)
    pairs = pairs_for(network, ["0"], rank=2, seed=1)
    adapted.wear([Worn(pairs=pairs, scale=1.0)])
    values = torch.randn(3, 5)
    before = network(values)
    adapted.make_room({"2": 4})
    torch.testing.assert_close(network(values), before)


def test_it_can_be_changed_inside_and_outside_of_inference_mode():
    network = linear_network()
    adapted = AdaptedNetwork(network, dtype=torch.float32)
    pairs = pairs_for(network, LAYERS, rank=2, seed=1)
    with torch.inference_mode():
        adapted.wear([Worn(pairs=pairs, scale=1.0)])
    adapted.wear([Worn(pairs=pairs, scale=0.5)])
    with torch.inference_mode():
        adapted.wear([Worn(pairs=pairs, scale=1.0)])
    torch.testing.assert_close(
        network(torch.ones(1, 5)),
        with_weights_changed(linear_network(), [Worn(pairs=pairs, scale=1.0)])(torch.ones(1, 5)),
    )
