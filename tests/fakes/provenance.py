"""Where pictures are from, over the registry of a `Memory`; files are really examined."""

from backend.delivery.examiner import FileExaminer
from backend.service.likenesses import Likenesses
from backend.service.provenance import ProvenanceChecks
from tests.fakes.marks import RememberedMark, some_credentials
from tests.fakes.pictures import MemoryPictureStore
from tests.fakes.stores import Memory


def make_provenance(
    memory: Memory,
    watermark: RememberedMark | None = None,
    *,
    signature: RememberedMark | None = None,
) -> ProvenanceChecks:
    """Return the use case with the chain of the tests and marks that remember."""
    mark = watermark or RememberedMark()
    pictures = MemoryPictureStore(memory=memory)
    return ProvenanceChecks(
        examiner=FileExaminer(
            open_watermark=lambda: mark,
            anchors=lambda: [some_credentials().anchors_pem],
            open_signature=None if signature is None else lambda: signature,
        ),
        pictures=pictures,
        likenesses=Likenesses(pictures=pictures),
    )
