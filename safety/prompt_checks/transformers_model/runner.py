"""The process that holds the model: a JSON object a line in, one a line out, until input ends.

`python -m safety.prompt_checks.transformers_model.runner TASK MODEL`, where the task is
`text-classification` or `token-classification`. The first line out says that it is ready.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final, TextIO

_KEPT: Final = ("label", "entity_group", "score", "start", "end")

Labels = list[dict[str, Any]]
Judge = Callable[[list[str]], list[Labels]]


def main() -> None:
    """Open the model named on the command line, and answer."""
    task, model = sys.argv[1:3]
    # What a library prints must not be taken for an answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    judge = open_judge(task, model)
    _say({"ready": True}, answers)
    for line in sys.stdin:
        _say({"labels": judge(json.loads(line)["texts"])}, answers)


def open_judge(task: str, model: str) -> Judge:
    """Open a model for a task."""
    from transformers import pipeline

    if task == "token-classification":
        tagger = pipeline(task, model=model, aggregation_strategy="simple", device="cpu")
        return lambda texts: [_plain(labels) for labels in tagger(texts, batch_size=len(texts))]
    classifier = pipeline(task, model=model, top_k=None, truncation=True, device="cpu")
    return lambda texts: [_plain(labels) for labels in classifier(texts, batch_size=len(texts))]


def _plain(labels: Iterable[dict[str, Any]]) -> Labels:
    """Return labels in numbers that JSON has."""
    return [
        {name: _number(label[name]) for name in _KEPT if label.get(name) is not None}
        for label in labels
    ]


def _number(value: object) -> object:
    return value if isinstance(value, (str, int)) else float(str(value))


def _say(answer: dict[str, Any], answers: TextIO) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
