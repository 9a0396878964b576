"""Rate limits per account; no book on this shelf yet."""
