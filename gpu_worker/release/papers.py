"""What travels with a job's pictures: their registry ids, what their manifests say, their texts.

Of nobody for whom they were drawn; words of a prompt only where their asker wants them in files.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from backend.contracts import ModelFamily, Recipe, RenderJob
from safety.provenance.c2pa import Decoder, Ingredient

REGISTRY_ID_BYTES = 6


@dataclass(frozen=True, kw_only=True)
class Papers:
    """The papers of a job's pictures, those of each in order of index.

    `metadata` goes into the original, each value under its name; `comments` into the other files.
    """

    registry_ids: tuple[int, ...]
    family: ModelFamily
    model: str = ""
    model_sha256: str = ""
    decoder: Decoder | None = None
    ingredient: Ingredient | None = None
    metadata: tuple[Mapping[str, str], ...] = field(default=())
    comments: tuple[str, ...] = ()

    def metadata_of(self, place: int) -> Mapping[str, str]:
        """Return what is written into one picture's original."""
        return self.metadata[place] if self.metadata else {}

    def comment_of(self, place: int) -> str:
        """Return what is written into one picture's other files."""
        return self.comments[place] if self.comments else ""


def registry_id_of(job_id: str, index: int) -> int:
    """Return the 48 bits by which a picture is registered: the same however often it is drawn."""
    named = f"{job_id}/{index}".encode()
    digest = hashlib.blake2b(named, digest_size=REGISTRY_ID_BYTES, person=b"impasto-picture")
    return int.from_bytes(digest.digest())


def papers_of(
    job: RenderJob, recipe: Recipe | None, *, count: int, ingredient: Ingredient | None
) -> Papers:
    """Return the papers of so many pictures of a job."""
    drawn_by = None if recipe is None else recipe.drawn_by
    return Papers(
        registry_ids=tuple(registry_id_of(job.job_id, index) for index in range(count)),
        family=job.family,
        model="" if drawn_by is None else drawn_by.model,
        model_sha256="" if drawn_by is None else drawn_by.model_sha256,
        decoder=None if recipe is None else _decoder_of(recipe),
        ingredient=ingredient,
    )


def _decoder_of(recipe: Recipe) -> Decoder | None:
    """Return the decoder that was laid over the model's own, if one was."""
    laid_over = (file for file in recipe.files if file.role == "decoder")
    return next((Decoder(number=file.name, sha256=file.sha256) for file in laid_over), None)
