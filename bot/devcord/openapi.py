"""Judge outgoing Discord requests by Discord's own OpenAPI document, as strictly as it can be read.

The document is relaxed in one place and amended in two, all three because discord.py sends what
Discord accepts without describing it; everything else it does not name is a problem.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

_URN = "urn:discord"
_BODY_METHODS = frozenset({"post", "put", "patch"})
_API_PREFIX = "/api/v10"
_MESSAGE_LENGTH = 200

# discord.py 2.7.1 always sends these; Discord ignores them where its document has no such key.
_UNDESCRIBED_KEYS = {
    "nsfw": (
        "ApplicationCommandCreateRequest",
        "ApplicationCommandPatchRequestPartial",
        "ApplicationCommandUpdateRequest",
    ),
    "tts": (
        "IncomingWebhookUpdateRequestPartial",
        "IncomingWebhookUpdateForInteractionCallbackRequestPartial",
        "IncomingWebhookInteractionRequest",
        "MessageEditRequestPartial",
    ),
    "flags": ("RichEmbed",),
}


class OpenApiJudge:
    """Says what Discord's OpenAPI document holds against a request; read once, ask often."""

    def __init__(self, path: Path) -> None:
        """Read the document at ``path``; needs the packages jsonschema and referencing."""
        from jsonschema import Draft202012Validator
        from referencing import Registry
        from referencing.jsonschema import DRAFT202012

        document: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        _relax(document["components"]["schemas"])
        _forbid_unknown_keys(document)
        self._paths: dict[str, dict[str, Any]] = document["paths"]
        self._templates = {template: _segments(template) for template in self._paths}
        resource = DRAFT202012.create_resource(document)
        self._registry: Registry[Any] = Registry().with_resource(_URN, resource)
        self._validator_class = Draft202012Validator
        self._validators: dict[tuple[str, str], Draft202012Validator] = {}

    def problems(self, method: str, path: str, json_body: object = None) -> list[str]:
        """Return one sentence per fault of the request; an empty list when Discord would take it.

        ``json_body`` is the parsed JSON, or for a multipart request its ``payload_json``.
        """
        verb = method.lower()
        template = self._match(_segments(_plain(path)), verb)
        if template is None:
            return [f"{method.upper()} {_plain(path)}: no such route"]
        if verb not in _BODY_METHODS:
            return []
        where = f"{method.upper()} {template}"
        body = self._paths[template][verb].get("requestBody")
        schema_known = body is not None and "application/json" in body["content"]
        if json_body is None:
            needed = schema_known and body.get("required", False)
            return [f"{where}: a body is required"] if needed else []
        if not schema_known:
            # discord.py sends an empty or null body to a few routes that take none.
            return [] if json_body in ({}, None) else [f"{where}: takes no JSON body"]
        errors = self._validator(template, verb).iter_errors(json_body)
        return [f"{where}: {line}" for error in errors for line in _explain(error)]

    def _match(self, wanted: Sequence[str], verb: str) -> str | None:
        """Return the template with the most literal segments, so ``@original`` beats an id."""
        fitting = [
            (sum(not _is_parameter(part) for part in parts), template)
            for template, parts in self._templates.items()
            if verb in self._paths[template] and _fits(parts, wanted)
        ]
        return max(fitting)[1] if fitting else None

    def _validator(self, template: str, verb: str) -> "Draft202012Validator":
        key = (template, verb)
        if key not in self._validators:
            escaped = template.replace("~", "~0").replace("/", "~1").replace("{", "%7B")
            pointer = (
                f"/paths/{escaped.replace('}', '%7D')}/{verb}"
                "/requestBody/content/application~1json/schema"
            )
            self._validators[key] = self._validator_class(
                {"$ref": f"{_URN}#{pointer}"}, registry=self._registry
            )
        return self._validators[key]


def _plain(path: str) -> str:
    """Return a path without query and API prefix."""
    return path.partition("?")[0].removeprefix(_API_PREFIX)


def _segments(path: str) -> tuple[str, ...]:
    return tuple(path.strip("/").split("/"))


def _is_parameter(segment: str) -> bool:
    return segment.startswith("{")


def _fits(template: Sequence[str], wanted: Sequence[str]) -> bool:
    return len(template) == len(wanted) and all(
        _is_parameter(part) or part == given for part, given in zip(template, wanted, strict=True)
    )


def _relax(schemas: dict[str, Any]) -> None:
    """Let snowflakes be integers, as discord.py sends them, and name the keys it adds."""
    schemas["SnowflakeType"]["type"] = ["string", "integer"]
    for key, names in _UNDESCRIBED_KEYS.items():
        for name in names:
            if name in schemas:
                schemas[name]["properties"].setdefault(key, {"enum": [False, None, 0]})


def _forbid_unknown_keys(node: object, *, inside_all_of: bool = False) -> None:
    """Close every object schema, except parts of an ``allOf``, which only hold together."""
    if isinstance(node, dict):
        if "properties" in node and "type" in node and not inside_all_of:
            node.setdefault("additionalProperties", False)
        for key, value in node.items():
            _forbid_unknown_keys(value, inside_all_of=key == "allOf")
    elif isinstance(node, list):
        for value in node:
            _forbid_unknown_keys(value, inside_all_of=inside_all_of)


def _explain(error: "ValidationError") -> Iterator[str]:
    """Yield the sentences of the union branch the request most likely meant."""
    branch = _likeliest_branch(error.context or ())
    if branch:
        for nested in branch:
            yield from _explain(nested)
        return
    where = "/".join(str(part) for part in error.absolute_path) or "body"
    yield f"{where}: {_shorten(error.message)}"


def _shorten(message: str) -> str:
    """Cut the middle out: jsonschema puts the whole value first and its complaint last."""
    if len(message) <= _MESSAGE_LENGTH:
        return message
    half = _MESSAGE_LENGTH // 2
    return f"{message[:half]} … {message[-half:]}"


def _likeliest_branch(context: Sequence["ValidationError"]) -> "Sequence[ValidationError]":
    """Return the errors of the branch whose ``type`` fits and which has the fewest errors."""
    branches: dict[object, list[ValidationError]] = {}
    for error in context:
        branches.setdefault(error.schema_path[0], []).append(error)

    def unlikeliness(errors: list["ValidationError"]) -> tuple[bool, bool, int]:
        paths = [list(error.relative_path) for error in errors]
        wrong_kind = any(
            not path and error.validator == "type"
            for path, error in zip(paths, errors, strict=True)
        )
        return wrong_kind, ["type"] in paths, len(errors)

    return min(branches.values(), key=unlikeliness, default=[])
