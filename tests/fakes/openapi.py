"""Where Discord's own OpenAPI document lies; it is read, never committed.

Outside contributors find it in the public repository discord/discord-api-spec, and name their copy
in IMPASTO_DISCORD_OPENAPI.
"""

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]


def openapi_document() -> Path | None:
    """Return the document where a checkout has one beside it, else None."""
    named = os.environ.get("IMPASTO_DISCORD_OPENAPI")
    places = [ROOT / "shared", ROOT.parent / "shared"]
    candidates = [Path(named)] if named else [p / "data" / "discord-openapi.json" for p in places]
    return next((path for path in candidates if path.is_file()), None)
