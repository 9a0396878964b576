"""From the words a member typed to a PromptSpec: parse, translate, screen."""
