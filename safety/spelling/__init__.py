"""How a text is spelled: brought to one plain spelling, and cut into words with their places."""
