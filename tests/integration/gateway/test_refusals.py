"""What the gateway refuses, and how it says so."""

import json
from datetime import timedelta
from http import HTTPStatus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.domain.errors import ImpastoError
from backend.domain.families import ModelFamily
from backend.domain.tiers import TIER_POLICIES, Tier
from backend.gateway.middlewares import HTTP_PROBLEMS, PROBLEMS
from backend.gateway.schemas import GenerationIn
from backend.service.generations import Generations
from tests.integration.gateway.workshop import Workshop

INVALID = [
    ({}, 422, "invalid_request", "/prompt"),
    ({"prompt": 7}, 422, "invalid_request", "/prompt"),
    ({"prompt": "a\0b"}, 422, "invalid_request", "/prompt"),
    ({"prompt": "a", "colour": "red"}, 422, "invalid_request", "/colour"),
    ({"prompt": "a", "family": "vae"}, 422, "invalid_request", "/family"),
    ({"prompt": "a", "tier": "slow"}, 422, "invalid_request", "/tier"),
    ({"prompt": "a", "tier": "fast", "queue": "relax"}, 422, "invalid_request", ""),
    ({"prompt": "a", "steps": "12"}, 422, "invalid_request", "/steps"),
    ({"prompt": "a", "steps": 1.5}, 422, "invalid_request", "/steps"),
    ({"prompt": "a", "n": True}, 422, "invalid_request", "/n"),
    ({"prompt": "a", "guidance": "7"}, 422, "invalid_request", "/guidance"),
    ({"prompt": "a", "sampler": "lms"}, 422, "invalid_request", "/sampler"),
    ([], 422, "invalid_request", ""),
    ({"prompt": ""}, 422, "prompt_empty", None),
    ({"prompt": "x" * 10_000}, 422, "prompt_too_long", None),
    ({"prompt": "a --colour red"}, 422, "unknown_parameter", None),
    ({"prompt": "a", "aspect_ratio": "0:3"}, 422, "invalid_aspect_ratio", None),
    ({"prompt": "a", "aspect_ratio": "wide"}, 422, "invalid_aspect_ratio", None),
    ({"prompt": "a", "aspect_ratio": "10:1"}, 422, "invalid_aspect_ratio", None),
    ({"prompt": "a", "seed": 99999999999}, 422, "seed_out_of_range", None),
    ({"prompt": "a", "seed": -1}, 422, "seed_out_of_range", None),
    ({"prompt": "a", "steps": 0}, 422, "steps_out_of_range", None),
    ({"prompt": "a", "steps": 10_000}, 422, "steps_out_of_range", None),
    ({"prompt": "a", "n": 0}, 422, "image_count_out_of_range", None),
    ({"prompt": "a", "n": 9}, 422, "image_count_out_of_range", None),
    ({"prompt": "a", "loras": [{"name": "a", "scale": 9}]}, 422, "invalid_lora", None),
    ({"prompt": "a", "loras": [{"name": "../a"}]}, 422, "invalid_lora", None),
    ({"prompt": "a", "loras": [{"name": str(n)} for n in range(5)]}, 422, "too_many_loras", None),
    ({"prompt": "a", "controls": [{"controlnet": "edges"}]}, 422, "invalid_request", "/controls/0"),
    (
        {"prompt": "a", "controls": [{"controlnet": "edges", "upload_id": "nowhere"}]},
        422,
        "upload_not_found",
        None,
    ),
    (
        {"prompt": "a", "controls": [{"controlnet": "edges", "upload_id": "x", "scale": 9}]},
        422,
        "picture_operation_invalid",
        None,
    ),
    (
        {"prompt": "a", "controls": [{"controlnet": "../edges", "upload_id": "x"}]},
        422,
        "picture_operation_invalid",
        None,
    ),
    (
        {"prompt": "a", "controls": [{"controlnet": "e", "upload_id": "x", "begin": 1, "end": 0}]},
        422,
        "picture_operation_invalid",
        None,
    ),
    ({"prompt": "a", "loras": [{"scale": 1}]}, 422, "invalid_request", "/loras/0/name"),
    ({"prompt": "a", "family": "flux"}, 422, "family_unavailable", None),
]


@pytest.mark.parametrize(("body", "status", "code", "pointer"), INVALID)
async def test_bad_input_is_told_with_a_stable_code(
    workshop: Workshop, body: object, status: int, code: str, pointer: str | None
) -> None:
    response = await workshop.client.post("/v1/generations", json=body, headers=workshop.alice)
    problem = await response.json()
    assert (response.status, problem["code"]) == (status, code), problem
    if pointer is not None:
        assert problem["errors"][0]["pointer"] == pointer


async def test_a_problem_document_says_all_that_rfc_9457_and_we_promise(
    workshop: Workshop,
) -> None:
    response = await workshop.client.post(
        "/v1/generations",
        json={"prompt": ""},
        headers={**workshop.alice, "X-Request-Id": "mine-1"},
    )
    assert response.content_type == "application/problem+json"
    assert response.headers["X-Request-Id"] == "mine-1"
    assert await response.json() == {
        "type": "http://pictures.test/problems/prompt-empty",
        "title": "Empty prompt",
        "status": 422,
        "detail": "The prompt is empty.",
        "instance": "/v1/generations",
        "code": "prompt_empty",
        "request_id": "mine-1",
        "way_out": "Say what you would like to see.",
    }


async def test_what_no_live_worker_can_draw_is_refused_and_what_could_is_named(
    workshop: Workshop,
) -> None:
    key = {**workshop.alice, "Idempotency-Key": "before"}
    ask = {"prompt": "a fox", "family": "sdxl"}
    first = await workshop.client.post("/v1/generations", json=ask, headers=key)
    workshop.presence.there = {ModelFamily.FLUX}
    workshop.clock.now += timedelta(seconds=121)
    response = await workshop.client.post("/v1/generations", json=ask, headers=workshop.alice)
    problem = await response.json()
    assert (response.status, problem["code"]) == (503, "no_live_worker")
    assert int(response.headers["Retry-After"]) > 0
    assert problem["live_families"] == ["flux"]
    assert problem["way_out"] == "Use flux now, or try again later."
    # What it says works, and so does repeating what was accepted before.
    await workshop.create(family="flux")
    again = await workshop.client.post("/v1/generations", json=ask, headers=key)
    assert (await again.json())["id"] == (await first.json())["id"]
    # Who does not care is drawn for by who is there.
    unchosen = await workshop.create()
    shown = await workshop.client.get(f"/v1/generations/{unchosen}", headers=workshop.alice)
    assert (await shown.json())["family"] == "flux"


async def test_who_has_too_many_waiting_is_told_when_to_come_back(workshop: Workshop) -> None:
    for _ in range(TIER_POLICIES[Tier.TURBO].waiting_max or 0):
        await workshop.create(tier="turbo")
    response = await workshop.client.post(
        "/v1/generations", json={"prompt": "a fox", "tier": "turbo"}, headers=workshop.alice
    )
    problem = await response.json()
    assert (response.status, problem["code"]) == (429, "too_many_waiting")
    assert int(response.headers["Retry-After"]) > 0
    assert "20 jobs waiting in turbo" in problem["detail"]
    assert "another tier" in problem["way_out"]
    await workshop.create(tier="fast")


async def test_the_type_of_a_problem_leads_to_what_it_means(workshop: Workshop) -> None:
    response = await workshop.client.get("/problems/prompt-empty")
    assert await response.json() == {
        "code": "prompt_empty",
        "status": 422,
        "title": "Empty prompt",
    }
    assert (await workshop.client.get("/problems/nonsense")).status == 404


@pytest.mark.parametrize("given_id", ["", "x" * 129, "with space", "ümlaut"])
async def test_a_harmful_request_id_is_replaced(workshop: Workshop, given_id: str) -> None:
    response = await workshop.client.get("/healthz", headers={"X-Request-Id": given_id})
    assert response.headers["X-Request-Id"].startswith("req_")


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic YTpi", "Bearer imp_live_wrong", "Bearer " + "x" * 5000],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/generations"),
        ("GET", "/v1/generations"),
        ("GET", "/v1/generations/gen_1"),
        ("POST", "/v1/generations/gen_1/cancel"),
        ("GET", "/v1/images/gen_1/0"),
        ("GET", "/v1/models"),
    ],
)
async def test_nothing_under_v1_answers_without_a_key(
    workshop: Workshop, header: str | None, method: str, path: str
) -> None:
    headers = {} if header is None else {"Authorization": header}
    response = await workshop.client.request(method, path, headers=headers)
    assert response.status == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert (await response.json())["code"] == "unauthenticated"


async def test_a_revoked_key_no_longer_speaks(workshop: Workshop) -> None:
    key, secret = await workshop.services.accounts.create_key("carol")
    headers = {"Authorization": f"Bearer {secret}"}
    assert (await workshop.client.get("/v1/models", headers=headers)).status == 200
    assert await workshop.services.accounts.revoke_key(key.id)
    assert (await workshop.client.get("/v1/models", headers=headers)).status == 401


async def test_a_stranger_learns_nothing_about_the_body(workshop: Workshop) -> None:
    response = await workshop.client.post("/v1/generations", data=b"{", headers={})
    assert response.status == 401


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"prompt": "\\ud800"}', b"nul"])
async def test_what_is_not_json_is_malformed(workshop: Workshop, body: bytes) -> None:
    response = await workshop.client.post(
        "/v1/generations",
        data=body,
        headers={**workshop.alice, "Content-Type": "application/json"},
    )
    assert response.status == 400
    assert (await response.json())["code"] == "malformed_request"


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json", "Content-Encoding": "identity"},
    ],
)
async def test_another_media_type_is_unsupported(
    workshop: Workshop, headers: dict[str, str]
) -> None:
    response = await workshop.client.post(
        "/v1/generations", data=b'{"prompt": "a"}', headers={**workshop.alice, **headers}
    )
    assert response.status == 415
    assert (await response.json())["code"] == "unsupported_media"


async def test_a_body_over_64_kib_is_too_large(workshop: Workshop) -> None:
    response = await workshop.client.post(
        "/v1/generations", json={"prompt": "x" * 70_000}, headers=workshop.alice
    )
    assert response.status == 413
    assert (await response.json())["code"] == "payload_too_large"


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "ü", '""'])
async def test_a_wrong_idempotency_key_is_malformed(workshop: Workshop, key: str) -> None:
    response = await workshop.client.post(
        "/v1/generations",
        json={"prompt": "a"},
        headers={**workshop.alice, "Idempotency-Key": key},
    )
    assert response.status == 400
    assert (await response.json())["code"] == "malformed_request"


async def test_an_unknown_path_is_a_problem_document(workshop: Workshop) -> None:
    response = await workshop.client.get("/nowhere")
    assert response.status == 404
    assert response.content_type == "application/problem+json"
    assert (await response.json())["code"] == "not_found"


async def test_a_wrong_method_is_told_which_ones_are_allowed(workshop: Workshop) -> None:
    response = await workshop.client.delete("/v1/generations")
    assert response.status == 405
    assert response.headers["Allow"] == "GET,HEAD,POST"
    assert (await response.json())["code"] == "method_not_allowed"


def _codes() -> list[type[ImpastoError]]:
    found = [ImpastoError]
    for kind in found:
        found.extend(kind.__subclasses__())
    return found


@pytest.mark.parametrize("kind", _codes(), ids=lambda kind: kind.code)
async def test_every_error_becomes_the_problem_of_its_row(
    workshop: Workshop, kind: type[ImpastoError], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        error = kind.__new__(kind)
        ImpastoError.__init__(error, "A sentence.", way_out="A way out.")
        raise error

    monkeypatch.setattr(Generations, "recent", refuse)
    response = await workshop.client.get("/v1/generations", headers=workshop.alice)
    problem = await response.json()
    row = PROBLEMS[kind.code]
    assert (response.status, problem["status"]) == (row.status, row.status)
    assert (problem["code"], problem["title"]) == (kind.code, row.title)
    assert (problem["detail"], problem["way_out"]) == ("A sentence.", "A way out.")
    assert response.headers.get("Retry-After") == (
        str(row.retry_after_s) if row.retry_after_s else None
    )


def test_no_row_stands_for_nothing() -> None:
    assert set(PROBLEMS) == {kind.code for kind in _codes()}
    assert not set(PROBLEMS) & set(HTTP_PROBLEMS)


async def test_what_breaks_is_an_internal_problem_that_tells_nothing(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def break_down(*_: object, **__: object) -> None:
        raise RuntimeError("the secret of the house")

    monkeypatch.setattr(Generations, "recent", break_down)
    response = await workshop.client.get("/v1/generations", headers=workshop.alice)
    assert response.status == HTTPStatus.INTERNAL_SERVER_ERROR
    assert (await response.json())["code"] == "internal"
    assert "secret" not in await response.text()
    assert capsys.readouterr().out.count("request_broke") == 1


async def test_every_answer_carries_the_security_headers(workshop: Workshop) -> None:
    for path in ("/healthz", "/nowhere", "/v1/generations", "/images/x"):
        headers = (await workshop.client.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"]
        assert headers["Server"] == "impasto"


async def test_logs_hold_neither_prompt_nor_key_nor_signature(
    workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = await workshop.create(prompt="a purple hippopotamus")
    await workshop.deliver(job_id)
    shown = await workshop.client.get(f"/v1/generations/{job_id}", headers=workshop.alice)
    url = (await shown.json())["images"][0]["url"]
    await workshop.client.get(url.removeprefix("http://pictures.test"))
    logged = capsys.readouterr().out
    assert "/images/{key}" in logged
    for secret in ("hippopotamus", "sig=", workshop.alice["Authorization"].split()[1]):
        assert secret not in logged


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
FIELDS = st.sampled_from([*GenerationIn.model_fields, "other"])
LIKELY = st.fixed_dictionaries(
    {"prompt": st.text(max_size=60)},
    optional={
        "negative_prompt": st.text(max_size=20),
        "tier": st.sampled_from(["turbo", "fast", "relax"]),
        "aspect_ratio": st.from_regex(r"[0-9]{1,6}:[0-9]{1,6}", fullmatch=True),
        "steps": st.integers(),
        "guidance": st.floats(),
        "sampler": st.sampled_from(["ddim", "euler_a"]),
        "seed": st.integers(),
        "n": st.integers(-1, 6),
    },
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=LIKELY | st.dictionaries(FIELDS, JSON, max_size=4) | JSON)
async def test_no_body_breaks_the_gateway(workshop: Workshop, body: object) -> None:
    response = await workshop.client.post(
        "/v1/generations",
        data=json.dumps(body),
        headers={**workshop.alice, "Content-Type": "application/json"},
    )
    assert response.status in (202, 400, 413, 422), await response.text()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=st.binary(max_size=200))
async def test_no_bytes_break_the_gateway(workshop: Workshop, body: bytes) -> None:
    response = await workshop.client.post(
        "/v1/generations",
        data=body,
        headers={**workshop.alice, "Content-Type": "application/json"},
    )
    assert response.status in (400, 422)
