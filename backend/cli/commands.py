"""All commands by name and in a line; the file of each is read only when it is asked for.

Together they import nearly everything there is, which takes seconds that a list of them, or the
leanest of them, is not worth.
"""

import argparse
from dataclasses import dataclass
from importlib import import_module
from typing import Final


@dataclass(frozen=True)
class Command:
    """A command as it is listed; its file here has the same name unless one is given."""

    name: str
    summary: str
    file: str = ""

    @property
    def module(self) -> str:
        """The dotted name of its file."""
        return f"backend.cli.{self.file or self.name}"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Read the command's file and let it say what it takes."""
        import_module(self.module).add_arguments(parser)


COMMANDS: Final = (
    Command("up", "run bot, gateway, dispatcher and workers"),
    Command("demo", "try everything with an offline Discord"),
    Command("imagine", "make a picture and write it to a file"),
    Command("bot", "run one bot process", file="process"),
    Command("gateway", "run one gateway process", file="process"),
    Command("dispatcher", "run one dispatcher process", file="process"),
    Command("worker", "run one worker process"),
    Command("prompt", "work with prompts"),
    Command("policy", "set, show and try safety policies"),
    Command("audit", "verify and export the record of decisions"),
    Command("reports", "child safety findings that must be reported"),
    Command("reviews", "what moderators decided, and what waits"),
    Command("queue", "watch who waits, and how fairly all are served", file="queue_view"),
    Command("key", "make, list and revoke API keys"),
    Command("models", "see which models are drawn with"),
    Command("verify", "tell where a picture is from"),
    Command("storage", "how pictures age"),
    Command("bias", "measure how people come out in a model's pictures"),
    Command("simulate", "replay a trace of requests under several policies"),
    Command("drill", "break an installation on purpose and check that no job is lost"),
    Command("doctor", "check settings, servers, models, GPU and token"),
)
