"""What whoever opens the gateway's address in a browser sees: what this is, and where to go."""

from typing import Final

from aiohttp import web

from backend.gateway.pages import page

_BODY: Final = """
<p>This is the gateway of a picture workshop. Pictures are asked for in its Discord, or by programs
with a key: <code>POST /v1/generations</code>.</p>
<p>Is there a picture of you, or of yours, that should not be here?
<a href="/removal">Ask for a picture to be removed</a>. No account is needed.</p>
<p>Anyone may ask where a picture is from: <code>POST /v1/provenance/checks</code>, a form with the
picture in its field <code>file</code>.</p>"""


async def show(_request: web.Request) -> web.Response:
    """Show the front page, which is the same for everybody."""
    return page("Impasto", _BODY)
