"""The offline Discord, held against a real discord.py process."""
