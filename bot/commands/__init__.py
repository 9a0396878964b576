"""Slash commands, one command or group a file; each defers, calls one service method, presents the answer."""
