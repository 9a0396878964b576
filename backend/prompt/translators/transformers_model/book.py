"""Translates by a model that transformers opens, from a process beside this one.

Tensors never reach the backend, so torch lives and dies in that process, and may be ended when it
hangs. It ends by itself when this one does, for then nobody writes to it any more.
"""

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import IO, Final

from backend.prompt.translator import TranslatorError

RUNNER: Final = "backend.prompt.translators.transformers_model.runner"
ANSWER_S: Final = 120.0


class TransformersModel:
    """Asks one question at a time; a process that ended or hung is begun anew by the next one."""

    name = "transformers"

    def __init__(self, *, model: str, answer_s: float = ANSWER_S) -> None:
        if not model:
            raise TranslatorError("IMPASTO_TRANSLATOR_MODEL must name a model's folder or hub id.")
        self._model = model
        self._answer_s = answer_s
        self._lock = threading.Lock()
        self._process: _Process | None = None

    def reads(self, language: str) -> bool:
        return language != "und"

    def translate(self, texts: Sequence[str], *, language: str) -> list[str]:
        question = json.dumps({"texts": list(texts), "language": language})
        with self._lock:
            self._process = self._process or _Process(self._model)
            line = self._process.ask(question, within_s=self._answer_s)
            if line is None:
                self._process.end()
                self._process = None
                raise TranslatorError("the process that translates ended or hung")
        answer = json.loads(line)
        if "error" in answer:
            raise TranslatorError(f"the model failed: {answer['error']}")
        return [str(one) for one in answer["english"]]

    def close(self) -> None:
        """End the process; a later question begins another."""
        with self._lock:
            if self._process is not None:
                self._process.end()
            self._process = None


class _Process:
    """The process, and a thread that reads what it says."""

    def __init__(self, model: str) -> None:
        self._ran = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-W", "ignore", "-m", RUNNER, model],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        reader = threading.Thread(
            target=self._read, args=(self._ran.stdout,), name="translations", daemon=True
        )
        reader.start()

    def ask(self, question: str, *, within_s: float) -> str | None:
        """Return the answer, or None if none comes."""
        if self._ran.stdin is None:
            return None
        try:
            self._ran.stdin.write(question + "\n")
            self._ran.stdin.flush()
            return self._lines.get(timeout=within_s)
        except (OSError, queue.Empty):
            return None

    def end(self) -> None:
        """End it and wait until it is gone."""
        self._ran.kill()
        self._ran.wait()
        if self._ran.stdin is not None:
            try:
                self._ran.stdin.close()
            except OSError:
                return

    def _read(self, stdout: IO[str]) -> None:
        with stdout:
            for line in stdout:
                self._lines.put(line)
        self._lines.put(None)
