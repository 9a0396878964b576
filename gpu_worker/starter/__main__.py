"""Builds starter models: `python -m gpu_worker.starter build-tiny DIR [--seed N]`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from gpu_worker.starter import build_tiny_sdxl

_QUIET = {
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_OFFLINE": "1",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="gpu_worker.starter", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    tiny = commands.add_parser("build-tiny", help="a tiny SDXL folder with random weights")
    tiny.add_argument("folder", type=Path)
    tiny.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    os.environ.update(_QUIET)
    folder = build_tiny_sdxl(chosen.folder, seed=chosen.seed)
    sys.stdout.write(f"{folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
