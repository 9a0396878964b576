"""The `impasto` command: starts the other processes, never imports them."""
