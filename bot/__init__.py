"""The Discord end: commands, buttons, and the delivery of finished pictures into channels."""
