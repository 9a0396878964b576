"""Asks the process that holds a model: many callers' texts in one question, each within its time.

Whoever comes first asks for all who wait. A process that ends or hangs is begun anew; until the new
one is ready nobody gets an answer.
"""

import json
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from safety.errors import CheckFailed
from safety.line_process import LineProcess

RUNNER: Final = "safety.prompt_checks.transformers_model.runner"
READY_S: Final = 300.0
BATCH_MAX: Final = 16

Labels = list[dict[str, Any]]


@dataclass(slots=True)
class _Waiting:
    text: str
    is_done: threading.Event = field(default_factory=threading.Event)
    labels: Labels | None = None


class ModelProcess:
    """A model that is asked from any thread.

    Raises:
        CheckFailed: the model cannot be opened.

    """

    def __init__(self, *, task: str, model: str, deadline_s: float) -> None:
        self._arguments = (task, model)
        self._deadline_s = deadline_s
        self._turn = threading.Lock()
        self._waiting: queue.SimpleQueue[_Waiting] = queue.SimpleQueue()
        self._running = _Running(self._arguments)
        if not self._running.is_ready(within_s=READY_S):
            self._running.end()
            raise CheckFailed(f"transformers cannot open {model} for {task}")

    def labels(self, text: str) -> Labels:
        """Return the labels that the model gives a text.

        Raises:
            CheckFailed: there is no answer within the deadline.

        """
        until = time.monotonic() + self._deadline_s
        mine = _Waiting(text)
        self._waiting.put(mine)
        while not mine.is_done.is_set():
            if not self._turn.acquire(timeout=max(until - time.monotonic(), 0)):
                break
            try:
                if not mine.is_done.is_set():
                    self._answer_waiting(within_s=max(until - time.monotonic(), 0))
            finally:
                self._turn.release()
        if mine.labels is None:
            raise CheckFailed("the model gave no answer in time")
        return mine.labels

    def close(self) -> None:
        """End the process."""
        self._running.end()

    def _answer_waiting(self, *, within_s: float) -> None:
        batch: list[_Waiting] = []
        while len(batch) < BATCH_MAX:
            try:
                batch.append(self._waiting.get_nowait())
            except queue.Empty:
                break
        answers = self._ask([waiting.text for waiting in batch], within_s=within_s)
        for number, waiting in enumerate(batch):
            waiting.labels = answers[number] if answers else None
            waiting.is_done.set()

    def _ask(self, texts: list[str], *, within_s: float) -> list[Labels] | None:
        answer = self._running.ask(json.dumps({"texts": texts}), within_s=within_s)
        labels = answer.get("labels") if answer else None
        if not isinstance(labels, list) or len(labels) != len(texts):
            self._running.end()
            self._running = _Running(self._arguments)
            return None
        return labels


class _Running:
    """The process, and whether its model is open."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._process = LineProcess(RUNNER, *arguments)
        self._is_ready = False

    def is_ready(self, *, within_s: float) -> bool:
        """Wait until the model is open, unless that takes too long or fails."""
        if not self._is_ready:
            self._is_ready = self._process.hear(within_s=within_s) is not None
        return self._is_ready

    def ask(self, question: str, *, within_s: float) -> dict[str, Any] | None:
        """Return the answer, or None if none comes in time."""
        until = time.monotonic() + within_s
        if not self.is_ready(within_s=within_s) or not self._process.say(question):
            return None
        line = self._process.hear(within_s=max(until - time.monotonic(), 0))
        try:
            return dict(json.loads(line)) if line else None
        except ValueError:
            return None

    def end(self) -> None:
        """End it and wait until it is gone."""
        self._process.end()
