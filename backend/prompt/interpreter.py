"""Has a prompt translated within a deadline, remembers what was translated, and loses no prompt.

A translator that fails or is slow is left alone for a while, and prompts go on as they were typed.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass, replace
from typing import Final, Protocol

import structlog

from backend.domain.errors import NotTranslated
from backend.domain.prompts import PromptSpec, Translation
from backend.prompt.passages import GuessLanguage, Plan, plan
from backend.prompt.translator import Translator, TranslatorError

REMEMBERED: Final = 4096
AT_ONCE: Final = 4
FAILED, SLOW, UNREAD = "failed", "slow", "unread"

_log = structlog.get_logger(__name__)


class Interpret(Protocol):
    """Returns a prompt as it is to be drawn: in English, as far as that can be had."""

    def __call__(self, spec: PromptSpec) -> PromptSpec:
        """Blocks for as long as a translation may take.

        Raises:
            NotTranslated: it cannot be had, and the workshop draws no other words.

        """


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a translation may take, and for how long a translator that failed is let be."""

    deadline_s: float = 3.0
    rest_s: float = 10.0


class Interpreter:
    """Translates by the translator it is handed; `is_must` refuses what that cannot translate."""

    def __init__(
        self,
        *,
        translator: Translator,
        guess: GuessLanguage,
        patience: Patience | None = None,
        is_must: bool = False,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._translator = translator
        self._guess = guess
        self._patience = patience or Patience()
        self._is_must = is_must
        self._seconds = seconds
        self._memory = _Memory()
        self._places = threading.Semaphore(AT_ONCE)
        self._rests_until = float("-inf")

    def __call__(self, spec: PromptSpec) -> PromptSpec:
        to_do = plan(spec, self._guess)
        if spec.manner.is_verbatim or not to_do.texts:
            return replace(spec, language=to_do.language)
        failure = "" if self._translator.reads(to_do.language) else UNREAD
        english: Mapping[str, str] = {}
        if not failure:
            english, failure = self._look_up(to_do)
        if failure and self._is_must:
            raise NotTranslated(language=to_do.language)
        return self._told(to_do, english, failure)

    def _told(self, to_do: Plan, english: Mapping[str, str], failure: str) -> PromptSpec:
        told = Translation(language=to_do.language, by=self._translator.name, failure=failure)
        if failure:
            return replace(to_do.spec, language=to_do.language, translation=told)
        spec = to_do.apply(english)
        if not spec.positive_text.strip():
            return self._told(to_do, {}, FAILED)
        if (spec.positive, spec.negative) == (to_do.spec.positive, to_do.spec.negative):
            return replace(spec, language=to_do.language)
        told = replace(told, positive=to_do.spec.positive, negative=to_do.spec.negative)
        return replace(spec, language=to_do.language, translation=told)

    def _look_up(self, to_do: Plan) -> tuple[Mapping[str, str], str]:
        """Return what is known or can be had in time, or else why not."""
        known = self._memory.find(to_do.language, to_do.texts)
        missing = [text for text in to_do.texts if text not in known]
        if not missing:
            return known, ""
        if self._seconds() < self._rests_until:
            return {}, FAILED
        try:
            return {**known, **self._begin(missing, to_do.language)}, ""
        except TookTooLong:
            failure = SLOW
        except TranslatorError as error:
            failure = FAILED
            _log.warning("translator.failed", translator=self._translator.name, reason=str(error))
        self._rests_until = self._seconds() + self._patience.rest_s
        return {}, failure

    def _begin(self, texts: Sequence[str], language: str) -> Mapping[str, str]:
        """Translate in a thread of its own, so that whoever hangs holds up nobody for long."""
        until = time.monotonic() + self._patience.deadline_s
        if not self._places.acquire(timeout=self._patience.deadline_s):
            raise TookTooLong
        answer: Future[Mapping[str, str]] = Future()
        threading.Thread(
            target=self._work, args=(answer, texts, language), name="translate", daemon=True
        ).start()
        return answer.result(timeout=max(0.0, until - time.monotonic()))

    def _work(self, answer: Future[Mapping[str, str]], texts: Sequence[str], language: str) -> None:
        try:
            found = _paired(texts, self._translator.translate(texts, language=language))
            # What comes too late for one prompt is there for the next.
            self._memory.keep(language, found)
            answer.set_result(found)
        except TranslatorError as error:
            answer.set_exception(error)
        except Exception as error:  # noqa: BLE001 - the edge of a thread: whoever waits must hear
            answer.set_exception(TranslatorError(type(error).__name__))
        finally:
            self._places.release()


def _paired(texts: Sequence[str], english: Sequence[str]) -> dict[str, str]:
    if len(english) != len(texts):
        raise TranslatorError(f"{len(english)} answers to {len(texts)} texts")
    return dict(zip(texts, english, strict=True))


class _Memory:
    """The translations used last; safe to use from several threads."""

    def __init__(self) -> None:
        self._english: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, language: str, texts: Sequence[str]) -> dict[str, str]:
        """Return what is remembered of the texts."""
        with self._lock:
            for text in texts:
                if (language, text) in self._english:
                    self._english.move_to_end((language, text))
            keys = [(language, text) for text in texts if (language, text) in self._english]
            return {key[1]: self._english[key] for key in keys}

    def keep(self, language: str, found: Mapping[str, str]) -> None:
        """Remember translations, and forget what was not used for longest."""
        with self._lock:
            self._english.update({(language, text): word for text, word in found.items()})
            while len(self._english) > REMEMBERED:
                self._english.popitem(last=False)
