"""Where pictures are from, over the registry of a `Memory`; files are really examined."""

from backend.delivery.examiner import FileExaminer
from backend.service.provenance import ProvenanceChecks
from tests.fakes.marks import RememberedMark, some_credentials
from tests.fakes.pictures import MemoryPictureStore
from tests.fakes.stores import Memory


def make_provenance(memory: Memory, watermark: RememberedMark | None = None) -> ProvenanceChecks:
    """Return the use case with the chain of the tests and a watermark that remembers."""
    mark = watermark or RememberedMark()
    return ProvenanceChecks(
        examiner=FileExaminer(
            open_watermark=lambda: mark, anchors=lambda: [some_credentials().anchors_pem]
        ),
        pictures=MemoryPictureStore(memory=memory),
    )
