"""Create, look at, list and cancel generations."""

from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web
from pydantic import BaseModel

from backend.domain.errors import ImageNotFound, PromptBlocked
from backend.domain.jobs import Job, JobState
from backend.domain.requests import GenerationRequest, JobId, Requester
from backend.domain.results import ImageRef, ImageVariant
from backend.gateway.app_keys import CLOCK, PUBLIC_URL, SERVICES
from backend.gateway.bodies import idempotency_key_of, read_body, read_query
from backend.gateway.explaining import explanation_of
from backend.gateway.paths import image_index_of, job_id_of
from backend.gateway.picture_formats import VARIANTS
from backend.gateway.picture_schemas import (
    InpaintOfIn,
    OutpaintOfIn,
    UpscaleOfIn,
    VariationIn,
)
from backend.gateway.presentation import accepted_of, generation_of, set_of, summary_of, why_of
from backend.gateway.problems import PROBLEM_MEMBERS
from backend.gateway.schemas import (
    CreateQuery,
    ExactJob,
    GenerationIn,
    GenerationList,
    ImageOut,
    ListQuery,
)
from backend.service.alt_text import alt_text
from backend.service.generations import LINK_TTL_S, image_of
from backend.service.job_view import JobView
from backend.service.recipes import DOCUMENT, RecipeDocument, document_of, request_again, request_by

RETRY_AFTER_MAX_S: Final = 10
REPLAYED_HEADER: Final = "Idempotent-Replayed"
THUMBNAILS: Final = {"256": ImageVariant.THUMBNAIL_256, "512": ImageVariant.THUMBNAIL_512}


async def create(request: web.Request, requester: Requester) -> web.Response:
    """Put a request in line and answer 202 with its id; or 200, and only what it would become."""
    key = idempotency_key_of(request)
    is_dry = read_query(request, CreateQuery).dry_run
    body = await read_body(request, GenerationIn)
    asked = await _request_of(request, body, requester, key)
    explanations = request.app[SERVICES].explanations
    if is_dry or await explanations.is_asked(asked):
        return _json(explanation_of(await explanations.explain(asked)))
    views = await request.app[SERVICES].generations.submit_all(asked)
    _refuse_held_prompt(request, views)
    return _accepted(request, views)


async def show(request: web.Request, requester: Requester) -> web.Response:
    """Tell its owner how a generation stands, with fresh links to its pictures."""
    generations = request.app[SERVICES].generations
    view = await generations.view(job_id_of(request), requester)
    etag = _etag(request, view)
    if _is_known(request, etag):
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=_caching(etag))
    out = generation_of(
        view,
        [await _image(request, view.job, image) for image in view.job.images],
        request.app[PUBLIC_URL],
    )
    response = _json(out, headers=_caching(etag))
    if not view.job.is_terminal:
        response.headers[hdrs.RETRY_AFTER] = _retry_after(view)
    return response


async def why(request: web.Request, requester: Requester) -> web.Response:
    """Tell its owner why a generation is where it is."""
    view = await request.app[SERVICES].generations.view(job_id_of(request), requester)
    return _json(why_of(view))


async def recipe(request: web.Request, requester: Requester) -> web.Response:
    """Tell its owner how a generation's pictures were made."""
    view = await request.app[SERVICES].generations.view(job_id_of(request), requester)
    document = DOCUMENT.dump_json(document_of(view.job))
    return web.Response(body=document, content_type="application/json")


async def preview(request: web.Request, requester: Requester) -> web.Response:
    """Show its owner what a generation's pictures look like on their way."""
    generations = request.app[SERVICES].generations
    view = await generations.view(job_id_of(request), requester)
    data = await generations.preview(view.job)
    if data is None:
        raise ImageNotFound
    headers = {hdrs.CACHE_CONTROL: "private, no-store", hdrs.CONTENT_DISPOSITION: "inline"}
    return web.Response(body=data, content_type="image/webp", headers=headers)


async def list_own(request: web.Request, requester: Requester) -> web.Response:
    """List the caller's newest generations."""
    limit = read_query(request, ListQuery).limit
    jobs = await request.app[SERVICES].generations.recent(requester, limit=limit)
    public_url = request.app[PUBLIC_URL]
    return _json(GenerationList(data=[summary_of(job, public_url) for job in jobs]))


async def cancel(request: web.Request, requester: Requester) -> web.Response:
    """Cancel a generation and say what was refunded; asking again changes and says nothing else."""
    generations = request.app[SERVICES].generations
    view = await generations.view(job_id_of(request), requester)
    if view.job.state is not JobState.CANCELLED:
        view = await generations.cancel(view.job.id, requester)
    return _json(accepted_of(view, request.app[PUBLIC_URL]), status=HTTPStatus.ACCEPTED)


async def vary(request: web.Request, requester: Requester) -> web.Response:
    """Put variations of a delivered picture in line."""
    return await _rework(request, requester, await read_body(request, VariationIn))


async def upscale(request: web.Request, requester: Requester) -> web.Response:
    """Put a larger copy of a delivered picture in line."""
    return await _rework(request, requester, await read_body(request, UpscaleOfIn))


async def outpaint(request: web.Request, requester: Requester) -> web.Response:
    """Put a delivered picture on a larger canvas in line."""
    return await _rework(request, requester, await read_body(request, OutpaintOfIn))


async def inpaint(request: web.Request, requester: Requester) -> web.Response:
    """Put a delivered picture with a part drawn anew in line."""
    return await _rework(request, requester, await read_body(request, InpaintOfIn))


async def _rework(
    request: web.Request,
    requester: Requester,
    body: VariationIn | UpscaleOfIn | OutpaintOfIn | InpaintOfIn,
) -> web.Response:
    generations = request.app[SERVICES].generations
    origin = await generations.view(job_id_of(request), requester)
    view = await generations.rework(
        origin.job.id,
        image_index_of(request),
        requester,
        body.to_rework(),
        idempotency_key=idempotency_key_of(request),
    )
    _refuse_held_prompt(request, [view])
    return _accepted(request, [view])


async def _request_of(
    request: web.Request, body: GenerationIn, requester: Requester, key: str | None
) -> GenerationRequest:
    """Say what is asked in the words of the domain; by a recipe, if one is named."""
    match body.exact:
        case None:
            return body.to_request(requester, key)
        case ExactJob(job_id=job_id, index=index):
            origin = await request.app[SERVICES].generations.view(JobId(job_id), requester)
            if index is not None:
                image_of(origin.job, index)
            return request_again(origin.job, requester, idempotency_key=key)
        case RecipeDocument() as document:
            return request_by(document, requester, idempotency_key=key)


def _refuse_held_prompt(request: web.Request, views: Sequence[JobView]) -> None:
    """Answer a job born BLOCKED as a refusal that names the job, for its owner to follow.

    Of several, only if all were.
    """
    job = views[0].job
    if any(view.job.state is not JobState.BLOCKED for view in views) or job.block is None:
        return
    request[PROBLEM_MEMBERS] = {
        "request_id": job.id,
        "stage": job.block.stage,
        "category": job.block.category,
    }
    raise PromptBlocked(category=job.block.category)


def _accepted(request: web.Request, views: Sequence[JobView]) -> web.Response:
    view, public_url = views[0], request.app[PUBLIC_URL]
    out = accepted_of(view, public_url) if len(views) == 1 else set_of(views, public_url)
    headers: dict[str, str] = {
        hdrs.LOCATION: f"/v1/generations/{view.job.id}",
        hdrs.RETRY_AFTER: _retry_after(view),
    }
    if view.is_repeated:
        headers[REPLAYED_HEADER] = "true"
    return _json(out, status=HTTPStatus.ACCEPTED, headers=headers)


async def _image(request: web.Request, job: Job, image: ImageRef) -> ImageOut:
    link = request.app[SERVICES].generations.link
    expires_at = request.app[CLOCK]() + timedelta(seconds=LINK_TTL_S)
    links = {variant: await link(image, variant) for variant in image.keys}
    return ImageOut(
        index=image.index,
        seed=image.seed,
        width=image.width,
        height=image.height,
        sha256=image.sha256,
        bytes=image.size_bytes,
        url=links[ImageVariant.ORIGINAL],
        url_expires_at=expires_at.replace(microsecond=0),
        webp=links.get(ImageVariant.WEBP),
        formats={one: links[variant] for one, variant in VARIANTS.items() if variant in links},
        is_spoiler=image.is_spoiler,
        thumbnails={
            side: links[variant] for side, variant in THUMBNAILS.items() if variant in links
        },
        alt=alt_text(job, image),
    )


def _retry_after(view: JobView) -> str:
    return str(min(RETRY_AFTER_MAX_S, 1 + (view.position or 0)))


def _etag(request: web.Request, view: JobView) -> str:
    """Name what would be shown: the version, the place in line, its time, the age of the links.

    Links are good for an hour; a client that holds an old answer gets fresh ones every half hour.
    """
    parts = [str(view.job.version)]
    if view.position is not None:
        parts.append(f"p{view.position}")
    if view.outlook is not None:
        parts.append(f"e{round(view.outlook.p90_s)}")
    if view.job.result is not None:
        parts.append(f"l{int(request.app[CLOCK]().timestamp()) // (LINK_TTL_S // 2)}")
    return '"' + "-".join(parts) + '"'


def _is_known(request: web.Request, etag: str) -> bool:
    given = request.headers.get(hdrs.IF_NONE_MATCH, "")
    return any(tag.strip().removeprefix("W/") in (etag, "*") for tag in given.split(","))


def _caching(etag: str) -> dict[str, str]:
    return {hdrs.ETAG: f"W/{etag}", hdrs.CACHE_CONTROL: "private, no-cache"}


def _json(
    out: BaseModel, *, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> web.Response:
    return web.Response(
        status=status,
        body=out.model_dump_json().encode(),
        content_type="application/json",
        headers=headers,
    )
