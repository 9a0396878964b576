"""Places events are published to."""
