"""`impasto prompt check`: a filter for other programs; judges as the bot and the gateway do.

`impasto prompt explain`: what a prompt is read as and would cost, without drawing it.

One JSON object `{"id": 1, "prompt": "…"}` a line in, one `{"id": 1, "outcome": …}` a line out that
says how it was judged: outcome, category, rule, score, spans of the prompt, policy, the language it
was taken for, the English that was judged beside it, and what to do about it: a sentence and, where
there is one, the span to change.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from io import TextIOWrapper
from typing import Final, TextIO

from backend.bootstrap.explanations import open_explanations
from backend.bootstrap.reading import open_interpreter, open_screen
from backend.cli.explaining import explanation_lines
from backend.cli.stack import NotReady, running_redis
from backend.cli.terminal import EXIT_BLOCKED, EXIT_DELIVERED, IMAGE_COUNT, say
from backend.domain.errors import BadInput, NotTranslated, Unavailable
from backend.domain.families import ModelFamily
from backend.domain.requests import AccountId, GenerationRequest, Requester, Surface
from backend.domain.ways_out import way_out
from backend.gateway.explaining import explanation_of
from backend.prompt.interpreter import Interpret
from backend.prompt.judging import PromptScreen, PromptVerdict
from backend.prompt.language import UNKNOWN, LanguageGuess
from backend.prompt.pipeline import Understood, understand_all
from backend.service.explanations import Explanation
from backend.settings import Settings
from safety.verdict import CHILD_SAFETY, Outcome

# No prompt is this long; what is longer is judged piece by piece, and its worst piece counts.
PIECE_CHARACTERS: Final = 2_000
OVERLAP_CHARACTERS: Final = 500
PIECE_STEP: Final = PIECE_CHARACTERS - OVERLAP_CHARACTERS
# Of what is longer still, beginning and end are read, and the rest is for a moderator.
READ_CHARACTERS: Final = 4_000
_REQUESTER: Final = Requester(account_id=AccountId("local:filter"), surface=Surface.COMMAND_LINE)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="screen prompts, one JSON object a line")
    check.add_argument(
        "--json", action="store_true", help="the only format there is, whether asked for or not"
    )
    check.set_defaults(run=run)
    explaining = actions.add_parser("explain", help="say what a prompt would be drawn as, and cost")
    explaining.add_argument("prompt", help="a prompt, in quotes, with its parameters")
    explaining.add_argument(
        "--family",
        choices=[family.value for family in ModelFamily],
        help="which family would draw it (the first that is served)",
    )
    explaining.add_argument(
        "--n",
        type=int,
        default=IMAGE_COUNT,
        help="how many pictures (1 to 4; one, as `impasto imagine` draws; bot and REST draw four)",
    )
    explaining.add_argument("--json", action="store_true", help="print one JSON object")
    explaining.set_defaults(run=explain)


def run(arguments: argparse.Namespace) -> int:
    """Screen until the input ends."""
    del arguments
    if isinstance(sys.stdin, TextIOWrapper):
        # Whatever bytes come, the filter goes on.
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    return run_filter(sys.stdin, sys.stdout)


def explain(arguments: argparse.Namespace) -> int:
    """Say what a prompt would become. Exit 0, or 2 if it cannot be read, 3 if it is held back."""
    request = GenerationRequest(
        requester=_REQUESTER,
        # Bytes that are no UTF-8 come as lone surrogates.
        prompt=arguments.prompt.encode(errors="replace").decode(),
        family=ModelFamily(arguments.family) if arguments.family else None,
        image_count=arguments.n,
    )
    explanation = asyncio.run(_explain(Settings(), request))
    if arguments.json:
        say(explanation_of(explanation).model_dump_json())
    else:
        say("\n".join(explanation_lines(explanation)))
    is_held = any(not prompt.verdict.is_allowed for prompt in explanation.prompts)
    return EXIT_BLOCKED if is_held else EXIT_DELIVERED


async def _explain(settings: Settings, request: GenerationRequest) -> Explanation:
    with suppress(NotReady, Unavailable):
        settings = settings.model_copy(update={"redis_url": running_redis(settings)})
    async with open_explanations(settings) as explanations:
        return await explanations.explain(request)


def run_filter(stdin: TextIO, stdout: TextIO, *, screen: PromptScreen | None = None) -> int:
    """Answer every line of `stdin` with one on `stdout`, flushed; return 0 when it ends.

    A line that is no question is answered with an `error`, and the next one is read.
    """
    settings = Settings()
    judge = Judge(
        screen=screen or open_screen(settings),
        interpret=open_interpreter(settings),
        guess=LanguageGuess(),
    )
    # What loads with a first prompt is loaded now, so that no answer waits for it.
    judge("zorro rojo")
    for line in stdin:
        if line.strip():
            stdout.write(json.dumps(_answer(line, judge)) + "\n")
            stdout.flush()
    return 0


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What was said of a prompt, its language, and the English that was judged beside it."""

    verdict: PromptVerdict
    language: str
    translation: str | None = None


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Judges prompts as a request for them would be."""

    screen: PromptScreen
    interpret: Interpret | None
    guess: LanguageGuess

    def __call__(self, prompt: str) -> Judged:
        """Judge a prompt; one that stands for several is judged by its worst."""
        request = GenerationRequest(requester=_REQUESTER, prompt=prompt)
        try:
            read = understand_all(
                request,
                screen=self.screen,
                default_family=ModelFamily.SDXL,
                interpret=self.interpret,
            )
        except (BadInput, NotTranslated):
            # No picture would come of it, but it was asked about.
            held = max(_judge_pieces(prompt, self.screen), key=_severity)
            return Judged(verdict=held, language=self.guess(prompt))
        worst = max(read, key=lambda one: _severity(one.verdict))
        is_translated = worst.spec.typed is not worst.spec
        decided = worst.spec.language
        return Judged(
            verdict=_placed(worst, prompt),
            language=self.guess(prompt) if decided == UNKNOWN else decided,
            translation=worst.spec.positive_text if is_translated else None,
        )


def _answer(line: str, judge: Judge) -> dict[str, object]:
    try:
        question = json.loads(line)
    except (ValueError, RecursionError):
        return _bad_input(None, "This line is not JSON.")
    if not isinstance(question, dict):
        return _bad_input(None, "This line is not a JSON object.")
    asked, prompt = question.get("id"), question.get("prompt")
    if isinstance(asked, bool) or not isinstance(asked, int | str | None):
        return _bad_input(None, '"id" is a number or a text.')
    if not isinstance(prompt, str):
        return _bad_input(asked, '"prompt" is missing or not a text.')
    judged = judge(prompt)
    verdict = judged.verdict
    return {
        "id": asked,
        "outcome": verdict.outcome,
        "category": verdict.category or None,
        "rule": verdict.rule or None,
        "score": round(verdict.score, 4),
        "spans": [list(span) for span in verdict.spans],
        "policy": verdict.policy or None,
        "policy_version": verdict.policy_version or None,
        "language": judged.language,
        "translation": judged.translation,
        "way_out": _way_out(verdict),
    }


def _way_out(verdict: PromptVerdict) -> dict[str, object] | None:
    """Say what somebody can do whose prompt is held, and which span of it is at fault."""
    if verdict.is_allowed:
        return None
    sentence = way_out(verdict.category, is_final=verdict.outcome == Outcome.BLOCK)
    is_changeable = verdict.spans and verdict.category != CHILD_SAFETY
    ends = [end for span in verdict.spans for end in span]
    return {"sentence": sentence, "span": [min(ends), max(ends)] if is_changeable else None}


def _placed(one: Understood, prompt: str) -> PromptVerdict:
    """Return a verdict with its spans in the prompt as it was written; none where words moved."""
    start = prompt.find(one.spec.typed.positive_text)
    spans = one.verdict.spans if start >= 0 else ()
    return replace(one.verdict, spans=tuple((start + a, start + b) for a, b in spans))


def _severity(verdict: PromptVerdict) -> tuple[int, float]:
    return Outcome(verdict.outcome).severity, verdict.score


def _judge_pieces(prompt: str, screen: PromptScreen) -> Iterator[PromptVerdict]:
    starts = range(0, max(len(prompt) - OVERLAP_CHARACTERS, 1), PIECE_STEP)
    if len(prompt) > READ_CHARACTERS:
        starts = range(0, len(prompt), len(prompt) - PIECE_CHARACTERS)
        yield PromptVerdict(outcome="review", category="too_long", rule="too_long", score=0.5)
    for start in starts:
        verdict = screen(prompt[start : start + PIECE_CHARACTERS])
        yield replace(verdict, spans=tuple((start + a, start + b) for a, b in verdict.spans))


def _bad_input(asked: int | str | None, message: str) -> dict[str, object]:
    return {"id": asked, "error": {"code": "bad_input", "message": message}}
