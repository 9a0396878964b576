"""The tiny models that tests and first runs draw with."""

from pathlib import Path

from gpu_worker.compose.model_files import check_model_folder
from gpu_worker.starter import build_tiny_flux, build_tiny_sd3, build_tiny_sdxl
from gpu_worker.starter.__main__ import main


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_same_seed_builds_the_same_files(
    tiny_sdxl: Path, tiny_sd3: Path, tiny_flux: Path, tmp_path: Path
):
    assert files(build_tiny_sdxl(tmp_path / "again")) == files(tiny_sdxl)
    assert files(build_tiny_sd3(tmp_path / "sd3")) == files(tiny_sd3)
    assert files(build_tiny_flux(tmp_path / "flux")) == files(tiny_flux)


def test_another_seed_builds_other_weights_and_replaces_what_was_there(
    tiny_sdxl: Path, tmp_path: Path
):
    folder = build_tiny_sdxl(tmp_path / "model")
    (folder / "left-over").write_text("")
    build_tiny_sdxl(folder, seed=1)
    assert files(folder).keys() == files(tiny_sdxl).keys()
    weights = "unet/diffusion_pytorch_model.safetensors"
    assert files(folder)[weights] != files(tiny_sdxl)[weights]


def test_they_are_small_and_whole(tiny_sdxl: Path, tiny_sd3: Path, tiny_flux: Path):
    for folder, most_bytes in (
        (tiny_sdxl, 6_000_000),
        (tiny_sd3, 3_000_000),
        (tiny_flux, 3_000_000),
    ):
        check_model_folder(folder)
        assert sum(map(len, files(folder).values())) < most_bytes


def test_the_command_builds_and_names_the_folder(tmp_path: Path, monkeypatch, capsys):
    for name in ("TRANSFORMERS_VERBOSITY", "DIFFUSERS_VERBOSITY"):
        monkeypatch.setenv(name, "error")
    assert main(["build-tiny", str(tmp_path / "new" / "model")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'new' / 'model'}\n"
    check_model_folder(tmp_path / "new" / "model")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["model"]
