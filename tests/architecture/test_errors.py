"""Every error code is unique, has its status over REST and its sentence in Discord."""

from http import HTTPStatus

import pytest

from backend.domain import errors
from backend.domain.errors import ImpastoError
from backend.gateway.middlewares import HTTP_PROBLEMS, PROBLEMS
from bot.presenters.errors import ERROR_SENTENCES, FAILURE_SENTENCES
from gpu_worker.state import RenderError


def _all_kinds() -> list[type[ImpastoError]]:
    return [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, ImpastoError)
    ]


CODES = [kind.code for kind in _all_kinds()]


def test_no_two_errors_share_a_code() -> None:
    assert len(set(CODES)) == len(CODES)
    assert not set(CODES) & set(HTTP_PROBLEMS)


def test_all_errors_are_in_the_tree_of_their_module() -> None:
    known = set(_all_kinds())
    for kind in list(known):
        assert set(kind.__subclasses__()) <= known


def test_the_drawn_tree_names_every_error() -> None:
    drawn = errors.__doc__ or ""
    assert [kind.__name__ for kind in _all_kinds() if kind.__name__ not in drawn] == []


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_its_row_over_rest(code: str) -> None:
    assert PROBLEMS[code].status >= HTTPStatus.BAD_REQUEST
    assert PROBLEMS[code].title


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_its_sentence_in_discord(code: str) -> None:
    assert ERROR_SENTENCES[code].strip()


def test_no_row_and_no_sentence_stands_for_an_error_that_is_gone() -> None:
    assert set(PROBLEMS) == set(CODES)
    assert set(ERROR_SENTENCES) <= set(CODES)


@pytest.mark.parametrize("kind", [RenderError, *RenderError.__subclasses__()])
def test_every_failure_of_a_worker_has_its_sentence_in_discord(kind: type[RenderError]) -> None:
    assert FAILURE_SENTENCES[kind.code].strip()


MADE = [
    errors.PromptEmpty(),
    errors.PromptTooLong(characters=2, limit=1),
    errors.PromptTooDeep(limit=16),
    errors.TooManyPermutations(count=50, limit=40),
    errors.BracketUnbalanced(bracket="(", closing=")"),
    errors.WeightOutOfRange("x", way_out="y"),
    errors.QuoteUnclosed(name="no"),
    errors.ParameterNotSupported(what="--video", why="x", way_out="y"),
    errors.InvalidOption("x"),
    errors.UnknownParameter(name="x", known=("ar",)),
    errors.InvalidParameter(name="ar", expected="W:H"),
    errors.InvalidAspectRatio(given="x"),
    errors.SeedOutOfRange(),
    errors.StepsOutOfRange(least=1, most=2),
    errors.ImageCountOutOfRange(least=1, most=2),
    errors.SamplerNotSupported(sampler="x", family="sdxl", supported=()),
    errors.TilingNotSupported(family="flux", supported=("sdxl",)),
    errors.ImagePromptsNotSupported(family="flux", supported=("sdxl",)),
    errors.PictureInvalid(),
    errors.PictureLinkInvalid("it cannot be read"),
    errors.PictureLinkUnreachable("its server answers 404"),
    errors.PictureTooLarge(limit="10 MB at most"),
    errors.PictureOperationInvalid("A mask needs a picture.", way_out="Name one."),
    errors.InvalidLora(given="x:9"),
    errors.TooManyLoras(limit=4),
    errors.RecipeIncomplete(),
    errors.PromptBlocked(category="x"),
    errors.PictureBlocked(category="x"),
    errors.ReviewNotReleasable(),
    errors.Unauthenticated(),
    errors.NotYours(),
    errors.ModeratorsOnly(),
    errors.GuildManagersOnly(),
    errors.LinkRefused(),
    errors.JobNotFound(),
    errors.ImageNotFound(),
    errors.UploadNotFound(),
    errors.ReviewNotFound(),
    errors.RecipeNotFound(),
    errors.FamilyUnavailable(family="sd3", available=()),
    errors.NoLiveWorker(family="sd3", patience_s=120, live=()),
    errors.TooManyWaiting(tier="fast", limit=50),
    errors.TooManyUploads(limit=50),
    errors.TooManyChecks(retry_after_s=6),
    errors.JobFinished(),
    errors.JobNotDelivered(),
    errors.IdempotencyMismatch(),
    errors.AccountMuted(reason="3 strikes", until=None),
    errors.AccountBanned(reason="5 strikes"),
    errors.AccountFrozen(),
    errors.AppealImpossible(),
    errors.AppealRepeated(due_at=None),
    errors.ReportRepeated(),
    errors.TooManyReports(limit=10),
    errors.DecisionImpossible(),
    errors.OwnCase(),
    errors.RemovalRequestEmpty(),
    errors.RemovalRequestNotFound(),
    errors.SafetyReportNotFound(),
    errors.TooManyRequests(retry_after_s=60),
    errors.NotTranslated(language="es"),
    errors.Unavailable(),
]


def test_every_error_says_what_to_do() -> None:
    leaves = {kind for kind in _all_kinds() if not kind.__subclasses__()}
    assert {type(error) for error in MADE} == leaves
    assert [type(error) for error in MADE if not error.way_out.strip()] == []
