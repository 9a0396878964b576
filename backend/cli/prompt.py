"""`impasto prompt check`: a filter for other programs; judges as the bot and the gateway do.

One JSON object `{"id": 1, "prompt": "…"}` a line in, one `{"id": 1, "outcome": …}` a line out.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from io import TextIOWrapper
from typing import Final, TextIO

from backend.bootstrap import open_screen
from backend.cli.terminal import Subparsers
from backend.domain.errors import BadInput
from backend.domain.families import ModelFamily
from backend.domain.requests import AccountId, GenerationRequest, Requester, Surface
from backend.prompt.pipeline import PromptScreen, PromptVerdict, understand

# No prompt is this long; what is longer is judged piece by piece, and its worst piece counts.
PIECE_CHARACTERS: Final = 10_000
OVERLAP_CHARACTERS: Final = 500
_WORSE: Final = {"allow": 0, "review": 1, "block": 2}


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser("prompt", help="work with prompts")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="screen prompts, one JSON object a line")
    check.add_argument("--json", action="store_true", help="the only format there is")
    check.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Screen until the input ends."""
    del arguments
    if isinstance(sys.stdin, TextIOWrapper):
        # Whatever bytes come, the filter goes on.
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    return run_filter(sys.stdin, sys.stdout)


def run_filter(stdin: TextIO, stdout: TextIO, *, screen: PromptScreen | None = None) -> int:
    """Answer every line of `stdin` with one on `stdout`, flushed; return 0 when it ends.

    A line that is no question is answered with an `error`, and the next one is read.
    """
    judge = screen or open_screen()
    for line in stdin:
        if line.strip():
            stdout.write(json.dumps(_answer(line, judge)) + "\n")
            stdout.flush()
    return 0


def _answer(line: str, screen: PromptScreen) -> dict[str, object]:
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
    verdict = _judge(prompt, screen)
    return {
        "id": asked,
        "outcome": verdict.outcome,
        "category": verdict.category or None,
        "rule": verdict.rule or None,
    }


def _judge(prompt: str, screen: PromptScreen) -> PromptVerdict:
    requester = Requester(account_id=AccountId("local:filter"), surface=Surface.COMMAND_LINE)
    request = GenerationRequest(requester=requester, prompt=prompt)
    try:
        return understand(request, screen=screen, default_family=ModelFamily.SDXL).verdict
    except BadInput:
        # No picture would come of it, but it was asked about.
        return max(map(screen, _pieces(prompt)), key=lambda verdict: _WORSE[verdict.outcome])


def _bad_input(asked: int | str | None, message: str) -> dict[str, object]:
    return {"id": asked, "error": {"code": "bad_input", "message": message}}


def _pieces(prompt: str) -> Iterator[str]:
    last = max(len(prompt) - OVERLAP_CHARACTERS, 1)
    for start in range(0, last, PIECE_CHARACTERS - OVERLAP_CHARACTERS):
        yield prompt[start : start + PIECE_CHARACTERS]
