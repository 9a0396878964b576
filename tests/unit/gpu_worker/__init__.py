"""The GPU worker's rooms, without servers."""
