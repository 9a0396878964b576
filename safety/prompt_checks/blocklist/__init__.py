"""A blocklist that reads through disguises: words, phrases and combinations of them, as data in rule files."""
