"""What lies before moderators, over REST: for keys that moderate; and what members do about it."""

from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any

from aiohttp import hdrs, web
from pydantic import Field

from backend.domain.requests import Requester
from backend.domain.results import ImageVariant
from backend.domain.reviews import APPEAL_WORDS_MAX, REPORT_WORDS_MAX, Review
from backend.gateway.answers import json_answer
from backend.gateway.app_keys import SERVICES
from backend.gateway.bodies import read_body, read_query
from backend.gateway.paths import image_index_of, job_id_of, review_id_of
from backend.gateway.shapes import Incoming, Text
from backend.service.reviews import Measure, ReviewCard

REASON_MAX = 500


class Choice(StrEnum):
    """What a moderator decides of a review."""

    APPROVE = "approve"
    KEEP = "keep"
    DISMISS = "dismiss"
    REMOVE = "remove"


class DecisionIn(Incoming):
    """A decision about the picture, about whoever asked for it, or both."""

    decision: Choice | None = None
    measure: Measure | None = None
    reason: Text = Field(default="", max_length=REASON_MAX)


class AppealIn(Incoming):
    """Why a block is wrong."""

    reason: Annotated[Text, Field(min_length=1, max_length=APPEAL_WORDS_MAX)]


class ReportIn(Incoming):
    """What is wrong with a picture."""

    reason: Text = Field(default="", max_length=REPORT_WORDS_MAX)


class View(StrEnum):
    """How a moderator looks at a picture."""

    VEILED = "veiled"
    CLEAR = "clear"


class ViewIn(Incoming):
    """Whether to look at a picture as it is, rather than small, grey and blurred."""

    view: View = View.VEILED


class PageIn(Incoming):
    """How many reviews to list."""

    limit: Annotated[int, Field(ge=1, le=100)] = 20


async def list_open(request: web.Request, requester: Requester) -> web.Response:
    """List what is open: appeals and requests by when they are due, then the rest by age."""
    reviews = request.app[SERVICES].moderation.reviews
    cards = await reviews.open_cards(requester, limit=read_query(request, PageIn).limit)
    return json_answer({"object": "list", "data": [_card(card) for card in cards]})


async def show(request: web.Request, requester: Requester) -> web.Response:
    """Tell of one review, decided or not."""
    reviews = request.app[SERVICES].moderation.reviews
    return json_answer(_card(await reviews.look(review_id_of(request), requester)))


async def picture(request: web.Request, requester: Requester) -> web.Response:
    """Show the picture of a report: small, grey and blurred, or as it is; on record either way."""
    services, review_id = request.app[SERVICES], review_id_of(request)
    if read_query(request, ViewIn).view is View.VEILED:
        data = await services.moderation.looking.veiled(review_id, requester)
    else:
        _, image = await services.moderation.looking.clear(review_id, requester)
        data = await services.generations.read_image(image, ImageVariant.WEBP)
    headers = {hdrs.CACHE_CONTROL: "private, no-store", hdrs.CONTENT_DISPOSITION: "inline"}
    return web.Response(body=data, content_type="image/webp", headers=headers)


async def decide(request: web.Request, requester: Requester) -> web.Response:
    """Decide about the picture, about whoever asked for it, or both."""
    body = await read_body(request, DecisionIn)
    reviews, review_id = request.app[SERVICES].moderation.reviews, review_id_of(request)
    if body.measure is not None:
        await reviews.discipline(review_id, body.measure, requester, reason=body.reason)
    match body.decision:
        case Choice.APPROVE:
            card = await reviews.release(review_id, requester, reason=body.reason)
        case Choice.KEEP:
            card = await reviews.keep(review_id, requester, reason=body.reason)
        case Choice.DISMISS:
            card = await reviews.dismiss(review_id, requester, reason=body.reason)
        case Choice.REMOVE:
            card = await reviews.remove(review_id, requester, reason=body.reason)
        case None:
            card = await reviews.look(review_id, requester)
    return json_answer(_card(card))


async def rules(request: web.Request, requester: Requester) -> web.Response:
    """Tell how often moderators agreed with each rule."""
    found = await request.app[SERVICES].moderation.reviews.rules(requester)
    return json_answer({"object": "list", "data": [rule.as_document() for rule in found]})


async def requests(request: web.Request, requester: Requester) -> web.Response:
    """List what was asked to be removed, newest first."""
    found = await request.app[SERVICES].moderation.requests.all(requester)
    data = [
        {
            "id": asked.id,
            "state": state,
            "words": asked.words,
            "contact": asked.contact,
            "asked_at": asked.at.isoformat(),
            "answer_by": asked.due_at.isoformat(),
            "reviews": [] if asked.is_sealed else list(asked.review_ids),
        }
        for asked, state in found
    ]
    return json_answer({"object": "list", "data": data})


async def remove_picture(request: web.Request, requester: Requester) -> web.Response:
    """Remove a picture everywhere, and tell of each place whether it is gone from there."""
    body = await read_body(request, ReportIn)
    removals = request.app[SERVICES].moderation.removals
    job_id, index = job_id_of(request), image_index_of(request)
    removal = await removals.remove(job_id, index, requester, reason=body.reason)
    places = [
        {
            "kind": place.kind,
            "place": place.name,
            "gone_at": place.confirmed_at.isoformat() if place.confirmed_at else None,
            "proof": place.proof,
        }
        for place in removal.places
    ]
    out = {"id": removal.id, "is_finished": removal.is_finished, "places": places}
    return json_answer(out, status=HTTPStatus.ACCEPTED)


async def appeal(request: web.Request, requester: Requester) -> web.Response:
    """Ask for a second look at why one's own generation is held."""
    body = await read_body(request, AppealIn)
    appeals = request.app[SERVICES].moderation.appeals
    review = await appeals.appeal(job_id_of(request), requester, words=body.reason)
    due = review.due_at
    out = {
        "object": "appeal",
        "generation_id": review.job_id,
        "state": "open",
        "answer_by": due.isoformat() if due else None,
    }
    return json_answer(out, status=HTTPStatus.CREATED)


async def report(request: web.Request, requester: Requester) -> web.Response:
    """Put a picture before moderators."""
    body = await read_body(request, ReportIn)
    appeals = request.app[SERVICES].moderation.appeals
    job_id, index = job_id_of(request), image_index_of(request)
    await appeals.report(job_id, index, requester, words=body.reason)
    return json_answer({"object": "report", "state": "open"}, status=HTTPStatus.CREATED)


def _card(card: ReviewCard) -> dict[str, Any]:
    review, job = card.review, card.job
    return {
        "object": "review",
        "id": review.id,
        "kind": review.kind,
        "generation_id": job.id,
        "picture": review.picture_index,
        "picture_url": f"/v1/reviews/{review.id}/picture" if review.may_be_seen else None,
        "account": job.request.requester.account_id,
        "prompt": job.request.prompt,
        "stage": review.block.stage,
        "category": review.block.category,
        "rule": review.block.rule,
        "score": review.block.score,
        "reports": review.voices,
        "words": review.words,
        "opened_at": review.opened_at.isoformat(),
        "state": review.decision,
        "reason": review.reason,
        "is_own": card.is_own,
        "is_releasable": review.is_releasable,
        **_appeal(review),
    }


def _appeal(review: Review) -> dict[str, Any]:
    return {
        "appeal": review.appeal.words if review.appeal else None,
        "answer_by": review.due_at.isoformat() if review.due_at else None,
    }
