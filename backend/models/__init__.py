"""The registry of checkpoints and adapters; no book on this shelf yet."""
