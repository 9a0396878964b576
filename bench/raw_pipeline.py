"""Times the stock diffusers pipeline on one request, with nothing of ours around it.

`python bench/raw_pipeline.py --model FOLDER [--steps N] [--n N] [--repeat N]` prints JSON.
"""

import argparse
import json
import os
import sys
import time

os.environ.update(
    TRANSFORMERS_VERBOSITY="error",
    DIFFUSERS_VERBOSITY="error",
    HF_HUB_DISABLE_PROGRESS_BARS="1",
    HF_HUB_OFFLINE="1",
    OMP_WAIT_POLICY="PASSIVE",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--prompt", default="a fox in the snow")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--n", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=5)
    chosen = parser.parse_args()

    import torch
    from diffusers import EulerAncestralDiscreteScheduler, StableDiffusionXLPipeline
    from diffusers.utils.logging import disable_progress_bar

    disable_progress_bar()
    on_gpu = torch.cuda.is_available()
    pipe = StableDiffusionXLPipeline.from_pretrained(
        chosen.model,
        dtype=torch.bfloat16 if on_gpu else torch.float32,
        use_safetensors=True,
        local_files_only=True,
        add_watermarker=False,
    ).to("cuda" if on_gpu else "cpu")
    pipe.scheduler = EulerAncestralDiscreteScheduler.from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    seconds = []
    for _ in range(chosen.repeat + 1):
        began_at = time.perf_counter()
        pipe(
            prompt=[chosen.prompt] * chosen.n,
            generator=[
                torch.Generator("cpu").manual_seed(chosen.seed + i) for i in range(chosen.n)
            ],
            num_inference_steps=chosen.steps,
            guidance_scale=chosen.guidance,
        )
        seconds.append(time.perf_counter() - began_at)
    # The first call warms up.
    json.dump({"warm_up_s": seconds[0], "seconds": seconds[1:]}, sys.stdout)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
