"""Makes a Stable Signature: `extractor`, then `tune`, each taken up where it stopped.

    python -m gpu_worker.starter.signature extractor
    python -m gpu_worker.starter.signature tune --signature 5AFE00C0FFEE

For SDXL's own decoder, on a GPU, both with the same words more:

    --family sdxl --vae FOLDER --pictures FOLDER --side 256 --device cuda

`tune` leaves in `--to` the taught decoder, which a worker lays over its model's own, and what the
watermark `stable_signature` reads.
"""

import argparse
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from safetensors.torch import save_file

from gpu_worker.compose.signing import save_decoder
from gpu_worker.starter.signature.networks import BITS, CELL_PX, Extractor
from gpu_worker.starter.signature.pictures import Album, paint_album, read_album
from gpu_worker.starter.signature.train_extractor import ExtractorRun, train_extractor
from gpu_worker.starter.signature.tune_decoder import TuningRun, trace_of, tune_decoder
from safety.provenance.signature import EXTRACTOR_FILE, SignatureFacts, write_facts

_MODELS = Path(__file__).parents[1] / "models"
_FAMILIES = ("sdxl", "sd3", "flux")
_PAINTED, _PAINTED_SIDE = 3000, 128
_STARTER_SHOWN_AT = 4
_STEPS = {"extractor": 2000, "tune": 300}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    chosen = _parser().parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    folder: Path = chosen.cache.expanduser() / f"signature-{chosen.family}"
    folder.mkdir(parents=True, exist_ok=True)
    if chosen.side and chosen.side % CELL_PX:
        raise SystemExit(f"--side is a multiple of {CELL_PX}")
    made = _teach(chosen, folder) if chosen.command == "tune" else _train(chosen, folder)
    sys.stdout.write(f"{made}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gpu_worker.starter.signature",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=("extractor", "tune"))
    parser.add_argument("--family", choices=_FAMILIES, default="sdxl")
    parser.add_argument("--vae", type=Path, help="an autoencoder's folder; else the starter's")
    parser.add_argument("--pictures", type=Path, help="a folder of photographs to learn from")
    parser.add_argument("--side", type=int, help="of the parts learned from, pixels")
    parser.add_argument("--shown-at", type=int, help="how much pictures are enlarged, if they are")
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/impasto-starter"))
    parser.add_argument("--to", type=Path, help="where `tune` writes; else into the cache")
    parser.add_argument("--signature", help="12 hexadecimal digits; drawn at random if left out")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    return parser


def _train(chosen: argparse.Namespace, folder: Path) -> Path:
    run = ExtractorRun(
        folder=folder,
        steps=chosen.steps or _STEPS["extractor"],
        batch=chosen.batch or ExtractorRun.batch,
        side=chosen.side or ExtractorRun.side,
        shown_at=_shown_at(chosen),
        seed=chosen.seed,
        device=chosen.device,
    )
    extractor = train_extractor(run, _album(chosen))
    torch.save(extractor.state_dict(), folder / "extractor-trained.pt")
    return folder


def _teach(chosen: argparse.Namespace, folder: Path) -> Path:
    trained = folder / "extractor-trained.pt"
    if not trained.exists():
        raise SystemExit("no extractor yet: run `extractor` first")
    extractor = Extractor()
    extractor.load_state_dict(torch.load(trained, weights_only=True))
    source = chosen.vae or _MODELS / chosen.family / "vae"
    plain = AutoencoderKL.from_pretrained(source, torch_dtype=torch.float32)
    run = TuningRun(
        folder=folder,
        signature=_signature(chosen, folder),
        steps=chosen.steps or _STEPS["tune"],
        batch=chosen.batch or TuningRun.batch,
        side=chosen.side or TuningRun.side,
        shown_at=_shown_at(chosen),
        seed=chosen.seed,
        device=chosen.device,
    )
    album = _album(chosen)
    taught = tune_decoder(run, plain, extractor, album)
    target: Path = chosen.to or folder / "signed"
    target.mkdir(parents=True, exist_ok=True)
    save_decoder(taught.decoder, target)
    trace = trace_of(taught, plain.cpu(), album)
    facts = SignatureFacts(signature=run.signature, family=chosen.family, shown_at=(run.shown_at,))
    return export_extractor(extractor.cpu(), target, trace=trace, facts=facts)


def export_extractor(
    extractor: Extractor, folder: Path, *, trace: torch.Tensor, facts: SignatureFacts
) -> Path:
    """Write what the watermark `stable_signature` reads; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.detach().float() for name, tensor in extractor.state_dict().items()}
    save_file({**state, "trace": trace.detach().float().contiguous()}, folder / EXTRACTOR_FILE)
    write_facts(folder, facts)
    return folder


def _shown_at(chosen: argparse.Namespace) -> int:
    """Return by how much pictures are enlarged before they leave: the starter's are, by four."""
    return int(chosen.shown_at or (1 if chosen.vae else _STARTER_SHOWN_AT))


def _signature(chosen: argparse.Namespace, folder: Path) -> int:
    """Return the number asked for, or the one drawn at the first run: a resumed one keeps it."""
    kept = folder / "signature.txt"
    if chosen.signature is None and kept.exists():
        return int(kept.read_text(), 16)
    number = int(chosen.signature, 16) if chosen.signature else secrets.randbits(BITS)
    if not 0 <= number < 2**BITS:
        raise SystemExit(f"a signature has {BITS // 4} hexadecimal digits")
    kept.write_text(f"{number:012X}\n")
    return number


def _album(chosen: argparse.Namespace) -> Album:
    if chosen.pictures:
        return read_album(chosen.pictures, side=max(2 * (chosen.side or 0), _PAINTED_SIDE))
    cache: Path = chosen.cache.expanduser()
    return paint_album(cache, side=_PAINTED_SIDE, count=_PAINTED, seed=chosen.seed)


if __name__ == "__main__":
    sys.exit(main())
