"""The GPU worker as a process, with a real broker."""
