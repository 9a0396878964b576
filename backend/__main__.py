"""`python -m backend`: the gateway or the dispatcher as one process."""
