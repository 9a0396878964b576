"""The process that translates: a JSON object a line in, one a line out, until the input ends.

`python -m backend.prompt.translators.transformers_model.runner MODEL`
"""

import json
import os
import sys
from typing import Any, Final, TextIO

from backend.prompt.nllb import NLLB

NEW_TOKENS_MAX: Final = 256


def main() -> None:
    """Open the model named on the command line, and answer."""
    # What libraries print must not be read as answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        model = Model(sys.argv[1])
    except Exception as error:  # noqa: BLE001 - the edge of a process: whoever asks must hear
        refuse_all(sys.stdin, answers, why=f"it cannot be opened ({type(error).__name__})")
        return
    answer_all(model, sys.stdin, answers)


def refuse_all(questions: TextIO, answers: TextIO, *, why: str) -> None:
    """Answer each question with an error."""
    for _ in questions:
        _write(answers, {"error": why})


def answer_all(model: "Model", questions: TextIO, answers: TextIO) -> None:
    """Answer each question."""
    for line in questions:
        try:
            question = json.loads(line)
            english = model.translate(question["texts"], question["language"])
            _write(answers, {"english": english})
        except Exception as error:  # noqa: BLE001 - as above
            _write(answers, {"error": type(error).__name__})


def _write(answers: TextIO, answer: dict[str, object]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


class Model:
    """A model of translation and its tokenizer, by folder or hub id."""

    def __init__(self, source: str) -> None:
        from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

        self._tokenizer: Any = AutoTokenizer.from_pretrained(source)
        self._model: Any = AutoModelForSeq2SeqLM.from_pretrained(source).eval()

    def translate(self, texts: list[str], language: str) -> list[str]:
        """Return the texts in English."""
        tokenizer = self._tokenizer
        forced = self._name_languages(language)
        batch = tokenizer(texts, return_tensors="pt", padding=True, truncation=True)
        generated = self._model.generate(
            **batch, **forced, max_new_tokens=NEW_TOKENS_MAX, num_beams=2
        )
        name = forced.get("forced_bos_token_id")
        # Not every tokenizer counts the names of languages among what is left out.
        rows = [[token for token in row if token != name] for row in generated.tolist()]
        english: list[str] = tokenizer.batch_decode(rows, skip_special_tokens=True)
        return english

    def _name_languages(self, language: str) -> dict[str, int]:
        """Tell the tokenizer what it reads; return what makes the model write English."""
        kind = self._model.config.model_type
        if kind == "marian":
            return {}
        is_nllb = "eng_Latn" in self._tokenizer.get_vocab()
        self._tokenizer.src_lang = NLLB[language] if is_nllb else language
        if is_nllb:
            return {"forced_bos_token_id": self._tokenizer.convert_tokens_to_ids("eng_Latn")}
        return {"forced_bos_token_id": self._tokenizer.get_lang_id("en")}


if __name__ == "__main__":
    main()
