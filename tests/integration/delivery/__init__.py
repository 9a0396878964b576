"""Events, flags and links on real servers."""
