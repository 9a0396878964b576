"""What a command says that an error ended: exit status, code and sentence."""

from pydantic import ValidationError
from redis.exceptions import RedisError

from backend.cli.extras import NotInstalled
from backend.cli.stack import NotReady
from backend.cli.supervisor import ProcessKeepsDying
from backend.cli.terminal import EXIT_BAD_INPUT, EXIT_BLOCKED, EXIT_FAILED, BadUsage
from backend.cli.valkey import ValkeyMissing
from backend.domain.errors import BadInput, ImpastoError, Refused, Unavailable
from backend.settings import setting_problems
from safety.errors import MarkImpossible


def explain(error: Exception) -> tuple[int, str, str]:
    """Return exit status, code and sentence of what ended a command; raise what is a bug."""
    match error:
        case BadUsage():
            return EXIT_BAD_INPUT, "bad_input", str(error)
        case ValidationError(title="Settings"):
            problems = setting_problems(error)
            sentences = [f"{name} cannot be used: {problem}." for name, problem in problems]
            return EXIT_BAD_INPUT, "bad_setting", " ".join(sentences)
        case Unavailable(__cause__=MarkImpossible() as why):
            # Whose own installation it is may know what others are not told.
            return EXIT_FAILED, error.code, f"{why}."
        case ImpastoError():
            message = f"{error.message} {error.way_out}".strip()
            if isinstance(error, BadInput) and error.caret:
                message = f"{message}\n{error.caret}"
            return _status_of(error), error.code, message
        case NotInstalled() | NotReady() | ProcessKeepsDying() | ValkeyMissing():
            return EXIT_FAILED, "unavailable", str(error)
        case RedisError():
            return EXIT_FAILED, "unavailable", "The Valkey server does not answer any more."
        case OSError():
            place = f"{error.filename}: " if error.filename else ""
            return EXIT_FAILED, "unavailable", f"{place}{error.strerror or error}."
        case _:
            raise error


def _status_of(error: ImpastoError) -> int:
    match error:
        case Unavailable():
            return EXIT_FAILED
        case Refused():
            return EXIT_BLOCKED
        case _:
            return EXIT_BAD_INPUT
