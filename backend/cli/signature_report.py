"""Whether the decoder that is to sign pictures can be laid over its family's, and be read."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backend.cli.model_report import look_at
from backend.domain.families import ModelFamily
from backend.models.folders import BadModelFolder, Shapes, read_shapes
from backend.settings import Settings
from safety.errors import SignatureUnusable
from safety.provenance.signature import DECODER_FILE, check_file, read_facts
from safety.provenance.watermarks.stable_signature import load_extractor

_OF_DECODERS: Final = "decoder."  # what a decoder's tensors are called in a whole autoencoder


@dataclass(frozen=True, kw_only=True)
class SignatureReport:
    """A signed decoder: the number that it draws, and what is wrong with it; "" if nothing is."""

    number: str = ""
    family: str = ""
    is_served: bool = True
    problem: str = ""


def look_at_signature(folder: Path, settings: Settings) -> SignatureReport:
    """Look at a folder with a signed decoder and its extractor; loads no network."""
    try:
        facts = read_facts(folder)
        load_extractor(folder)
        decoder = check_file(folder, DECODER_FILE, facts)
        family = next((each for each in ModelFamily if each == facts.family), None)
        if family is None:
            return SignatureReport(problem=f"{folder} is of no family that there is")
        misfit = next(_misfits(read_shapes(decoder), settings, family), "")
    except (SignatureUnusable, BadModelFolder) as error:
        return SignatureReport(problem=str(error))
    except OSError as error:
        return SignatureReport(problem=f"{error.filename}: {error.strerror}")
    return SignatureReport(
        number=facts.number,
        family=family,
        is_served=family in settings.families,
        problem=misfit,
    )


def _misfits(decoder: Shapes, settings: Settings, family: ModelFamily) -> Iterator[str]:
    """Yield what tells that a decoder is not of the model's kind, as far as both can be read."""
    model = look_at(settings, family)
    if model.folder is None or model.problem:
        return
    for path in sorted((model.folder / "vae").glob("*.safetensors")):
        for name, shape in read_shapes(path).items():
            own = decoder.get(name.removeprefix(_OF_DECODERS))
            if name.startswith(_OF_DECODERS) and own not in (None, shape):
                yield f"its decoder is not of the kind of {model.folder}: {name} has another shape"
