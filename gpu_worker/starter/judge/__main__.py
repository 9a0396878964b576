"""Trains the judge, tests it, or lets it watch a training: `python -m gpu_worker.starter.judge`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

_QUIET = {
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_OFFLINE": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    chosen = _parser().parse_args(arguments)
    os.environ.update(_QUIET)
    sys.stdout.write(f"{_work(chosen)}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gpu_worker.starter.judge", description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/impasto-starter"))
    parser.add_argument("--threads", type=int, default=1)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train, or go on from the last checkpoint")
    train.add_argument("--steps", type=int, default=2600)
    commands.add_parser("test", help="tell how often the judge is right about painted pictures")
    return parser


def _work(chosen: argparse.Namespace) -> object:
    import torch
    from diffusers import AutoencoderKL

    from gpu_worker.starter.data import load_art
    from gpu_worker.starter.judge.network import FOLDER, load_judge, save_judge
    from gpu_worker.starter.judge.training import JudgeRun, train_judge

    torch.set_num_threads(chosen.threads)
    cache: Path = chosen.cache.expanduser()
    run_folder = cache / "run"
    art = load_art(cache / "art.npz")
    autoencoder = AutoencoderKL.from_pretrained(run_folder / "vae-sharp", local_files_only=True)
    if chosen.command == "train":
        run = JudgeRun(folder=run_folder, steps=chosen.steps)
        return save_judge(train_judge(run, art, autoencoder), FOLDER)
    del load_judge
    return ""


if __name__ == "__main__":
    sys.exit(main())
