"""Wires what prompts are read and judged by."""

from functools import cache

from backend.bootstrap.links import open_named_pictures
from backend.prompt.interpreter import Interpret, Interpreter, Patience
from backend.prompt.judging import SafetyScreen
from backend.prompt.language import ENGLISH, UNKNOWN, LanguageGuess
from backend.prompt.translators import open_translator
from backend.prompt.translators.glossary.telling import Teller, open_teller
from backend.service.fleet import Fleet
from backend.service.policies import Everywhere, Policies, ScreensByPolicy
from backend.service.reader import Reader
from backend.settings import Settings
from safety.prompt_checks import open_prompt_checks, rules_version


def make_reader(settings: Settings, fleet: Fleet, policies: Policies | None = None) -> Reader:
    """Make what reads requests, without pictures and saved preferences.

    Without `policies` the deployment's holds everywhere.
    """
    screen = open_screen(settings)
    return Reader(
        screens=ScreensByPolicy(screen, policies) if policies else Everywhere(screen),
        fleet=fleet,
        house=settings.house,
        interpret=open_interpreter(settings),
        named=open_named_pictures(settings),
    )


def open_interpreter(settings: Settings) -> Interpret | None:
    """Open what puts prompts into English; None where they are read as they are typed.

    Raises:
        TranslatorError: the translator lacks something it needs.

    """
    chosen = settings.translator_settings
    if chosen is None:
        return None
    return Interpreter(
        translator=open_translator(chosen),
        guess=_tell_language,
        patience=Patience(deadline_s=settings.translation_deadline_s),
        is_must=settings.translation_must,
    )


def _tell_language(text: str) -> str:
    """Return a text's language; where a few words are too few to guess, by knowing them."""
    guessed = _language_guess()(text)
    # The glossary is not read for what is English anyway.
    if guessed == ENGLISH or _teller().is_short_english(text):
        return ENGLISH
    return _teller().tell(text) if guessed == UNKNOWN else guessed


# Each takes most of a second to load, which only a prompt is worth.
@cache
def _language_guess() -> LanguageGuess:
    return LanguageGuess()


@cache
def _teller() -> Teller:
    return open_teller()


def open_screen(settings: Settings) -> SafetyScreen:
    """Open the prompt screen with the checks that ship and the policy in force."""
    return SafetyScreen(
        checks=open_prompt_checks(settings.prompt_check_settings),
        policy=settings.safety_policy,
        rules=rules_version(settings.prompt_check_settings),
    )
