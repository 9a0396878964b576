"""Content credentials: manifests that say what made a file, signed last and read back.

A manifest tells of the program, the model and the registry id of the watermark; never of a prompt
or a person. It is bound to every byte of its file: whatever is done to the file afterwards shows.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from io import BytesIO
from typing import Any, Final

import c2pa
import structlog
from c2pa import C2paError, C2paSigningAlg

from safety.errors import CredentialsInvalid, NotMarked
from safety.provenance.certificates import Credentials
from safety.provenance.time_stamps import TimeStampAuthority

GENERATOR: Final = "Impasto"
MODEL_LABEL: Final = "impasto.model"
MEDIA_TYPES: Final = ("image/png", "image/jpeg", "image/webp", "image/avif")
_SOURCE_TYPES: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_DRAWN: Final = f"{_SOURCE_TYPES}trainedAlgorithmicMedia"
_DRAWN_OVER: Final = f"{_SOURCE_TYPES}compositeWithTrainedAlgorithmicMedia"
_SOURCE_ID: Final = "source"

_log = structlog.get_logger(__name__)


class C2paState(StrEnum):
    """What a manifest is worth: signed by us, by somebody else, broken, or not there."""

    TRUSTED = "trusted"
    UNTRUSTED = "untrusted"
    INVALID = "invalid"
    ABSENT = "absent"


@dataclass(frozen=True, kw_only=True)
class SoftBinding:
    """A watermark in the pixels: how to read it, and the registry id it carries."""

    algorithm: str
    registry_id: int

    @property
    def value(self) -> str:
        """The registry id as manifests write it: 12 hexadecimal digits."""
        return f"{self.registry_id:012x}"


@dataclass(frozen=True, kw_only=True)
class Ingredient:
    """The file that a picture was drawn from or over."""

    data: bytes = field(repr=False)
    media_type: str


@dataclass(frozen=True, kw_only=True)
class Decoder:
    """A decoder laid over the model's own: the number it draws, 12 hexadecimal digits."""

    number: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a manifest says: what drew the picture and when, and its watermarks.

    One with an `ingredient` was drawn over it. `model_sha256` is "" where nobody knows, and does
    not cover the `decoder`.
    """

    version: str
    family: str
    model: str
    model_sha256: str
    made_at: datetime
    decoder: Decoder | None = None
    soft_bindings: tuple[SoftBinding, ...] = ()
    ingredient: Ingredient | None = None


@dataclass(frozen=True, kw_only=True)
class C2paReading:
    """What a file's manifest says, and whether to believe it; `problems` are codes of failures.

    `stamped_at` is when an authority of time saw it, whoever that is; "" where none did.
    """

    state: C2paState
    issuer: str = ""
    generator: str = ""
    source_type: str = ""
    family: str = ""
    model: str = ""
    decoder: str = ""
    made_at: str = ""
    stamped_at: str = ""
    soft_bindings: tuple[tuple[str, str], ...] = ()
    problems: tuple[str, ...] = ()


ABSENT: Final = C2paReading(state=C2paState.ABSENT)


class Signer:
    """Signs files with whatever credentials are current; safe to share between threads.

    With an `authority` each signature is stamped with the time, but for as long as the authority
    does not answer.
    """

    def __init__(
        self,
        *,
        credentials: Callable[[], Credentials],
        clock: Callable[[], datetime],
        authority: TimeStampAuthority | None = None,
    ) -> None:
        self._credentials = credentials
        self._clock = clock
        self._authority = authority

    @property
    def is_stamping(self) -> bool | None:
        """Whether the authority answered when it was last asked; None if there is none."""
        return None if self._authority is None else self._authority.url() is not None

    def must_be_able(self) -> Credentials:
        """Return the credentials that would sign now.

        Raises:
            CredentialsInvalid: there are none, or none that are good now.

        """
        credentials = self._credentials()
        credentials.must_be_good(self._clock())
        return credentials

    def sign(self, data: bytes, media_type: str, facts: Facts, *, is_stamped: bool = True) -> bytes:
        """Return the file with a signed manifest; nothing may be done to it afterwards.

        Raises:
            NotMarked: it could not be signed; the reason says why.

        """
        try:
            credentials = self.must_be_able()
            stamped = self._stamped(data, media_type, facts, credentials) if is_stamped else None
            if stamped is not None:
                return stamped
            return _sign(data, media_type, facts, credentials)
        except CredentialsInvalid as error:
            raise NotMarked(f"credentials_{error.reason}", str(error)) from error
        except C2paError as error:
            raise NotMarked("not_signed", "the picture could not be signed") from error

    def _stamped(
        self, data: bytes, media_type: str, facts: Facts, credentials: Credentials
    ) -> bytes | None:
        """Return the file signed, and stamped if it can be; None if nothing was signed."""
        url = self._authority.url() if self._authority else None
        if self._authority is None or url is None:
            return None
        signed = None
        try:
            stamped = _sign(data, media_type, facts, credentials, stamp_url=url)
        except C2paError:
            # What cannot be signed at all is no fault of the authority's.
            signed = _sign(data, media_type, facts, credentials)
        else:
            # A stamp with something wrong spoils the whole manifest.
            seen = read(stamped, media_type, anchors_pem=[credentials.anchors_pem])
            if seen.stamped_at and seen.state is C2paState.TRUSTED:
                return stamped
        self._authority.failed()
        _log.warning("not_stamped")
        return signed


def read(data: bytes, media_type: str, *, anchors_pem: Sequence[str] = ()) -> C2paReading:
    """Return what a file's manifest says; trusted if its chain ends at one of the anchors.

    Asks no other server for anything.
    """
    with closing(_context("".join(anchors_pem))) as context:
        try:
            with closing(c2pa.Reader(media_type, BytesIO(data), context=context)) as reader:
                return _reading(json.loads(reader.json()), reader.get_validation_state() or "")
        except C2paError.ManifestNotFound:
            return ABSENT
        except (C2paError, ValueError):
            # There is something, and nobody can make sense of it.
            return C2paReading(state=C2paState.INVALID, problems=("manifest.unreadable",))


def _sign(
    data: bytes,
    media_type: str,
    facts: Facts,
    credentials: Credentials,
    *,
    stamp_url: str | None = None,
) -> bytes:
    with ExitStack() as opened:
        context = opened.enter_context(closing(_context(credentials.anchors_pem)))
        builder = opened.enter_context(
            closing(c2pa.Builder.from_json(json.dumps(_manifest(facts)), context))
        )
        if facts.ingredient is not None:
            _add_ingredient(builder, facts.ingredient)
        signer = opened.enter_context(closing(c2pa.Signer.from_info(_info(credentials, stamp_url))))
        signed = BytesIO()
        builder.sign(signer, media_type, BytesIO(data), signed)
    return signed.getvalue()


def _context(anchors_pem: str) -> c2pa.Context:
    trust = {"trust": {"user_anchors": anchors_pem}} if anchors_pem else {}
    return c2pa.Context.from_dict(
        {
            **trust,
            "verify": {
                "verify_trust": True,
                "verify_after_sign": False,
                "remote_manifest_fetch": False,
                "ocsp_fetch": False,
            },
            "builder": {"thumbnail": {"enabled": False}},
        }
    )


def _info(credentials: Credentials, stamp_url: str | None) -> c2pa.C2paSignerInfo:
    return c2pa.C2paSignerInfo(
        alg=C2paSigningAlg.ES256,
        sign_cert=credentials.chain_pem.encode(),
        private_key=credentials.key_pem.encode(),
        ta_url=stamp_url,
    )


def _add_ingredient(builder: c2pa.Builder, ingredient: Ingredient) -> None:
    told = {"title": "source", "relationship": "parentOf", "label": _SOURCE_ID}
    builder.add_ingredient(json.dumps(told), ingredient.media_type, BytesIO(ingredient.data))


def _manifest(facts: Facts) -> dict[str, Any]:
    agent = {"name": GENERATOR, "version": facts.version}
    model: dict[str, Any] = {
        "family": facts.family,
        "model": facts.model,
        "sha256": facts.model_sha256,
    }
    if facts.decoder is not None:
        model["decoder"] = asdict(facts.decoder)
    assertions = [
        {"label": "c2pa.actions.v2", "data": {"actions": _actions(facts, agent)}},
        {"label": MODEL_LABEL, "data": model},
        *(_bound(binding) for binding in facts.soft_bindings),
    ]
    return {"claim_generator_info": [agent], "assertions": assertions}


def _actions(facts: Facts, agent: dict[str, str]) -> list[dict[str, Any]]:
    by_us = {"softwareAgent": agent, "when": facts.made_at.isoformat(timespec="seconds")}
    if facts.ingredient is None:
        return [{"action": "c2pa.created", "digitalSourceType": _DRAWN, **by_us}]
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": [_SOURCE_ID]}, **by_us}
    return [opened, {"action": "c2pa.edited", "digitalSourceType": _DRAWN_OVER, **by_us}]


def _bound(binding: SoftBinding) -> dict[str, Any]:
    blocks = [{"scope": {}, "value": binding.value}]
    return {"label": "c2pa.soft-binding", "data": {"alg": binding.algorithm, "blocks": blocks}}


def _reading(document: dict[str, Any], state: str) -> C2paReading:
    manifest = _table(_table(document.get("manifests")).get(str(document.get("active_manifest"))))
    results = _table(_table(document.get("validation_results")).get("activeManifest"))
    signature = _table(manifest.get("signature_info"))
    generators = _tables(manifest.get("claim_generator_info")) or [{}]
    actions = _tables(_data_of(manifest, "c2pa.actions").get("actions")) or [{}]
    model = _data_of(manifest, MODEL_LABEL)
    decoder = model.get("decoder")
    return C2paReading(
        state=_STATES.get(state, C2paState.INVALID),
        issuer=str(signature.get("issuer", "")),
        generator=" ".join(
            str(generators[0].get(part, "")) for part in ("name", "version")
        ).strip(),
        source_type=str(actions[-1].get("digitalSourceType", "")).removeprefix(_SOURCE_TYPES),
        family=str(model.get("family", "")),
        model=str(model.get("model", "")),
        decoder=str(decoder.get("number", "")) if isinstance(decoder, dict) else "",
        made_at=str(actions[-1].get("when", "")),
        stamped_at=str(signature.get("time") or "") if _is_stamped(results) else "",
        soft_bindings=_soft_bindings(manifest),
        problems=tuple(
            sorted({str(one.get("code", "")) for one in _tables(results.get("failure"))})
        ),
    )


def _is_stamped(results: dict[str, Any]) -> bool:
    codes = {str(one.get("code", "")) for one in _tables(results.get("success"))}
    return "timeStamp.validated" in codes


_STATES: Final = {"Trusted": C2paState.TRUSTED, "Valid": C2paState.UNTRUSTED}


def _data_of(manifest: dict[str, Any], label: str) -> dict[str, Any]:
    for assertion in _tables(manifest.get("assertions")):
        if str(assertion.get("label", "")).startswith(label):
            return _table(assertion.get("data"))
    return {}


def _table(value: object) -> dict[str, Any]:
    """Return what a stranger's manifest has where we have a table; {} if it is none."""
    return value if isinstance(value, dict) else {}


def _tables(value: object) -> list[dict[str, Any]]:
    return [_table(one) for one in value] if isinstance(value, list) else []


def _soft_bindings(manifest: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (str(data.get("alg", "")), str(block.get("value", "")))
        for assertion in _tables(manifest.get("assertions"))
        if str(assertion.get("label", "")).startswith("c2pa.soft-binding")
        for data in (_table(assertion.get("data")),)
        for block in _tables(data.get("blocks"))
    )
