"""Unit tests of the bot: presenters, custom ids, identity, and the owner of a message."""
