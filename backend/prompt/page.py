"""Writes `PARAMETERS.md` anew: `python -m backend.prompt.page`."""

from pathlib import Path
from typing import Final

from backend.prompt.support import page

PAGE: Final = Path(__file__).parent / "PARAMETERS.md"

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
