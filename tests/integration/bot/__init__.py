"""The bot in a simulated Discord, over in-memory stores."""
