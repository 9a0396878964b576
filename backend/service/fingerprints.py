"""Whether two requests under one idempotency key are the same."""

import hashlib
import json
from dataclasses import asdict, replace

from backend.domain.pictures import PictureUse
from backend.domain.requests import GenerationRequest

# What older releases did not know; a request that asks for none of it is digested as it was then.
_NEWER_FIELDS = (
    "mask",
    "outpaint",
    "upscale",
    "image_prompts",
    "is_tiled",
    "place",
    "loras",
    "controls",
    "recipe",
    "is_as_written",
    "writes_parameters",
)


def fingerprint(request: GenerationRequest) -> str:
    """Digest what was asked, without who asked and without a seed nobody chose."""
    asked = asdict(replace(request, idempotency_key=None))
    del asked["requester"]
    for name in _NEWER_FIELDS:
        if not asked[name]:
            del asked[name]
    for one in asked.get("image_prompts", ()):
        if one["use"] is PictureUse.LOOK:
            del one["use"]
    if request.source is not None and request.source.upload_id is None:
        del asked["source"]["upload_id"]
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()
