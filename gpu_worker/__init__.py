"""The drawing end: one process, one GPU, one model family."""
