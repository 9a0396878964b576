"""How a picture was made: all choices made, and whether it can be made again."""

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image

from backend.contracts import DrawnBy, Recipe, RecipeFile, Sampler, SourceKey
from gpu_worker.compose.digests import FileDigests
from gpu_worker.compose.drawn_by import UsedFiles, tell_decoder, tell_drawn_by
from gpu_worker.compose.signing import SignedDecoder
from gpu_worker.engine.loop import Engine
from gpu_worker.family import Family, LoadedModel
from gpu_worker.render.drawing import Drawing, DrawOrder
from gpu_worker.render.notary import Notary
from gpu_worker.render.pipeline import Renderer
from gpu_worker.render.pixel_digest import hash_pixels
from gpu_worker.samplers import open_sampler
from tests.builders import a_recipe
from tests.fakes.engines import draw_alone, ignore
from tests.unit.gpu_worker.conftest import a_render_job

DRAWN_BY: DrawnBy = a_recipe().drawn_by


def open_renderer(family: Family, *files: RecipeFile) -> Renderer:
    return Renderer(
        family=family,
        open_sampler=partial(
            open_sampler, family=family.name, scheduler_config=family.scheduler_config
        ),
        notary=Notary(family=family, drawn_by=DRAWN_BY, name_files=lambda _job: files),
    )


def recipe_of(drawing: Drawing) -> Recipe:
    assert drawing.recipe is not None
    return drawing.recipe


def draw(renderer: Renderer, begin: Image.Image | None = None, **fields: Any) -> Recipe:
    order = DrawOrder(job=a_render_job(**fields), source=begin)
    return recipe_of(draw_alone(renderer, order))


def test_what_was_left_to_the_model_is_written_down_as_the_model_chose_it(sdxl: Family):
    recipe = draw(open_renderer(sdxl), steps=None, guidance=None, sampler=None)
    defaults = sdxl.defaults
    chosen = (recipe.steps, recipe.guidance, recipe.sampler)
    assert chosen == (defaults.steps, defaults.guidance, defaults.sampler)
    assert (recipe.width, recipe.height) == (sdxl.native_side, sdxl.native_side)
    assert recipe.drawn_by == DRAWN_BY


def test_what_was_asked_for_is_written_down_as_it_was_asked(sdxl: Family):
    parts = [
        {"terms": [{"text": "a"}, {"text": "red", "weight": 1.3}], "weight": 2},
        {"terms": [{"text": "snow"}], "weight": 1},
    ]
    recipe = draw(
        open_renderer(sdxl),
        prompt="a fox",
        negative_prompt="mist",
        parts=parts,
        aspect_width=3,
        aspect_height=2,
        sampler=Sampler.DDIM,
        guidance=3.5,
        seed=11,
        image_count=2,
    )
    assert (recipe.prompt, recipe.negative_prompt) == ("a fox", "mist")
    assert [(term.text, term.weight) for term in recipe.parts[0].terms] == [("a", 1), ("red", 1.3)]
    assert [part.weight for part in recipe.parts] == [2, 1]
    assert (recipe.seed, recipe.image_count, recipe.steps) == (11, 2, 4)
    assert (recipe.sampler, recipe.guidance) == (Sampler.DDIM, 3.5)
    assert recipe.aspect_ratio == "3:2"
    assert recipe.width > recipe.height


def test_a_schedule_is_known_by_its_sampler_and_by_the_models_settings(
    sdxl: Family, monkeypatch: pytest.MonkeyPatch
):
    def digest(sampler: Sampler) -> str:
        return draw(open_renderer(sdxl), sampler=sampler).sampler_sha256

    plain, other = digest(Sampler.DDIM), digest(Sampler.EULER)
    assert digest(Sampler.DDIM) == plain != other
    monkeypatch.setattr(sdxl, "scheduler_config", {**sdxl.scheduler_config, "beta_end": 0.02})
    assert digest(Sampler.DDIM) != plain


def test_a_picture_that_went_in_is_known_by_its_pixels(sdxl: Family):
    def digest(colour: tuple[int, int, int]) -> tuple[str, float | None]:
        source = SourceKey(key="images/a.png", strength=0.5)
        recipe = draw(open_renderer(sdxl), Image.new("RGB", (64, 64), colour), source=source)
        (picture,) = recipe.pictures
        assert picture.role == "source"
        return picture.sha256, picture.strength

    assert digest((1, 2, 3)) == digest((1, 2, 3)) != digest((1, 2, 4))
    assert digest((1, 2, 3)) == (hash_pixels(Image.new("RGB", (64, 64), (1, 2, 3))), 0.5)


def test_what_else_was_asked_for_is_in_it_by_the_names_of_the_message(sdxl: Family):
    red, mask = Image.new("RGB", (64, 64), "red"), Image.new("L", (64, 64), 255)
    order = DrawOrder(
        job=a_render_job(
            source=SourceKey(key="images/a.png", strength=0.5),
            mask={"key": "images/b.png", "boxes": []},
            manner={"chaos": 20, "is_same_seed": True},
            is_tiled=True,
        ),
        source=red,
        mask=mask,
    )
    recipe = recipe_of(draw_alone(open_renderer(sdxl), order))
    assert recipe.further == {"manner": {"chaos": 20, "is_same_seed": True}, "is_tiled": True}
    assert [picture.role for picture in recipe.pictures] == ["source", "mask"]
    assert "images/" not in str(recipe)


def test_files_beside_the_model_are_in_it(sdxl: Family):
    file = RecipeFile(role="upscaler", name="x4", sha256="ab" * 32)
    assert draw(open_renderer(sdxl, file)).files == (file,)


def test_a_picture_drawn_alone_can_be_drawn_again_and_one_in_company_may_differ(sdxl: Family):
    renderer = open_renderer(sdxl)
    assert draw(renderer, image_count=3).is_repeatable
    engine = Engine(open_artist=lambda: renderer)
    orders = [DrawOrder(job=a_render_job(seed=seed)) for seed in (1, 2)]
    drawn = [engine.submit(order, ignore) for order in orders]
    engine.start()
    engine.close()
    assert [recipe_of(one.result(timeout=0)).is_repeatable for one in drawn] == [False, False]


def test_a_picture_is_named_by_its_size_and_pixels_alone(tmp_path: Path):
    picture = Image.fromarray(numpy.arange(48, dtype=numpy.uint8).reshape(4, 4, 3))
    for name in ("a.png", "a.bmp"):
        picture.save(tmp_path / name)
        with Image.open(tmp_path / name) as again:
            assert hash_pixels(again) == hash_pixels(picture)
    wide = Image.frombytes("RGB", (8, 2), picture.tobytes())
    assert hash_pixels(wide) != hash_pixels(picture)


def test_a_model_is_named_by_its_folder_and_known_by_what_is_in_it(
    loaded_sdxl: LoadedModel, tiny_sdxl: Path, tmp_path: Path
):
    digests = FileDigests(cache=tmp_path / "digests.json")
    told = tell_drawn_by(loaded_sdxl, str(tiny_sdxl), digests=digests)
    assert told.model == tiny_sdxl.name
    assert told.model_sha256 == digests.of_folder(tiny_sdxl)
    assert (told.device, told.dtype, told.quantise) == ("cpu", "float32", "none")
    assert told.threads == 1
    assert told.engine
    assert set(told.libraries) == {"torch", "diffusers", "transformers"}
    assert all(told.libraries.values())
    # Where it lies on the worker's host is nobody's business.
    assert str(tiny_sdxl.parent) not in json.dumps(vars(told))


def test_a_model_whose_files_cannot_be_read_draws_all_the_same(
    loaded_sdxl: LoadedModel, tmp_path: Path
):
    digests = FileDigests(cache=tmp_path / "digests.json")
    told = tell_drawn_by(loaded_sdxl, "nobody/nothing-of-the-kind", digests=digests)
    assert (told.model, told.model_sha256) == ("nobody/nothing-of-the-kind", "")


def test_a_decoder_laid_over_the_model_is_named_beside_it(tmp_path: Path):
    digests = FileDigests(cache=tmp_path / "digests.json")
    path = tmp_path / "decoder.safetensors"
    path.write_bytes(b"taught")
    decoder = tell_decoder(SignedDecoder(path=path, number="a7c35e19d284"), digests=digests)
    files = UsedFiles(
        digests=digests,
        upscaler=None,
        decoder=decoder,
        find_lora=lambda name: tmp_path / name,
        find_controlnet=lambda name: tmp_path / name,
    )
    # What lies there later is not what was loaded.
    path.write_bytes(b"another")
    taught = hashlib.sha256(b"taught").hexdigest()
    assert files(a_render_job()) == (
        RecipeFile(role="decoder", name="a7c35e19d284", sha256=taught),
    )


def test_adapters_are_known_by_their_files_and_by_how_strongly_they_count(tmp_path: Path):
    folder = tmp_path / "edges"
    folder.mkdir()
    places = {"ink": tmp_path / "ink.safetensors", "x4": tmp_path / "x4.safetensors"}
    for name, place in places.items():
        place.write_bytes(name.encode())
    (folder / "model.safetensors").write_bytes(b"edges")
    digests = FileDigests(cache=tmp_path / "digests.json")
    files = UsedFiles(
        digests=digests,
        upscaler=places["x4"],
        find_lora=lambda name: places[name],
        find_controlnet=lambda name: tmp_path / name,
    )
    job = a_render_job(
        loras=[{"name": "ink", "scale": 0.5}],
        controls=[{"name": "edges", "key": "images/c.png", "scale": 0.7}],
    )
    assert files(job) == (
        RecipeFile(role="lora", name="ink", scale=0.5, sha256=digests.of_file(places["ink"])),
        RecipeFile(role="controlnet", name="edges", scale=0.7, sha256=digests.of_folder(folder)),
        RecipeFile(role="upscaler", name="x4", sha256=digests.of_file(places["x4"])),
    )
