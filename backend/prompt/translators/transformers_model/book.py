"""Translates by a model that transformers opens, from a process beside this one.

Tensors never reach the backend, so torch lives and dies in that process, and may be ended when it
hangs.
"""

import json
import threading
from collections.abc import Sequence
from typing import Final

from backend.prompt.translator import TranslatorError
from safety.line_process import LineProcess

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
        self._process: LineProcess | None = None

    def reads(self, language: str) -> bool:
        return language != "und"

    def translate(self, texts: Sequence[str], *, language: str) -> list[str]:
        question = json.dumps({"texts": list(texts), "language": language})
        with self._lock:
            self._process = self._process or LineProcess(RUNNER, self._model)
            is_asked = self._process.say(question)
            line = self._process.hear(within_s=self._answer_s) if is_asked else None
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
