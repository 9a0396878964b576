"""What the device itself can do: products, convolutions, attention, copies; and its clocks."""

import shutil
import subprocess
import time
from collections.abc import Callable

import torch

REPEATS = 10


def settle(device: torch.device) -> None:
    """Wait until all that was lined up on the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def timed(work: Callable[[], object], device: torch.device) -> float:
    """Return the seconds that a piece of work takes on the device."""
    settle(device)
    begun_at = time.perf_counter()
    work()
    settle(device)
    return time.perf_counter() - begun_at


def fastest(work: Callable[[], object], device: torch.device) -> float:
    """Return the least seconds of several times, after two to warm up."""
    work()
    work()
    return min(timed(work, device) for _ in range(REPEATS))


def measure_ceilings(
    device: torch.device, dtype: torch.dtype, *, is_tiny: bool
) -> dict[str, float]:
    """Return FLOP/s of the usual kinds of work, and bytes/s of copies, by name."""
    side, tokens, heads, pixels, copied = (
        (256, 64, 2, 16, 2**22) if is_tiny else (8192, 4096, 24, 128, 2**30)
    )
    a = torch.randn(side, side, device=device, dtype=dtype)
    query = torch.randn(2, heads, tokens, 64 if is_tiny else 128, device=device, dtype=dtype)
    channels = 32 if is_tiny else 320
    picture = torch.randn(2, channels, pixels, pixels, device=device, dtype=dtype)
    kernel = torch.randn(channels, channels, 3, 3, device=device, dtype=dtype)
    host = torch.empty(copied, dtype=torch.uint8, pin_memory=device.type == "cuda")
    there = torch.empty(copied, dtype=torch.uint8, device=device)
    other = torch.empty_like(there)
    attend = torch.nn.functional.scaled_dot_product_attention
    convolve = torch.nn.functional.conv2d
    products = 2 * side**3
    attention = 4 * query.shape[0] * heads * tokens**2 * query.shape[-1]
    convolution = 2 * 9 * channels**2 * 2 * pixels**2
    return {
        f"product {side}³, FLOP/s": products / fastest(lambda: a @ a, device),
        f"attention {tokens} tokens, FLOP/s": attention
        / fastest(lambda: attend(query, query, query), device),
        f"convolution {channels} channels {pixels}², FLOP/s": convolution
        / fastest(lambda: convolve(picture, kernel, padding=1), device),
        "host to device, B/s": copied
        / fastest(lambda: there.copy_(host, non_blocking=True), device),
        "device to device, B/s": copied / fastest(lambda: other.copy_(there), device),
    }


def product_ceiling(device: torch.device, shapes: list[tuple[int, int, int]]) -> float:
    """Return the best FLOP/s over products of the model's own shapes, in bfloat16 on a GPU."""
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    best = 0.0
    for rows, inner, columns in shapes:
        left = torch.randn(rows, inner, device=device, dtype=dtype)
        right = torch.randn(inner, columns, device=device, dtype=dtype)
        spent_s = fastest(lambda left=left, right=right: left @ right, device)
        best = max(best, 2 * rows * inner * columns / spent_s)
    return best


def describe_device(device: torch.device) -> str:
    """Say what the device is."""
    if device.type != "cuda":
        return f"CPU, {torch.get_num_threads()} threads; torch {torch.__version__}"
    facts = torch.cuda.get_device_properties(device)
    return (
        f"{facts.name}, {facts.multi_processor_count} SMs, {facts.total_memory / 2**30:.0f} GiB, "
        f"compute {facts.major}.{facts.minor}; torch {torch.__version__}"
    )


def read_clocks() -> str:
    """Say clocks, power and temperature as nvidia-smi does; a dash where there is none."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return "-"
    asked = "clocks.sm,clocks.mem,power.draw,power.limit,temperature.gpu"
    ran = subprocess.run(  # noqa: S603 - the tool that was found, our own words
        [tool, f"--query-gpu={asked}", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    return ran.stdout.strip().replace("\n", " | ") or "-"
