"""A LoRA is judged by its header: sound or not, for this model or for which other."""

import json
from pathlib import Path

import pytest
import torch
from diffusers import FluxPipeline, StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file

from backend.contracts import ModelFamily
from gpu_worker.compose.lora import load_lora
from gpu_worker.compose.lora_facts import LoraFacts, read_facts
from gpu_worker.compose.lora_names import LayerNames, LayerShape
from gpu_worker.compose.lora_notes import TrainingNotes, find_trigger_words
from gpu_worker.family import LoadedModel
from gpu_worker.state import AdapterBroken, AdapterMissing, AdapterUnfit
from tests.unit.gpu_worker.compose.loras import (
    names_of,
    some_pairs,
    style_lora,
    write_kohya,
    write_lora,
)

BLOCK = "down_blocks.1.attentions.0.transformer_blocks.0"
STARTERS = Path(__file__).parents[4] / "gpu_worker/starter/models"


def judge(path: Path, model: LoadedModel, family: ModelFamily = ModelFamily.SDXL) -> LoraFacts:
    return read_facts(path, name="a-style", family=family, names=names_of(model))


def a_pair_of(inputs: int, outputs: int, rank: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.ones(rank, inputs), torch.ones(outputs, rank)


def test_what_a_file_says_is_read(tmp_path: Path, loaded_sdxl: LoadedModel):
    facts = judge(style_lora(tmp_path / "a.safetensors", loaded_sdxl, rank=6), loaded_sdxl)
    assert facts.rank == 6
    assert facts.ranks()["unet"][f"{BLOCK}.attn1.to_q"] == 6
    assert facts.trigger_words == ()


@pytest.mark.parametrize("style", ["pixel-art", "line-drawing"])
def test_the_styles_that_ship_are_plain_loras_of_rank_eight(style: str):
    from diffusers import UNet2DConditionModel

    from gpu_worker.compose.lora_names import shapes_of

    config = UNet2DConditionModel.load_config(STARTERS / "sdxl/unet")
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(config)
    path = STARTERS / f"lora-{style}" / "pytorch_lora_weights.safetensors"
    names = LayerNames({"unet": shapes_of(unet)}, layers_per_block=1)
    facts = read_facts(path, name=style, family=ModelFamily.SDXL, names=names)
    assert facts.rank == 8
    assert len(facts.pairs) == 80


@pytest.mark.parametrize("ending", [".bin", ".pt", ".ckpt", ".pkl"])
def test_pickles_are_refused(tmp_path: Path, loaded_sdxl: LoadedModel, ending: str):
    path = tmp_path / f"a{ending}"
    path.write_bytes(b"\x80\x04")
    with pytest.raises(AdapterBroken, match="pickles are refused"):
        judge(path, loaded_sdxl)


def test_a_pickle_under_a_better_name_is_refused(tmp_path: Path, loaded_sdxl: LoadedModel):
    path = tmp_path / "a.safetensors"
    torch.save({"lora": torch.ones(3)}, path)
    with pytest.raises(AdapterBroken, match="safetensors"):
        judge(path, loaded_sdxl)


def test_a_missing_file_is_missing(tmp_path: Path, loaded_sdxl: LoadedModel):
    with pytest.raises(AdapterMissing, match="no LoRA named a-style"):
        judge(tmp_path / "a.safetensors", loaded_sdxl)


def test_a_truncated_file_is_broken(tmp_path: Path, loaded_sdxl: LoadedModel):
    path = style_lora(tmp_path / "a.safetensors", loaded_sdxl)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(AdapterBroken, match="truncated"):
        judge(path, loaded_sdxl)


@pytest.mark.parametrize(
    ("layer", "inputs", "outputs", "words"),
    [
        ("lora_unet_" + "down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k", 768, 320,
         "Stable Diffusion 1.5"),
        ("unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k", 1024, 320,
         "Stable Diffusion 2"),
        ("lora_unet_double_blocks_0_img_attn_qkv", 3072, 9216, "Flux"),
        ("transformer.transformer_blocks.0.attn.to_q", 3072, 3072, "Flux"),
        ("transformer.single_transformer_blocks.7.attn.to_q", 3072, 3072, "Flux"),
        ("transformer.transformer_blocks.0.attn.to_q", 1536, 1536, "Stable Diffusion 3"),
        ("lora_unet_joint_blocks_3_x_block_attn_qkv", 1536, 4608, "Stable Diffusion 3"),
    ],
)  # fmt: skip
def test_a_lora_for_another_base_is_refused_by_name(
    tmp_path: Path, loaded_sdxl: LoadedModel, layer: str, inputs: int, outputs: int, words: str
):
    path = write_lora(tmp_path / "a.safetensors", {layer: a_pair_of(inputs, outputs)})
    with pytest.raises(AdapterUnfit, match=f"made for {words}, and this model is SDXL"):
        judge(path, loaded_sdxl)


def test_an_sdxl_lora_is_refused_for_flux(tmp_path: Path, loaded_flux: LoadedModel):
    layer = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k"
    path = write_kohya(tmp_path / "a.safetensors", {layer: a_pair_of(2048, 640)}, alpha=4)
    with pytest.raises(AdapterUnfit, match="made for SDXL, and this model is FLUX"):
        judge(path, loaded_flux, ModelFamily.FLUX)


def test_a_lora_of_other_widths_is_refused_by_them(tmp_path: Path, loaded_sdxl: LoadedModel):
    path = write_lora(
        tmp_path / "a.safetensors", {f"unet.{BLOCK}.attn2.to_k": a_pair_of(2048, 640)}
    )
    with pytest.raises(AdapterUnfit, match="from 2048 to 640 channels, this model's from 64 to 64"):
        judge(path, loaded_sdxl)


def test_a_lora_for_layers_that_are_not_here_is_refused(tmp_path: Path, loaded_sdxl: LoadedModel):
    layer = "unet.down_blocks.9.attentions.0.transformer_blocks.0.attn1.to_q"
    path = write_lora(tmp_path / "a.safetensors", {layer: a_pair_of(64, 64)})
    with pytest.raises(AdapterUnfit, match=r"this one has no 'unet\.down_blocks\.9"):
        judge(path, loaded_sdxl)


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (f"unet.{BLOCK}.attn1.to_q.hada_w1_a", "a LoHa"),
        (f"unet.{BLOCK}.attn1.to_q.lokr_w1", "a LoKr"),
        (f"unet.{BLOCK}.attn1.to_q.dora_scale", "a DoRA"),
        (f"unet.{BLOCK}.attn1.to_q.weight", "no LoRA"),
        (f"unet.{BLOCK}.attn1.to_q.lora_A.weight", "no whole LoRA"),
    ],
)
def test_other_kinds_are_named(tmp_path: Path, loaded_sdxl: LoadedModel, tensor: str, words: str):
    save_file({tensor: torch.ones(4, 64)}, tmp_path / "a.safetensors")
    with pytest.raises(AdapterBroken, match=words):
        judge(tmp_path / "a.safetensors", loaded_sdxl)


def test_tensors_that_are_no_pair_are_broken(tmp_path: Path, loaded_sdxl: LoadedModel):
    tensors = {
        f"unet.{BLOCK}.attn1.to_q.lora_A.weight": torch.ones(4, 64),
        f"unet.{BLOCK}.attn1.to_q.lora_B.weight": torch.ones(64, 5),
    }
    save_file(tensors, tmp_path / "a.safetensors")
    with pytest.raises(AdapterBroken, match="are no pair"):
        judge(tmp_path / "a.safetensors", loaded_sdxl)


def same_pairs(ours: LoraFacts, theirs: dict[str, torch.Tensor], alphas: dict[str, float] | None):
    """Compare what we load with what diffusers makes of the same file, layer by layer."""
    loaded = load_lora(ours, dtype=torch.float32)
    products = {
        f"{part}.{layer}": up @ down.flatten(1)
        for part, layers in loaded.parts.items()
        for layer, (down, up) in layers.items()
    }
    for name, down in theirs.items():
        if "lora_A" not in name and ".down." not in name:
            continue
        up = theirs[name.replace("lora_A", "lora_B").replace(".down.", ".up.")]
        layer = name.replace(".lora_A.weight", "").replace(".processor", "")
        layer = layer.replace(".lora.down.weight", "").replace("_lora.down.weight", "")
        layer = layer.replace("to_out", "to_out.0") if layer.endswith("to_out") else layer
        scale = 1.0
        for alpha_name, alpha in (alphas or {}).items():
            if alpha_name.removesuffix(".alpha") in name:
                scale = alpha / down.shape[0]
        torch.testing.assert_close(products.pop(layer), scale * up.flatten(1) @ down.flatten(1))
    assert products == {}


def test_kohyas_names_in_the_original_unet_mean_what_diffusers_takes_them_for(
    tmp_path: Path, loaded_sdxl: LoadedModel
):
    names = names_of(loaded_sdxl)
    shapes = names.parts["unet"]
    layers = {
        "lora_unet_input_blocks_3_1_transformer_blocks_0_attn1_to_q":
            "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q",
        "lora_unet_middle_block_1_transformer_blocks_0_attn2_to_v":
            "mid_block.attentions.0.transformer_blocks.0.attn2.to_v",
        "lora_unet_output_blocks_1_1_transformer_blocks_0_attn1_to_out_0":
            "up_blocks.0.attentions.1.transformer_blocks.0.attn1.to_out.0",
    }  # fmt: skip
    pairs = some_pairs(shapes, layers=layers.values(), rank=4, seed=1)
    path = write_kohya(
        tmp_path / "a.safetensors",
        {flat: pairs[layer] for flat, layer in layers.items()},
        alpha=2.0,
    )
    theirs, alphas = StableDiffusionXLPipeline.lora_state_dict(
        load_file(path), unet_config=loaded_sdxl.pipeline.unet.config
    )
    same_pairs(judge(path, loaded_sdxl), theirs, alphas)


def test_flux_names_of_joined_layers_mean_what_diffusers_takes_them_for(tmp_path: Path):
    shapes = {
        f"transformer_blocks.0.attn.to_{one}": LayerShape(outputs=3072, inputs=3072)
        for one in "qkv"
    } | {
        "single_transformer_blocks.0.attn.to_q": LayerShape(outputs=3072, inputs=3072),
        "single_transformer_blocks.0.attn.to_k": LayerShape(outputs=3072, inputs=3072),
        "single_transformer_blocks.0.attn.to_v": LayerShape(outputs=3072, inputs=3072),
        "single_transformer_blocks.0.proj_mlp": LayerShape(outputs=12288, inputs=3072),
        "transformer_blocks.0.attn.to_add_out": LayerShape(outputs=3072, inputs=3072),
    }
    generator = torch.Generator().manual_seed(1)

    def pair(outputs: int) -> tuple[torch.Tensor, torch.Tensor]:
        return (
            torch.randn(2, 3072, generator=generator),
            torch.randn(outputs, 2, generator=generator),
        )

    path = write_kohya(
        tmp_path / "a.safetensors",
        {
            "lora_unet_double_blocks_0_img_attn_qkv": pair(3 * 3072),
            "lora_unet_double_blocks_0_txt_attn_proj": pair(3072),
            "lora_unet_single_blocks_0_linear1": pair(3 * 3072 + 12288),
        },
        alpha=1.0,
    )
    names = LayerNames({"transformer": shapes})
    facts = read_facts(path, name="a", family=ModelFamily.FLUX, names=names)
    same_pairs(facts, FluxPipeline.lora_state_dict(load_file(path)), None)


def test_old_names_and_flat_names_of_diffusers_are_understood(loaded_sdxl: LoadedModel):
    names = names_of(loaded_sdxl)
    layer = f"{BLOCK}.attn1.to_out.0"
    stems = (
        f"unet.{layer}",
        f"unet.{BLOCK}.attn1.processor.to_out",
        f"lora_unet_{layer.replace('.', '_')}",
    )
    assert [names.find(stem)[0].layer for stem in stems] == [layer] * 3


def test_encoders_are_found_with_and_without_their_wrapping(loaded_sdxl: LoadedModel):
    names = names_of(loaded_sdxl)
    rest = "encoder_layers_0_self_attn_q_proj"
    for part, prefix in (("text_encoder", "lora_te1_"), ("text_encoder_2", "lora_te2_")):
        (flat,) = names.find(f"{prefix}text_model_{rest}")
        (dotted,) = names.find(f"{part}.text_model.encoder.layers.0.self_attn.q_proj")
        (old,) = names.find(f"{part}.text_model.encoder.layers.0.self_attn.to_q")
        assert flat == dotted == old
        assert flat.part == part


def test_trigger_words_said_outright_come_first():
    notes = {
        "modelspec.trigger_phrase": "pxl art,  sharp ",
        "ss_tag_frequency": json.dumps({"10_x": {"cat": 9}}),
    }
    assert find_trigger_words(notes) == ("pxl art", "sharp")


def test_trigger_words_are_what_stands_in_nearly_every_caption():
    tags = {"10_x": {"pxl": 100, "sharp": 95, "cat": 20}, "5_y": {"dog": 3}}
    assert find_trigger_words({"ss_tag_frequency": json.dumps(tags)}) == ("pxl", "sharp")


@pytest.mark.parametrize("said", ["", "{", "[1]", '{"a": 1}', '{"a": {"b": "c"}}'])
def test_odd_notes_name_no_words(said: str):
    assert find_trigger_words({"ss_tag_frequency": said}) == ()


def test_pefts_scalings_are_kept():
    said = {"unet.lora_alpha": 8, "unet.alpha_pattern": {"attn1.to_q": 2}}
    notes = TrainingNotes.read({"lora_adapter_metadata": json.dumps(said)})
    assert notes.scaling("unet", "a.attn1.to_q", rank=4) == 0.5
    assert notes.scaling("unet", "a.attn1.to_k", rank=4) == 2.0
    assert notes.scaling("text_encoder", "a", rank=4) == 1.0
    root = TrainingNotes(settings=said | {"unet.use_rslora": True})
    assert root.scaling("unet", "a", rank=4) == 4.0
