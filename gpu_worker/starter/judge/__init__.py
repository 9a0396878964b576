"""The judge: a small network, apart from the generators, that tells what a picture shows.

It learns from the same art by pictures of its own and never sees a generated one:
`load_judge().look(pictures)` gives opinions, `scoring.score` counts how many scenes were met.
"""

from gpu_worker.starter.judge.network import Judge, Opinion, load_judge
from gpu_worker.starter.judge.scoring import Score, likeness, score

__all__ = ["Judge", "Opinion", "Score", "likeness", "load_judge", "score"]
