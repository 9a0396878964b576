"""A server that speaks LibreTranslate's protocol, and knows two phrases of Spanish."""

import asyncio
import threading
from contextlib import contextmanager

from aiohttp import web

PHRASES = {"un zorro": "a fox", "la nieve": "the snow"}


class Libre:
    """What it was asked, and how it is to misbehave."""

    def __init__(self):
        self.questions = []
        self.misbehave = None
        self.go = threading.Event()

    async def translate(self, request):
        """Answer as the protocol says, or as told."""
        question = await request.json()
        self.questions.append(question)
        if self.misbehave is not None:
            return await self.misbehave(request)
        if question.get("source") != "es":
            return web.json_response(
                {"error": f"{question['source']} is not supported"}, status=400
            )
        answers = [PHRASES.get(text, text) for text in question["q"]]
        return web.json_response({"translatedText": answers})


@contextmanager
def serving(libre):
    """Serve it on a free port from a thread of its own; yields its address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start():
        app = web.Application()
        app.router.add_post("/translate", libre.translate)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return runner, runner.addresses[0][1]

    runner, port = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        libre.go.set()
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
