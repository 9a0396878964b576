"""Slash commands, one command or group a file."""
