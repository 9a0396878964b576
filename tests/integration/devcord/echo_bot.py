"""A small real bot process: it draws a one-colour picture for ``/echo`` and answers its button.

Run as ``python -m tests.integration.devcord.echo_bot API_BASE GATEWAY [SHARD_ID SHARD_COUNT]``.
"""

import asyncio
import io
import re
import sys
from typing import Any

import discord
import discord.gateway
import discord.http
import yarl
from discord import app_commands
from discord.ext import commands
from PIL import Image

STEPS = 3


def picture(colour: str) -> discord.File:
    """Return a picture of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (320, 320), colour).save(buffer, "PNG")
    buffer.seek(0)
    return discord.File(buffer, "echo.png", description=f"all {colour}")


class Again(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"echo:again:(?P<text>.*)"):
    """A button that keeps its text in its id and outlives the process."""

    def __init__(self, text: str) -> None:
        super().__init__(discord.ui.Button(label="Again", custom_id=f"echo:again:{text}"))
        self.text = text

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: Any, match: re.Match[str]
    ) -> "Again":
        return cls(match["text"])

    async def callback(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message(f"again: {self.text}", file=picture("blue"))


class Ask(discord.ui.Modal, title="Echo"):
    """A form with one field."""

    text: discord.ui.TextInput[Any] = discord.ui.TextInput(label="Text", custom_id="text")

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message(f"you wrote {self.text.value}", ephemeral=True)


class EchoBot(commands.AutoShardedBot):
    """Registers its commands whenever it starts."""

    async def setup_hook(self) -> None:
        self.add_dynamic_items(Again)
        await self.tree.sync()

    async def on_ready(self) -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()


@app_commands.command(description="Show a text with a picture")
async def echo(
    interaction: discord.Interaction, text: str, image: discord.Attachment | None = None
) -> None:
    """Defer, count the steps, then show the picture."""
    await interaction.response.defer(thinking=True)
    seen = f" with {len(await image.read())} bytes" if image else ""
    for step in range(1, STEPS + 1):
        await interaction.edit_original_response(content=f"step {step} of {STEPS}")
        await asyncio.sleep(0.3)
    view = discord.ui.View(timeout=None)
    view.add_item(Again(text))
    await interaction.edit_original_response(
        content=f"you said: {text}{seen}", attachments=[picture("red")], view=view
    )


@echo.autocomplete("text")
async def suggest(_interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
    """Offer to shout."""
    return [app_commands.Choice(name=typed.upper(), value=typed.upper())]


@app_commands.command(description="Answer by a form")
async def ask(interaction: discord.Interaction) -> None:
    """Show the form."""
    await interaction.response.send_modal(Ask())


@app_commands.command(description="Only for moderators")
@app_commands.default_permissions(manage_messages=True)
async def secret(interaction: discord.Interaction) -> None:
    """Answer where only the asker sees it."""
    await interaction.response.send_message("only you see this", ephemeral=True)


@app_commands.command(description="Break the rules of Discord")
async def crooked(interaction: discord.Interaction) -> None:
    """Send a key Discord's document does not know."""
    route = discord.http.Route(
        "POST",
        "/channels/{channel_id}/messages",
        channel_id=interaction.channel_id,
    )
    await interaction.response.defer(ephemeral=True)
    await interaction.client.http.request(route, json={"content": "x", "colour": "red"})


def main() -> None:
    """Point discord.py at the offline Discord and run."""
    discord.http.Route.BASE = sys.argv[1]
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(sys.argv[2])
    shard_id, shard_count = (int(each) for each in (*sys.argv[3:5], 0, 1)[:2])
    bot = EchoBot(
        "!",
        intents=discord.Intents(guilds=True),
        shard_ids=[shard_id],
        shard_count=shard_count,
        help_command=None,
    )
    for command in (echo, ask, secret, crooked):
        bot.tree.add_command(command)
    bot.run("any-token", log_handler=None)


if __name__ == "__main__":
    main()
