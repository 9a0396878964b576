"""Makes the judge, tests it, lets it watch a training: `python -m gpu_worker.starter.judge`."""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
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
    for line in _work(chosen):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gpu_worker.starter.judge", description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/impasto-starter"))
    parser.add_argument("--threads", type=int, default=1)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("fit", help="make the judge from the art, within minutes")
    test = commands.add_parser("test", help="tell how often it is right about painted pictures")
    test.add_argument("--pictures", type=int, default=500, help="of each kind")
    watch = commands.add_parser("watch", help="judge what a checkpoint of a training draws")
    watch.add_argument("family", choices=("sdxl", "sd3", "flux"))
    watch.add_argument("--every", type=int, default=2, help="ask one question in so many")
    return parser


def _work(chosen: argparse.Namespace) -> Iterator[object]:
    import torch

    from gpu_worker.starter.judge.network import FOLDER, load_judge, save_judge

    torch.set_num_threads(chosen.threads)
    cache: Path = chosen.cache.expanduser()
    run_folder = cache / "run"
    if chosen.command == "watch":
        from gpu_worker.starter.judge.watch import watch
        from gpu_worker.starter.students import FamilyName
        from gpu_worker.starter.vocabulary import FIRST_LESSON, WHOLE_LESSON, LessonName
        from gpu_worker.starter.workshop import LESSONS

        family = FamilyName(chosen.family)
        is_whole = LESSONS[family] is LessonName.WHOLE
        lesson = WHOLE_LESSON if is_whole else FIRST_LESSON
        yield from watch(family, run_folder, load_judge(), lesson, every=chosen.every)
        return
    from diffusers import AutoencoderKL

    from gpu_worker.starter.data import load_art
    from gpu_worker.starter.judge.checking import check_judge
    from gpu_worker.starter.judge.fitting import Fit, fit_judge

    art = load_art(cache / "art.npz")
    autoencoder = AutoencoderKL.from_pretrained(run_folder / "vae-sharp", local_files_only=True)
    if chosen.command == "fit":
        yield save_judge(fit_judge(Fit(), art, autoencoder), FOLDER)
    else:
        yield from check_judge(load_judge(), art, autoencoder, pictures=chosen.pictures)


if __name__ == "__main__":
    sys.exit(main())
