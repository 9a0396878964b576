"""What the starter models draw, judged: each family in a process of its own, as it would be loaded.

Writes `starter.md` and a contact sheet for each family. The judge is a small classifier of the same
art that has never seen a generated picture, see `gpu_worker/starter/models/judge/README.md`.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

QUIET = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}
os.environ.update({name: os.environ.get(name, value) for name, value in QUIET.items()})

TABLE = Path(__file__).with_suffix(".md")
SHEETS = Path(__file__).with_suffix("")
MODELS = Path(__file__).parents[1] / "gpu_worker" / "starter" / "models"
FAMILIES = ("sdxl", "sd3", "flux")
MOST_SHEET_BYTES = 150_000
SHOWN = {"never seen": 20, "colours exchanged": 8}
TIMED = 5
SEED = 20_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=MODELS, help="where the folders lie")
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--rounds", type=int, default=2, help="pictures of each object")
    parser.add_argument("--every", type=int, default=1, help="ask one question in so many")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--target", type=Path, default=TABLE)
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        sys.stdout.write(json.dumps(measure(arguments.alone, arguments)))
        return 0
    found = [name for name in arguments.families if (arguments.models / name).is_dir()]
    results = {family: measure_apart(family) for family in found}
    text = render(results, arguments)
    sys.stdout.write(text)
    arguments.target.write_text(text)
    return 0


def measure_apart(family: str) -> dict:
    """Measure in a fresh process, so that loading and memory are the family's own."""
    command = [sys.executable, __file__, *sys.argv[1:], "--alone", family]
    root = str(Path(__file__).parents[1])
    done = subprocess.run(  # noqa: S603 this very file
        command, check=True, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": root}
    )
    return json.loads(done.stdout)


def measure(family: str, arguments) -> dict:
    pipeline, defaults, result = load(family, arguments)
    result |= time_pictures(pipeline, defaults)
    # Before the judge is loaded, whose memory is not the model's.
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result["parts"] = examine(family, pipeline, defaults, arguments)
    return result


def load(family: str, arguments):
    """Load a family as anyone would; return its pipeline, its defaults and how long it took."""
    start = time.perf_counter()
    import torch

    torch.set_num_threads(arguments.threads)
    match family:
        case "sdxl":
            from diffusers import StableDiffusionXLPipeline as Pipeline
        case "sd3":
            from diffusers import StableDiffusion3Pipeline as Pipeline
        case _:
            from diffusers import FluxPipeline as Pipeline
    imported = time.perf_counter()
    folder = arguments.models / family
    pipeline = Pipeline.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    loaded = time.perf_counter()
    defaults = json.loads((folder / "impasto.json").read_text())
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    facts = {"import_s": imported - start, "load_s": loaded - imported, "size_mb": size / 1e6}
    return pipeline, defaults, {**facts, "defaults": defaults}


def draw(pipeline, prompts, defaults, seed: int):
    from gpu_worker.starter.sheet import draw_pictures

    steps, guidance = defaults["steps"], defaults["guidance"]
    return draw_pictures(pipeline, prompts, steps=steps, guidance=guidance, seed=seed)


def time_pictures(pipeline, defaults) -> dict:
    draw(pipeline, ["a red star"], defaults, SEED)
    walls, cores = [], []
    for number in range(TIMED):
        wall, core = time.perf_counter(), time.process_time()
        draw(pipeline, ["a cat on a blue background"], defaults, SEED + number)
        walls.append(time.perf_counter() - wall)
        cores.append(time.process_time() - core)
    return {"wall_s": walls, "core_s": statistics.median(cores)}


def examine(family: str, pipeline, defaults, arguments) -> dict:
    from gpu_worker.starter.judge import load_judge
    from gpu_worker.starter.judge.exam import ask, set_exam
    from gpu_worker.starter.judge.scoring import score
    from gpu_worker.starter.vocabulary import FIRST_LESSON, WHOLE_LESSON

    lesson = WHOLE_LESSON if family == "sdxl" else FIRST_LESSON
    judge = load_judge()
    parts, shown = {}, []
    for name, asked in set_exam(lesson, rounds=arguments.rounds).items():
        scenes = asked[:: arguments.every]
        pictures = draw(pipeline, [ask(scene) for scene in scenes], defaults, SEED)
        part = score(judge, scenes, pictures)
        parts[name] = {
            **{key: getattr(part, key) for key in ("top_1", "top_5", "colour", "background")},
            "pictures": part.pictures,
            "missed": missed(judge, scenes, pictures) if name == "objects" else [],
        }
        if name == "shapes":
            shown += list(zip(scenes, pictures, strict=True))[::3]
        elif name == "objects":
            shown += list(zip(scenes, pictures, strict=True))[: len(lesson.objects)]
        else:
            shown += list(zip(scenes, pictures, strict=True))[: SHOWN.get(name, 4)]
    save_sheet(family, judge, shown, arguments.target.with_suffix(""))
    return parts


def missed(judge, scenes, pictures) -> list[str]:
    """Name the objects that were not recognised in any of their pictures."""
    asked = [scene.figures[0].thing.name for scene in scenes]
    seen = [opinion.thing for opinion in judge.look(pictures)]
    right = {name for name, thing in zip(asked, seen, strict=True) if name == thing}
    return [name for name in dict.fromkeys(asked) if name not in right]


def save_sheet(family: str, judge, shown, folder: Path) -> None:
    """Lay out the vocabulary, then the rest; red words are under what the judge missed."""
    from gpu_worker.starter.judge.exam import ask
    from gpu_worker.starter.judge.scoring import score
    from gpu_worker.starter.sheet import lay_out, save_small

    scores = [score(judge, [scene], [picture]) for scene, picture in shown]
    sheet = lay_out(
        [picture for _, picture in shown],
        [ask(scene) for scene, _ in shown],
        columns=16,
        side=96 if len(shown) <= 100 else 80,
        lines=3,
        wrong=[index for index, one in enumerate(scores) if one.top_1 < 1 or one.colour == 0],
    )
    folder.mkdir(exist_ok=True)
    save_small(sheet, folder / f"{family}.webp", most_bytes=MOST_SHEET_BYTES)


def render(results: dict[str, dict], arguments) -> str:
    families = list(results)
    command = ["python bench/starter.py"]
    command += [f"--rounds {arguments.rounds}", f"--threads {arguments.threads}"]
    if arguments.every > 1:
        command.append(f"--every {arguments.every}")
    if arguments.families != list(FAMILIES):
        command.append(f"--families {' '.join(arguments.families)}")
    lines = [
        "# What the starter models draw",
        "",
        f"`{' '.join(command)}`, {os.cpu_count()} cores ({platform.machine()}).",
        "Shares of the pictures in which a small classifier that never saw a generated one finds",
        "what was asked for. Times on a busy machine say little; core-seconds say more.",
        "",
        f"| what | {' | '.join(families)} |",
        f"|---|{'---|' * len(families)}",
    ]
    for label, tell in rows(results):
        lines.append(f"| {label} | {' | '.join(tell(results[family]) for family in families)} |")
    lines.append("")
    for family in families:
        names = ", ".join(results[family]["parts"]["objects"]["missed"]) or "none"
        lines.append(f"- `{family}`, objects never recognised: {names}.")
    lines += ["", *(f"![{name}](starter/{name}.webp)" for name in families), ""]
    return "\n".join(lines)


def rows(results: dict[str, dict]):
    """Give a label and how to tell a family's value for it."""
    parts = next(iter(results.values()))["parts"] if results else {}
    for part in parts:
        yield f"{part}: pictures", lambda one, part=part: str(one["parts"][part]["pictures"])
        for key, label in (("top_1", "top-1"), ("top_5", "top-5"), ("colour", "its colour")):
            if key != "colour" or parts[part]["colour"] is not None:
                yield f"{part}: {label}", lambda one, p=part, k=key: percent(one["parts"][p][k])
        yield (
            f"{part}: background",
            lambda one, part=part: percent(one["parts"][part]["background"]),
        )
    yield (
        "default steps, guidance, sampler",
        lambda one: ", ".join(
            str(one["defaults"][name]) for name in ("steps", "guidance", "sampler")
        ),
    )
    yield "seconds a picture, one by one (least-most)", lambda one: spread(one["wall_s"])
    yield "core-seconds a picture", lambda one: f"{one['core_s']:.2f}"
    yield "seconds to load", lambda one: f"{one['load_s']:.2f}"
    yield "… as a share of importing", lambda one: f"{one['load_s'] / one['import_s']:.2f}"
    yield "peak memory of the process, MB", lambda one: f"{one['peak_mb']:.0f}"
    yield "folder, MB", lambda one: f"{one['size_mb']:.1f}"


def percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def spread(values) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


if __name__ == "__main__":
    sys.exit(main())
