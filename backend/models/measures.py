"""What can be foretold of each family's pictures by reading its model's folder."""

from collections.abc import Mapping
from pathlib import Path

from backend.domain.families import ModelFamily
from backend.models.folders import BadModelFolder
from backend.models.frames import Frame, read_frame
from backend.models.tokens import CannotCount, TokenCounter, open_counter


class Measures:
    """Reads each folder when it is first asked about; None is a model that is not on this host."""

    def __init__(self, *, folders: Mapping[ModelFamily, Path | None]) -> None:
        self._folders = folders
        self._frames: dict[ModelFamily, Frame | None] = {}
        self._counters: dict[ModelFamily, TokenCounter] = {}

    def frame(self, family: ModelFamily) -> Frame | None:
        """Return what decides the size of pictures; None where nobody can tell."""
        if family not in self._frames:
            folder = self._folders.get(family)
            try:
                self._frames[family] = None if folder is None else read_frame(folder, family)
            except BadModelFolder:
                self._frames[family] = None
        return self._frames[family]

    def counter(self, family: ModelFamily) -> TokenCounter:
        """Return what counts tokens as the family's encoders do.

        Raises:
            CannotCount: nothing on this host can.

        """
        if family not in self._counters:
            folder = self._folders.get(family)
            if folder is None:
                raise CannotCount(f"the model of {family} is not on this host")
            self._counters[family] = open_counter(folder, family)
        return self._counters[family]
