"""From a slash command, a POST and a click to a delivered picture."""
