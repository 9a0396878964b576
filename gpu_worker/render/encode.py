"""Turns a job's words into what the network is told, one row for each it will see at once.

Long texts are read in chunks. Weights pull a word's embedding away from, or toward, that of nothing
at the same place; parts are mixed by their weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from backend.contracts import PromptPart, PromptTerm, RenderJob, RenderNote
from gpu_worker.family import Conditioning, EncoderKind, Family, ReadText, TextEncoder
from gpu_worker.render.embedding_cache import EmbeddingCache
from gpu_worker.render.guidance import Guidance
from gpu_worker.render.words import Tokens, is_cut, lay_out, measure, tokenize
from gpu_worker.state import BadRequest

_NOTHING = Tokens(ids=(), weights=())


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """Conditioning for all rows of a job, and what could not be told to the network as asked."""

    conditioning: Conditioning
    notes: tuple[RenderNote, ...]


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """One part as each encoder's tokens."""

    weight: float
    tokens: tuple[Tokens, ...]


class PromptEncoder:
    """Encodes prompts for one family; what was read before is not read again."""

    def __init__(self, *, family: Family, cache: EmbeddingCache | None = None) -> None:
        self._family = family
        self.cache = cache or EmbeddingCache()

    def encode(self, job: RenderJob, guidance: Guidance, *, width: int, height: int) -> Encoded:
        """Return rows for the prompt, after as many for the negative prompt where it is looked at.

        Raises:
            BadRequest: the weights of its parts come to nothing or less.

        """
        toward = self._tokenize(job.parts, job.prompt)
        away = self._tokenize(job.negative_parts, job.negative_prompt) if guidance.is_used else []
        sizes = self._measure([*toward, *away])
        facts = self._family.tell_facts(width=width, height=height, guidance=guidance.scale)
        rows = [self._mix(toward, sizes, facts).repeat(job.image_count)]
        if guidance.is_used:
            mixed = self._mix(away, sizes, facts)
            if self._family.drops_empty_negative and not any(
                tokens.ids for reading in away for tokens in reading.tokens
            ):
                mixed = mixed.without_words()
            rows.insert(0, mixed.repeat(job.image_count))
        return Encoded(
            conditioning=Conditioning.join(rows),
            notes=self._note(job, guidance, [*toward, *away]),
        )

    def _tokenize(self, parts: Sequence[PromptPart], text: str) -> list[_Reading]:
        parts = parts or (PromptPart(terms=(PromptTerm(text=text),)),)
        total = sum(part.weight for part in parts)
        if not total > 0:
            raise BadRequest("The weights of a prompt's parts must come to more than nothing.")
        return [
            _Reading(
                weight=part.weight / total,
                tokens=tuple(tokenize(encoder, part) for encoder in self._family.encoders),
            )
            for part in parts
        ]

    def _measure(self, readings: Sequence[_Reading]) -> list[int]:
        """Return for each encoder how large all its rows are: only equal ones can be joined."""
        encoders = self._family.encoders
        sizes = [
            max(measure(encoder, reading.tokens[index]) for reading in readings)
            for index, encoder in enumerate(encoders)
        ]
        chunks = max(
            (
                size
                for size, one in zip(sizes, encoders, strict=True)
                if one.kind is EncoderKind.CLIP
            ),
            default=1,
        )
        return [
            chunks if encoder.kind is EncoderKind.CLIP else size
            for size, encoder in zip(sizes, encoders, strict=True)
        ]

    def _mix(
        self, readings: Sequence[_Reading], sizes: Sequence[int], facts: torch.Tensor
    ) -> Conditioning:
        """Return one row: the parts' embeddings by their share of the weight."""
        mixed: Conditioning | None = None
        for reading in readings:
            texts = [
                self._read(encoder, tokens, size)
                for encoder, tokens, size in zip(
                    self._family.encoders, reading.tokens, sizes, strict=True
                )
            ]
            embeds, pooled = self._family.join_texts(texts)
            if len(readings) > 1:
                embeds, pooled = embeds * reading.weight, pooled * reading.weight
            if mixed is not None:
                embeds, pooled = mixed.embeds + embeds, mixed.pooled + pooled
            mixed = Conditioning(embeds=embeds, pooled=pooled, facts=facts)
        if mixed is None:
            raise RuntimeError("asked to mix no parts")
        return mixed

    def _read(self, encoder: TextEncoder, tokens: Tokens, size: int) -> ReadText:
        rows = lay_out(encoder, tokens, size)
        return self.cache.get(encoder, rows, lambda: self._read_weighted(encoder, rows))

    def _read_weighted(self, encoder: TextEncoder, rows: Sequence[Tokens]) -> ReadText:
        text = _run(encoder, rows, self._family.device)
        weights = torch.tensor([row.weights for row in rows]).view(1, -1, 1)
        if encoder.kind is EncoderKind.POOLED or bool((weights == 1).all()):
            return text
        size = len(rows) if encoder.kind is EncoderKind.CLIP else len(rows[0].ids)
        nothing = self._read(encoder, _NOTHING, size).embeds
        weights = weights.to(text.embeds.device, text.embeds.dtype)
        pulled = nothing + weights * (text.embeds - nothing)
        return ReadText(embeds=torch.where(weights == 1, text.embeds, pulled), pooled=text.pooled)

    def _note(
        self, job: RenderJob, guidance: Guidance, readings: Sequence[_Reading]
    ) -> tuple[RenderNote, ...]:
        notes = []
        encoders = self._family.encoders
        if any(
            is_cut(encoder, tokens)
            for reading in readings
            for encoder, tokens in zip(encoders, reading.tokens, strict=True)
        ):
            notes.append(RenderNote.WORDS_CUT)
        if any(
            weight != 1 for one in readings for tokens in one.tokens for weight in tokens.weights
        ):
            notes.append(RenderNote.GIST_UNWEIGHTED)
        if guidance.is_left_to_network and (job.negative_prompt or job.negative_parts):
            notes.append(RenderNote.NEGATIVE_IGNORED)
        return tuple(notes)


def _run(encoder: TextEncoder, rows: Sequence[Tokens], device: torch.device) -> ReadText:
    """Have an encoder read rows of one text; it is joined to one row, its gist is the first's."""
    ids = torch.tensor([row.ids for row in rows], device=device)
    match encoder.kind:
        case EncoderKind.T5:
            return ReadText(embeds=encoder.network(ids)[0], pooled=None)
        case EncoderKind.POOLED:
            pooled = encoder.network(ids).pooler_output
            return ReadText(embeds=pooled.unsqueeze(1), pooled=pooled)
        case EncoderKind.CLIP:
            output = encoder.network(ids, output_hidden_states=True)
            layer = output.hidden_states[-2]
            embeds = layer.reshape(1, -1, layer.shape[-1])
            # The projected gist, where the encoder has a projection.
            pooled = output.text_embeds if "text_embeds" in output else output.pooler_output
            return ReadText(embeds=embeds, pooled=pooled[:1])
