"""The table of what was measured on a GPU."""

import statistics

from gpu_loras import SWITCHES
from gpu_models import WORKLOADS

OURS, FP8 = "ours, bf16", "ours, fp8"


def render(found: dict, arguments) -> str:
    given = " ".join(
        [
            *(f"--only {key}" for key in arguments.only or ()),
            *(["--tiny"] if arguments.tiny else []),
        ]
    )
    lines = [
        "# Full-size models on a GPU",
        "",
        f"`python bench/gpu.py {given}`".replace(" `", "`") + f", {arguments.rounds} rounds.",
        "Full-size architectures with random weights, one picture at the native size, from words",
        "to pixels; all ways alternate in one process. Medians (least-most) in seconds.",
    ]
    if arguments.tiny:
        lines.append("**Tiny models on a CPU: these figures mean nothing.**")
    lines += [
        "",
        f"- device: {found['device']}",
        f"- clocks, power, temperature before: {found['clocks_before']}",
        f"- and after: {found['clocks_after']}",
        *(f"- {name}: {value:.3g}" for name, value in found["ceilings"].items()),
    ]
    for key, one in found["workloads"].items():
        lines += render_workload(WORKLOADS[key], one)
    return "\n".join(lines) + "\n"


def render_workload(workload, one: dict) -> list[str]:
    lora, overtook = one["lora"], one["overtaking"]
    rows = [
        f"| {way} | {spread(spent_s)} | {one['warm_s'][way]:.1f} | {aim_of(workload, way)} |"
        for way, spent_s in one["spent_s"].items()
    ]
    if one["fp8_missing"]:
        rows.append(f"| {FP8} | not measured: {one['fp8_missing']} | | {aim_of(workload, FP8)} |")
    alone = next(iter(one["in_flight"].values()))
    return [
        "",
        f"## {workload.name}, {one['side']}²",
        "",
        f"Limit: {one['tera_flops']:.3g} TFLOP of the network at the best rate measured for "
        f"products of its own shapes: {one['limit_s']:.3g} s.",
        "",
        "| way | s a picture | the first one, compiling included | aim |",
        "|---|---|---|---|",
        *rows,
        "",
        "| jobs in flight | pictures a second | gain |",
        "|---|---|---|",
        *(
            f"| {jobs} | {rate:.3g} | {rate / alone:.2f} |"
            for jobs, rate in one["in_flight"].items()
        ),
        "",
        "| | |",
        "|---|---|",
        f"| turbo beside eight relax pictures: its first step is done after "
        f"| {overtook['first_step_s'] * 1000:.1f} ms |",
        f"| relax steps in between | {overtook['relax_steps_before']} |",
        f"| LoRA of {lora['bytes'] / 2**20:.1f} MiB in the host's memory (aim: 50 ms) "
        f"| {lora['ready_s'] * 1000:.1f} ms, p95 {lora['ready_p95_s'] * 1000:.1f} |",
        f"| the same from disk (aim: 300 ms) | {lora['disk_s'] * 1000:.1f} ms |",
        f"| diffusers' load and unload | {lora['theirs_s'] * 1000:.1f} ms |",
        f"| compilations in {SWITCHES} changes | {lora['recompiled']} |",
    ]


def aim_of(workload, way: str) -> str:
    aim_s = {OURS: workload.aim_s[0], FP8: workload.aim_s[1]}.get(way)
    return "" if aim_s is None else f"{aim_s} s"


def spread(values) -> str:
    return f"{statistics.median(values):.3f} ({min(values):.3f}-{max(values):.3f})"
